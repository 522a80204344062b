"""Configurations on their way to R and back."""

from __future__ import annotations

import importlib
from typing import Any


def to_r(config: Any) -> Any:
    """A configuration with its lists as tuples.

    reticulate makes a vector of a list of numbers, and a list of one number would come back as
    the number; a tuple stays a list.
    """
    if isinstance(config, dict):
        return {key: to_r(part) for key, part in config.items()}
    if isinstance(config, (list, tuple)):
        return tuple(to_r(part) for part in config)
    return config


def of(object: Any) -> Any:
    """The configuration of a Keras object."""
    return to_r(object.get_config())


def make(cls: Any, config: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    """An object of the class with this configuration, its weights afresh."""
    keras = importlib.import_module("keras")
    with keras.saving.custom_object_scope(custom_objects or {}):
        return cls.from_config(config)


def register(objects: dict[str, Any], clear: bool) -> None:
    """Make classes and functions known by name for the rest of the session."""
    registered = importlib.import_module("keras").saving.get_custom_objects()
    if clear:
        registered.clear()
    registered.update(objects)
