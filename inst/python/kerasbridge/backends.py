"""The backend that Keras runs on, as the session sees it."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any


def table() -> dict[str, Any]:
    """``backends.json``: the one table of backends, read by R and by the tests as well."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("backends.json").read_text())
    return loaded


def loaded() -> str | None:
    """The backend that Keras was loaded with, or ``None`` when Keras is not loaded."""
    keras = sys.modules.get("keras")
    return None if keras is None else str(keras.config.backend())


def trains(backend: str) -> bool:
    """Does the backend compute gradients?"""
    return bool(table()["backends"][backend]["trains"])


def version_of(package: str) -> str | None:
    """The installed version of a Python package, or ``None``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
