"""The elements of a data set: what R gives becomes theirs, and they become R's.

An element is a tree: a tuple for R's ``list()``, a dictionary for a named list, and at the leaves
arrays, tensors, numbers or strings. Each engine has the same element for the same R data.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import arrays

Convert = Callable[[Any], Any]


def mapped(convert: Convert, value: Any) -> Any:
    """`value` with each leaf converted; lists and tuples alike become tuples."""
    if isinstance(value, dict):
        return {name: mapped(convert, part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(mapped(convert, part) for part in value)
    return convert(value)


def leaves(value: Any) -> list[Any]:
    """The leaves of an element, in their order."""
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def from_r(value: Any) -> Any:
    """R data as an element: row-major arrays in the dtypes of their tensors."""
    return mapped(_leaf, value)


def slices_from_r(value: Any) -> Any:
    """The same for data that is cut along its first dimension, where a single value has one."""
    return mapped(lambda leaf: _with_samples(_leaf(leaf)), value)


def _leaf(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.astype(object) if value.dtype.kind in "OUST" else arrays.row_major(value)
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int32(value)
    if isinstance(value, float):
        return np.dtype(arrays.floatx()).type(value)
    return value


def _with_samples(value: Any) -> Any:
    if isinstance(value, str):
        return np.array([value], dtype=object)
    return np.atleast_1d(value) if isinstance(value, (np.ndarray, np.generic)) else value


def samples(value: Any) -> int:
    """The one length of all parts along their first dimension; 0 for what is traced only."""
    shapes: list[Any] = [getattr(leaf, "shape", ()) for leaf in leaves(value) if leaf is not None]
    if any(
        getattr(shape, "rank", 1) is None or (len(shape) and shape[0] is None) for shape in shapes
    ):
        return 0
    sizes = {int(shape[0]) for shape in shapes if len(shape)}
    if len(sizes) != 1:
        told = ", ".join(map(str, sorted(sizes))) or "none"
        raise ArgumentError(f"`tensors` must have one number of samples in all parts, not {told}.")
    return sizes.pop()


def row(value: Any, position: int) -> Any:
    """The sample at `position` of all parts."""
    return mapped(lambda leaf: leaf[position], value)


def refilled(value: Any, parts: Iterable[Any]) -> Any:
    """The tree `value` with these `parts` for its leaves."""
    taken = iter(parts)
    return mapped(lambda _: next(taken), value)


def for_r(value: Any) -> Any:
    """An element as R data, where nobody finishes what is pending: numbers, strings, arrays."""
    if isinstance(value, dict):
        return {name: for_r(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_r(part) for part in value]
    return _leaf_for_r(value)


def _leaf_for_r(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (bool, int, float, complex, str)) or value is None:
        return value
    if not isinstance(value, (np.ndarray, np.generic)) and not hasattr(value, "__array__"):
        return value
    array = np.asarray(arrays.numpy_of(value))
    if array.dtype.kind == "U":
        array = array.astype(object)
    array = arrays.r_array(array)
    if isinstance(array, np.ndarray) and array.ndim == 0:
        return array.item()
    return array


def called(function: Callable[..., Any], element: Any) -> Any:
    """`function` of an element, whose parts are its arguments where it is a tuple."""
    return function(*element) if isinstance(element, tuple) else function(element)


def on_r_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which is R's, refused in a thread where R would be waited for without end."""

    def call(*values: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("R makes the elements of this data set, on its own thread only.")
        return function(*values)

    return call


def running_r(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which is R's, of elements as R data; what it gives is an element."""

    function = on_r_thread(function)

    def run(*parts: Any) -> Any:
        return from_r(function(*(for_r(part) for part in parts)))

    return run


def side_by_side(columns: list[Any]) -> Any:
    """Columns as the last dimension of one array or tensor: numbers in the dtype of the widest."""
    if not any(type(column).__module__.startswith("tensorflow.") for column in columns):
        return np.stack([np.asarray(column) for column in columns], axis=-1)
    tf = importlib.import_module("tensorflow")
    dtype = "float32" if any(column.dtype.is_floating for column in columns) else columns[0].dtype
    return tf.stack([tf.cast(column, dtype) for column in columns], axis=-1)


def described_spec(element: Any) -> list[dict[str, Any]]:
    """Name, dtype and shape of each leaf of an element or of its specification."""
    return [
        {"name": name, "dtype": _dtype(leaf), "shape": _shape(leaf)}
        for name, leaf in _named(element, "")
    ]


def _named(value: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        parts = [(str(key), part) for key, part in value.items()]
    elif type(value) in (list, tuple):
        parts = [(f"[[{i}]]", part) for i, part in enumerate(value, start=1)]
    else:
        return [(name, value)]
    joined = [(_joined(name, key), part) for key, part in parts]
    return [leaf for key, part in joined for leaf in _named(part, key)]


def _joined(name: str, key: str) -> str:
    return name + key if not name or key.startswith("[[") else f"{name}${key}"


def _dtype(leaf: Any) -> str:
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        nested = getattr(leaf, "element_spec", None)
        return "dataset" if nested is not None else "string" if _is_text(leaf) else "unknown"
    name = str(getattr(dtype, "name", dtype))
    return "string" if name.startswith(("object", "str", "bytes")) else name.split(".")[-1]


def _is_text(leaf: Any) -> bool:
    return isinstance(leaf, (str, bytes))


def _shape(leaf: Any) -> list[int | None] | None:
    shape = getattr(leaf, "shape", () if _is_text(leaf) else None)
    if shape is None or getattr(shape, "rank", 0) is None:
        return None
    return [None if size is None else int(size) for size in shape]
