"""Arithmetic, comparison and mathematics between tensors and R's values.

R's numbers are doubles; in arithmetic with a tensor they take the tensor's dtype when it is a
floating one, and make an integer or boolean tensor a floating one, as in R. Two tensors follow
the framework's own promotion.
"""

from __future__ import annotations

import importlib
import operator as python
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from kerasbridge.errors import ArgumentError, guarded
from kerasbridge.tensors import arrays, frameworks, kinds

Binary = Callable[[Any, Any], Any]


def _binary(function: Binary, name: str) -> Binary:
    """R's operator by Python's `function`; with a Keras tensor, by `keras.ops`'s of that `name`."""
    logical = name.startswith("logical")
    # Types of operands that met before, and that the framework takes as they are.
    known: set[tuple[type, type]] = set()

    def apply(x: Any, y: Any) -> Any:
        if (type(x), type(y)) in known:
            return function(x, y)
        x_standing, y_standing = _standing(x, "e1"), _standing(y, "e2")
        if logical:
            x, y = as_logical(x), as_logical(y)
        if x_standing < min(y_standing, _FRAMEWORK):
            x, y = _matched(x, y, frameworks.of(y), "e1")
        elif y_standing < min(x_standing, _FRAMEWORK):
            y, x = _matched(y, x, frameworks.of(x), "e2")
        elif x_standing == y_standing == _DATA:
            x, y = _beside_size(x, y), _beside_size(y, x)
        if x_standing == _KERAS or y_standing == _KERAS:
            return getattr(importlib.import_module("keras.ops"), name)(*_values(x, y))
        if x_standing == y_standing == _FRAMEWORK and not logical:
            known.add((type(x), type(y)))
        return function(x, y)

    return apply


def _beside_size(x: Any, y: Any) -> Any:
    """R's whole number `x` as one of Python's, where it meets a size: that it remains."""
    return int(x) if frameworks.is_size(y) and isinstance(x, float) and x.is_integer() else x


_DATA, _NUMPY, _FRAMEWORK, _KERAS = range(4)


def _standing(x: Any, name: str) -> int:
    """Of two operands the lower follows the higher: R's data, NumPy's arrays, tensors.

    R's arrays arrive as views that are read only. Keras's own tensors need its own functions.
    """
    if isinstance(x, arrays.Codes):
        raise ArgumentError(
            f"`{name}` is a factor, which R's operators do not compute with. Write "
            f"`as.integer({name})` for its codes, or `as.character({name})` for its levels."
        )
    framework = frameworks.of_type(type(x))
    if framework is None or (isinstance(x, np.ndarray) and _is_data(x)):
        return _DATA
    return {"numpy": _NUMPY, "keras": _KERAS}.get(framework.name, _FRAMEWORK)


def _is_data(x: np.ndarray[Any, Any]) -> bool:
    return not x.flags.writeable or x.dtype.kind in "OUST"


def _matched(data: Any, tensor: Any, framework: frameworks.Framework, name: str) -> tuple[Any, Any]:
    """R's `data` and the `tensor` it meets, in dtypes that the framework computes with."""
    dtype = framework.dtype(tensor)
    data = arrays.host(data)
    arrays.check_text(data, dtype, name)
    kind = "b" if isinstance(data, bool) else np.asarray(data).dtype.kind
    floating = "float" in dtype or "complex" in dtype
    if kind == "b" and dtype != "bool":
        data = int(data) if isinstance(data, bool) else data.astype("int32")
    elif kind in "iu" and not floating:
        return _whole_matched(data, tensor, framework, name)
    if kind == "f" and not floating:
        dtype = _floatx()
        tensor = framework.cast(framework.value(tensor), dtype)
    elif kind == "c" and "complex" not in dtype:
        tensor = framework.cast(framework.value(tensor), "complex64")
        dtype = "complex64"
    if isinstance(data, np.ndarray):
        if kind != "O":
            data = data.astype(_numpy_dtype(dtype))
        return framework.from_numpy(data, like=framework.value(tensor)), tensor
    return data, tensor


