"""Shapes as R users write them, and as Keras wants them."""

from __future__ import annotations

import importlib
import math
from functools import lru_cache
from typing import Any, Final

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import frameworks

#: What R's ``NA_integer_`` is in Python.
NA_INTEGER: Final = -(2**31)

#: More elements than any memory holds: some frameworks end the process over such a shape.
_TOO_MANY: Final = 2**48


def whole(value: Any, name: str) -> int:
    """One whole number: ``32`` and ``32.0`` are 32; ``32.5``, ``NA`` and ``TRUE`` are refused."""
    if type(value) is int:
        if value == NA_INTEGER:
            raise ArgumentError(f"`{name}` must be a whole number, not NA.")
        return value
    if isinstance(value, bool):
        raise ArgumentError(f"`{name}` must be a whole number, not {str(value).upper()}.")
    if isinstance(value, float):
        if math.isnan(value):
            raise ArgumentError(f"`{name}` must be a whole number, not NA.")
        if value.is_integer():
            return int(value)
        raise ArgumentError(f"`{name}` must be a whole number, not {value:g}.")
    if hasattr(value, "__index__"):
        return int(value.__index__())
    raise ArgumentError(f"`{name}` must be a whole number, not {described(value)}.")


def dimension(value: Any, name: str) -> Any:
    """One dimension of a shape; ``NA`` and ``NULL`` are an unknown size.

    What a framework has for a size that is known only when it computes stays what it is.
    """
    if value is None or (isinstance(value, int) and value == NA_INTEGER):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    if frameworks.is_size(value):
        return value
    if frameworks.is_tensor(value):
        value = _size_in_tensor(value, name)
        if frameworks.is_tensor(value):
            return value
    size = whole(value, name)
    if size < -1:
        raise ArgumentError(f"`{name}` must not hold the negative size {size}.")
    return size


def _size_in_tensor(value: Any, name: str) -> Any:
    """A size as a scalar tensor: a number where it has a value, else whole numbers of it."""
    framework = frameworks.of(value)
    if len(framework.shape(value)):
        raise ArgumentError(f"`{name}` must hold whole numbers, and not a tensor with dimensions.")
    number = frameworks.known(value)
    return framework.whole(framework.value(value)) if number is None else number.item()


def sizes_of(x: Any) -> Any:
    """What R's ``shape()`` makes of a Python object, ``None`` where that is no part of a shape.

    A size, also one in a scalar tensor, is itself; a tensor with dimensions has their sizes.
    """
    if frameworks.is_size(x):
        return (x,)
    if isinstance(x, tuple) or type(x).__name__ == "TensorShape":  # a framework's own shape
        return tuple(x)
    if not frameworks.is_tensor(x):
        return None
    sizes = frameworks.of(x).shape(x)
    if not sizes:
        return (dimension(x, "shape"),)
    return importlib.import_module("keras").ops.shape(x) if None in sizes else sizes


def shape(value: Any, name: str = "shape") -> Any:
    """A shape as a tuple: ``c(NA, 3)`` is ``(None, 3)``, one number is one dimension.

    Trees of shapes (a layer with several inputs) keep their structure; a vector in a tensor
    passes through where its values are not known.
    """
    if value is None:
        return value
    if isinstance(value, str):
        raise ArgumentError(f"`{name}` must hold whole numbers, not {described(value)}.")
    if isinstance(value, dict):
        return {key: shape(part, name) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        if {type(part) for part in value} <= {int, float}:
            return _sizes(tuple(value), name)
        if any(isinstance(part, (list, tuple, dict)) for part in value):
            return [shape(part, name) for part in value]
        return _possible(tuple(dimension(part, name) for part in value), name)
    if isinstance(value, np.ndarray):
        return shape(value.tolist(), name)
    if isinstance(value, (int, float)) or frameworks.is_size(value):
        return _possible((dimension(value, name),), name)
    return _shape_in_tensor(value, name) if frameworks.is_tensor(value) else value


def _shape_in_tensor(value: Any, name: str) -> Any:
    if not frameworks.of(value).shape(value):
        return (dimension(value, name),)
    numbers = frameworks.known(value)
    return value if numbers is None else shape(numbers, name)


@lru_cache(maxsize=4096)
def _sizes(values: tuple[float, ...], name: str) -> tuple[int | None, ...]:
    """A shape of plain numbers, remembered."""
    return _possible(tuple(dimension(value, name) for value in values), name)


def _possible(sizes: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    numbers = [size for size in sizes if isinstance(size, int)]
    if math.prod(numbers) > _TOO_MANY:
        raise ArgumentError(f"`{name}` has more elements than any memory holds.")
    if max(numbers, default=0) >= 2**31 and _counts_in_32_bits():
        raise ArgumentError(f"`{name}` has a dimension beyond 2^31, which JAX has not.")
    return sizes


def _counts_in_32_bits() -> bool:
    return bool(importlib.import_module("keras").config.backend() == "jax")


def described(value: Any) -> str:
    """What a refused value is, in R's words."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dict):
        return "a named list"
    if isinstance(value, (list, tuple)):
        return f"{len(value)} values"
    if isinstance(value, (int, float)):
        return f"{value:g}"
    if type(value).__name__ == "PyCapsule":
        return "an object that only R can read"
    if callable(value):
        return "a function"
    return f"an object of class {type(value).__name__}"
