"""Configurations on their way to R and back."""

from __future__ import annotations

import importlib
from typing import Any

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors.kinds import tree
from kerasbridge.tensors.shapes import described


def of(object: Any) -> Any:
    """The configuration of a Keras object."""
    return tree(object.get_config())


def make(cls: Any, config: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    """An object of the class with this configuration, its weights afresh."""
    if not custom_objects:
        return cls.from_config(config)  # in a scope of its own, it would not see one around it
    with importlib.import_module("keras").saving.custom_object_scope(custom_objects):
        return cls.from_config(config)


def register(objects: dict[str, Any], clear: bool) -> None:
    """Make classes and functions known by name for the rest of the session."""
    registered = importlib.import_module("keras").saving.get_custom_objects()
    if clear:
        registered.clear()
    registered.update(objects)


def serializable(object: Any, package: str, name: str | None) -> Any:
    """Give a class or function the name by which Keras saves it and finds it again."""
    if not callable(object):
        raise ArgumentError(f"`object` must be a class or function, not {described(object)}.")
    register = importlib.import_module("keras").saving.register_keras_serializable
    return register(package=package, name=name)(object)
