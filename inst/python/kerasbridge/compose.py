"""Applying a layer to what the user piped into it."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from kerasbridge import arrays, frameworks
from kerasbridge.errors import ArgumentError
from kerasbridge.shapes import described


def compose(object: Any, layer: Any, name: str) -> Any:
    """`layer` itself for no object, the model it was added to, or its output for tensors.

    A Sequential model is changed in place and returned; a tensor, R data, or a list of these is
    what the layer is called with.
    """
    if object is None:
        return layer
    keras = importlib.import_module("keras")
    if isinstance(object, keras.Sequential):
        object.add(layer)
        return object
    if isinstance(object, (bool, int, float, str)) or not _callable_on(object):
        raise ArgumentError(
            f"`object` of {name}() must be a Sequential model, a tensor or a list of tensors, "
            f"not {described(object)}. Name the arguments: {name}(units = …)."
        )
    return layer(_data(layer, object, "object"))


def _callable_on(object: Any) -> bool:
    if isinstance(object, (list, tuple)):
        return all(_callable_on(part) for part in object)
    if isinstance(object, dict):
        return all(_callable_on(part) for part in object.values())
    return frameworks.is_tensor(object) or isinstance(object, (int, float))


def call_layer(layer: Any, *inputs: Any, **options: Any) -> Any:
    """A layer or model called on tensors or R data, as in ``layer(x, training = TRUE)``."""
    return layer(*[_data(layer, part, "inputs") for part in inputs], **options)


def _data(layer: Any, value: Any, name: str) -> Any:
    """R data as tensors; but strings as they are for a layer that looks them up by itself."""
    if isinstance(value, (list, tuple)):
        return [_data(layer, part, name) for part in value]
    if isinstance(value, dict):
        return {key: _data(layer, part, name) for key, part in value.items()}
    if _is_text(value) and not getattr(layer, "_convert_input_args", True):
        return np.asarray(value, dtype=object)
    return arrays.tensor(value, name)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "OUST")
