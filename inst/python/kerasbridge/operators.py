"""Arithmetic, comparison and mathematics between tensors and R's values.

R's numbers are doubles; in arithmetic with a tensor they take the tensor's dtype when it is a
floating one, and make an integer or boolean tensor a floating one, as in R. Two tensors follow
the framework's own promotion.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from kerasbridge import arrays, frameworks, kinds
from kerasbridge.errors import ArgumentError

Binary = Callable[[Any, Any], Any]


def _binary(function: Binary, logical: bool = False) -> Binary:
    def apply(x: Any, y: Any) -> Any:
        x_kind = frameworks.of_type(type(x))
        y_kind = frameworks.of_type(type(y))
        if x_kind is None or x_kind.name == "numpy":
            if y_kind is not None and y_kind.name != "numpy":
                x, y = _matched(x, y, y_kind)
        elif y_kind is None or y_kind.name == "numpy":
            y, x = _matched(y, x, x_kind)
        if logical:
            x, y = as_logical(x), as_logical(y)
        return function(x, y)

    return apply


def _matched(data: Any, tensor: Any, framework: frameworks.Framework) -> tuple[Any, Any]:
    """R's `data` and the `tensor` it meets, in dtypes that the framework computes with."""
    dtype = framework.dtype(tensor)
    data = arrays.host(data)
    kind = "b" if isinstance(data, bool) else np.asarray(data).dtype.kind
    floating = "float" in dtype or "complex" in dtype
    if kind == "b" and dtype != "bool":
        data = int(data) if isinstance(data, bool) else data.astype("int32")
        kind = "i"
    if kind == "f" and not floating:
        dtype = _floatx()
        tensor = framework.cast(framework.value(tensor), dtype)
    elif kind == "i" and dtype == "bool":
        tensor = framework.cast(framework.value(tensor), "int32")
        dtype = "int32"
    elif kind == "c" and "complex" not in dtype:
        tensor = framework.cast(framework.value(tensor), "complex64")
        dtype = "complex64"
    if isinstance(data, np.ndarray):
        if kind != "O":
            data = data.astype(_numpy_dtype(dtype))
        return framework.from_numpy(data, like=framework.value(tensor)), tensor
    return data, tensor


def _numpy_dtype(dtype: str) -> str:
    """A dtype that NumPy has, wide enough for `dtype`; the framework narrows it itself."""
    return "float32" if dtype.startswith(("bfloat", "float8")) else dtype


def _floatx() -> str:
    return str(importlib.import_module("keras").config.floatx())


def _power(x: Any, y: Any) -> Any:
    return operator.pow(x, y)


def _floor_divide(x: Any, y: Any) -> Any:
    return operator.floordiv(x, y)


def as_logical(x: Any) -> Any:
    """R's truth of a number: anything but zero."""
    framework = frameworks.of_type(type(x))
    if framework is None:
        return bool(x)
    return x if framework.dtype(x) == "bool" else framework.value(x) != 0


def _equal(x: Any, y: Any) -> Any:
    """Element-wise; TensorFlow variables and Keras tensors may compare by identity otherwise."""
    framework = _first(x, y)
    return framework.library().equal(*_values(x, y)) if framework.name == "keras" else x == y


def _not_equal(x: Any, y: Any) -> Any:
    framework = _first(x, y)
    if framework.name == "keras":
        return framework.library().not_equal(*_values(x, y))
    return x != y


def _first(x: Any, y: Any) -> frameworks.Framework:
    """The framework of the first tensor of a pair; a Keras one decides."""
    found = [frameworks.of_type(type(part)) for part in (x, y)]
    known = [framework for framework in found if framework is not None]
    return next((framework for framework in known if framework.name == "keras"), known[0])


def _values(*tensors: Any) -> list[Any]:
    return [
        frameworks.of(tensor).value(tensor) if frameworks.is_tensor(tensor) else tensor
        for tensor in tensors
    ]


def matmul(x: Any, y: Any) -> Any:
    """R's ``%*%``: a vector is a row or a column, whichever fits."""
    return operator.matmul(x, y)


BINARY: Final[dict[str, Binary]] = {
    "+": _binary(operator.add),
    "-": _binary(operator.sub),
    "*": _binary(operator.mul),
    "/": _binary(operator.truediv),
    "^": _binary(_power),
    "%%": _binary(operator.mod),
    "%/%": _binary(_floor_divide),
    "%*%": _binary(matmul),
    "==": _binary(_equal),
    "!=": _binary(_not_equal),
    "<": _binary(operator.lt),
    "<=": _binary(operator.le),
    ">": _binary(operator.gt),
    ">=": _binary(operator.ge),
    "&": _binary(operator.and_, logical=True),
    "|": _binary(operator.or_, logical=True),
}


def binary(operator_name: str) -> Binary:
    """The Python function of an R operator."""
    return BINARY[operator_name]


def negative(x: Any) -> Any:
    return -x


def logical_not(x: Any) -> Any:
    framework = frameworks.of(x)
    return framework.library().logical_not(as_logical(x))


def dim(x: Any) -> list[int | None]:
    """The static sizes; ``None`` where they are not known."""
    return list(frameworks.of(x).shape(x))


#: R's name -> the name in `keras.ops`, where they differ.
_NAMES: Final[dict[str, str]] = {
    "ceiling": "ceil",
    "acos": "arccos",
    "asin": "arcsin",
    "atan": "arctan",
    "acosh": "arccosh",
    "asinh": "arcsinh",
    "atanh": "arctanh",
    "Re": "real",
    "Im": "imag",
    "Mod": "abs",
    "Arg": "angle",
    "Conj": "conj",
    "is.finite": "isfinite",
    "is.infinite": "isinf",
    "is.nan": "isnan",
}

_REDUCTIONS: Final = {"sum", "prod", "max", "min", "any", "all", "mean"}


def math(name: str, x: Any, *arguments: Any) -> Any:
    """A mathematical function of R on a tensor; axes count from 1."""
    ops = importlib.import_module("keras.ops")
    x = frameworks.of(x).value(x)
    if name in _REDUCTIONS:
        return _reduced(ops, name, x, *arguments)
    if name == "t":
        return _transposed(ops, x)
    if name == "aperm":
        return ops.transpose(x, kinds.axis(arguments[0], "perm"))
    if name == "round":
        return ops.round(x, kinds.integer(arguments[0], "digits"))
    if name in ("cumsum", "cumprod"):
        return getattr(ops, name)(ops.reshape(x, (-1,)))
    return getattr(ops, _NAMES.get(name, name))(x)


def _reduced(ops: Any, name: str, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Over all elements without `axis`; R's truth values count in sums and means."""
    if name in ("sum", "prod", "mean") and frameworks.of(x).dtype(x) == "bool":
        x = ops.cast(x, "int32")
    return getattr(ops, name)(x, axis=kinds.axis(axis, "axis"), keepdims=keepdims)


def _transposed(ops: Any, x: Any) -> Any:
    rank = len(frameworks.of(x).shape(x))
    if rank > 2:
        raise ArgumentError(f"t() is for vectors and matrices, not {rank} dimensions: see aperm().")
    return ops.reshape(x, (1, -1)) if rank < 2 else ops.transpose(x)
