"""The backend that Keras runs on, as the session sees it."""

from __future__ import annotations

import json
import re
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


def require_keras() -> None:
    """Nothing, or an `ImportError`: the Keras that is installed is older than what is supported."""
    installed = version_of("keras")
    (wanted,) = (name for name in table()["requirements"] if name.startswith("keras>="))
    if installed is not None and _release(installed) < _release(wanted):
        raise ImportError(f"Keras {installed} is too old: {wanted} is needed")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def version_of(package: str) -> str | None:
    """The installed version of a Python package, or ``None``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