#: Dtypes that whole numbers keep beside R's; others give way to 32 bits, as truth values do.
_WHOLE: Final = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def _whole_matched(
    data: Any, tensor: Any, framework: frameworks.Framework, name: str
) -> tuple[Any, Any]:
    """Whole numbers beside whole numbers: both in a wider dtype where the tensor's lacks some."""
    current, own = framework.value(tensor), framework.dtype(tensor)
    dtype = _wide_enough(data, own if own in _WHOLE else "int32", name)
    if isinstance(data, np.ndarray) or dtype != own:
        data = framework.from_numpy(np.asarray(data).astype(dtype), like=current)
        if dtype == "int64" and frameworks.of(data).dtype(data) != dtype:
            raise ArgumentError(
                f"`{name}` and a tensor of {own} need integers of 64 bits. {arrays.OF_32_BITS}"
            )
    return data, tensor if dtype == own else framework.cast(current, dtype)


def _wide_enough(data: Any, dtype: str, name: str) -> str:
    """The integer `dtype`, or the next one that holds all of its numbers and `data` too."""
    if np.size(data) == 0 or getattr(data, "dtype", None) == dtype:
        return dtype
    low, high = int(np.min(data)), int(np.max(data))
    own = np.iinfo(dtype)
    if own.min <= low and high <= own.max:
        return dtype
    for wider in ("int32", "int64"):
        limits = np.iinfo(wider)
        if limits.min <= min(own.min, low) and max(own.max, high) <= limits.max:
            return wider
    raise ArgumentError(f"`{name}` holds {low if low < own.min else high}, which {dtype} has not.")


def _numpy_dtype(dtype: str) -> str:
    """A dtype that NumPy has, wide enough for `dtype`; the framework narrows it itself."""
    return "float32" if dtype.startswith(("bfloat", "float8")) else dtype


def _floatx() -> str:
    return str(importlib.import_module("keras").config.floatx())


def as_logical(x: Any) -> Any:
    """R's truth of a number: anything but zero."""
    framework = frameworks.of_type(type(x))
    if framework is None:
        return bool(x)
    if isinstance(x, np.ndarray):
        return np.asarray(x != 0)  # NumPy makes a number of what has no dimensions
    return x if framework.dtype(x) == "bool" else framework.value(x) != 0


def _values(*tensors: Any) -> list[Any]:
    return [
        frameworks.of(tensor).value(tensor) if frameworks.is_tensor(tensor) else tensor
        for tensor in tensors
    ]


def _matmul(x: Any, y: Any) -> Any:
    """As NumPy's, vectors included, which TensorFlow's own does not take."""
    if 1 in (len(x.shape), len(y.shape)):
        return importlib.import_module("keras.ops").matmul(x, y)
    return x @ y


def _is_single(x: Any) -> bool:
    return len(getattr(x, "shape", ())) == 0


def _compared(function: Binary, name: str) -> Binary:
    """`function`, refusing what does not fit: TensorFlow's own gives one FALSE or TRUE then."""

    def apply(x: Any, y: Any) -> Any:
        result = function(x, y)
        if _is_single(result) and not (_is_single(x) and _is_single(y)):
            return getattr(importlib.import_module("keras.ops"), name)(x, y)
        return result

    return apply


_BINARY: Final[dict[str, Binary]] = {
    "+": _binary(python.add, "add"),
    "-": _binary(python.sub, "subtract"),
    "*": _binary(python.mul, "multiply"),
    "/": _binary(python.truediv, "true_divide"),
    "^": _binary(python.pow, "power"),
    "%%": _binary(python.mod, "mod"),
    "%/%": _binary(python.floordiv, "floor_divide"),
    "%*%": _binary(_matmul, "matmul"),
    "==": _binary(_compared(python.eq, "equal"), "equal"),
    "!=": _binary(_compared(python.ne, "not_equal"), "not_equal"),
    "<": _binary(python.lt, "less"),
    "<=": _binary(python.le, "less_equal"),
    ">": _binary(python.gt, "greater"),
    ">=": _binary(python.ge, "greater_equal"),
    "&": _binary(python.and_, "logical_and"),
    "|": _binary(python.or_, "logical_or"),
}


def _negative(x: Any) -> Any:
    return -x


def _logical_not(x: Any) -> Any:
    return frameworks.of(x).library().logical_not(as_logical(x))


def dim(x: Any) -> list[int | None]:
    """The static sizes; ``None`` where they are not known."""
    return list(frameworks.of(x).shape(x))


#: R's name of a function of one tensor -> its name in `keras.ops`, where they differ.
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
    "is.na": "isnan",
}


def _elementwise(name: str) -> Callable[[Any], Any]:
    function = getattr(importlib.import_module("keras.ops"), _NAMES.get(name, name))
    return lambda x: function(frameworks.of(x).value(x))


def _reduction(name: str) -> Callable[..., Any]:
    """Over all elements without `axis`; R's truth values count in sums and means."""
    ops = importlib.import_module("keras.ops")
    function = getattr(ops, name)
    counts = name in ("sum", "prod", "mean")

    def reduce(x: Any, axis: Any = None, keepdims: bool = False, *others: Any) -> Any:
        framework = frameworks.of(x)
        x = _together(ops, (x, *others)) if others else framework.value(x)
        if counts and framework.dtype(x) == "bool":
            x = ops.cast(x, "int32")
        return function(x, axis=kinds.axis(axis, "axis"), keepdims=keepdims)

    return reduce


def _together(ops: Any, tensors: Sequence[Any]) -> Any:
    """``sum(x, y)``: all elements of all tensors."""
    flat = [ops.reshape(ops.convert_to_tensor(arrays.tensor(x)), (-1,)) for x in tensors]
    return ops.concatenate(flat)


def _cumulative(name: str) -> Callable[[Any], Any]:
    """Over all elements in R's column-major order, as a vector."""
    ops = importlib.import_module("keras.ops")
    function = getattr(ops, name)
    return lambda x: function(ops.reshape(ops.transpose(frameworks.of(x).value(x)), (-1,)))


def _rounded(x: Any, digits: Any) -> Any:
    ops = importlib.import_module("keras.ops")
    return ops.round(frameworks.of(x).value(x), kinds.integer(digits, "digits"))


def _transposed(x: Any) -> Any:
    """R's ``t()``: a vector becomes a row."""
    framework = frameworks.of(x)
    x = framework.value(x)
    rank = len(framework.shape(x))
    if rank > 2:
        raise ArgumentError(f"t() is for vectors and matrices, not {rank} dimensions: see aperm().")
    ops = importlib.import_module("keras.ops")
    return ops.reshape(x, (1, -1)) if rank < 2 else ops.transpose(x)


def _permuted(x: Any, perm: Any) -> Any:
    ops = importlib.import_module("keras.ops")
    return ops.transpose(frameworks.of(x).value(x), kinds.axis_vector(perm, "perm"))


_OTHERS: Final[dict[str, Callable[..., Any]]] = {
    "negative": _negative,
    "!": _logical_not,
    "round": _rounded,
    "t": _transposed,
    "aperm": _permuted,
}


def operator(name: str) -> Callable[..., Any]:
    """What R's operator or function `name` does with tensors; exceptions come back as values."""
    if name in _BINARY:
        return guarded(_BINARY[name])
    if name in _OTHERS:
        return guarded(_OTHERS[name])
    if name in ("sum", "prod", "max", "min", "any", "all", "mean"):
        return guarded(_reduction(name))
    if name in ("cumsum", "cumprod"):
        return guarded(_cumulative(name))
    return guarded(_elementwise(name))
