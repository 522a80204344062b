"""Functions of `keras.ops` that R needs in another form than a conversion of arguments can give.

Each stands for Keras's function of its name, with the parameters of the wrapper. Positions are
0-based here, as everywhere in the shim.
"""

from __future__ import annotations

import importlib
import math
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from kerasbridge.tensors import arrays, frameworks
from kerasbridge.tensors.kinds import integer

Function = Callable[..., Any]

_FUZZ: Final = 1e-10


def _ops() -> Any:
    return importlib.import_module("keras").ops


def arange(
    start: Any, end: Any = None, step: Any = None, dtype: Any = None, include_end: bool = True
) -> Any:
    """R's ``seq()``: from 1 when one number is given, and up to and with `end`."""
    if end is None:
        start, end, step = 1, start, 1 if step is None else step
    start, end, step = map(_number, (start, end, step))
    if any(map(frameworks.is_unknown, (start, end, step))):
        return _traced_arange(start, end, step, dtype, include_end)
    if step is None:
        step = 1 if start <= end else -1
    steps = (end - start) / step
    # what rounding may lack of a whole step, as in seq()
    count = math.floor(steps + _FUZZ) + 1 if include_end else math.ceil(steps - _FUZZ)
    count = max(count, 0)
    values = (start, end, step)
    if _is_integer_dtype(dtype) and all(float(value).is_integer() for value in values):
        start, end, step = map(int, values)
    if all(isinstance(value, int) for value in (start, end, step)):
        return _ops().arange(start, start + count * step, step, dtype=dtype)
    # rounding cannot cross an end that lies half a step beyond the last value
    stop = start + (count - 0.5) * step if count else start
    return _ops().arange(float(start), float(stop), float(step), dtype=dtype)


def _is_integer_dtype(dtype: Any) -> bool:
    return isinstance(dtype, str) and dtype.startswith(("int", "uint"))


def _number(value: Any) -> Any:
    if not frameworks.is_tensor(value):
        return value
    known = frameworks.known(value)
    return frameworks.of(value).value(value) if known is None else known.item()


def _traced_arange(start: Any, end: Any, step: Any, dtype: Any, include_end: bool) -> Any:
    """The same where a number is known only when it is computed, as the size of a batch is."""
    ops, given = _ops(), (start, end, step)
    floating = any(_is_floating(value) for value in given)
    dtype = dtype or (arrays.floatx() if floating else "int32")
    if all(not _is_floating(value) or _is_whole(value) for value in given):
        start, end, step = (int(value) if _is_whole(value) else value for value in given)
    if step is None:
        step = _direction(start, end)
    if any(map(_is_floating, (start, end, step))):
        start, end, step = (ops.cast(value, arrays.floatx()) for value in (start, end, step))
        steps = (end - start) / step
        count = ops.floor(steps + _FUZZ) + 1 if include_end else ops.ceil(steps - _FUZZ)
        # rounding cannot cross an end that lies half a step beyond the last value
        stop = start + (count - 0.5) * step
    else:
        count = (end - start) // step + 1 if include_end else -((start - end) // step)
        stop = start + count * step
    floating = any(map(_is_floating, (start, stop, step)))
    values = ops.arange(start, stop, step, dtype=arrays.floatx() if floating else "int32")
    return ops.cast(values, dtype)


def _is_floating(value: Any) -> bool:
    if frameworks.is_tensor(value):
        return "float" in frameworks.of(value).dtype(value)
    return isinstance(value, float)


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _direction(start: Any, end: Any) -> Any:
    """Down where the end is before the start; sizes that are no tensors do not say."""
    for value in (start, end):
        if frameworks.is_tensor(value):
            return frameworks.of(value).library().where(start <= end, 1, -1)
    return 1


def array(x: Any, dtype: Any = None) -> Any:
    """R's data goes into `dtype` at once, not by way of float32."""
    if not frameworks.is_made(x):
        x = arrays.tensor_of(x, dtype)
        if frameworks.is_tensor(x):
            return x
    return _ops().array(x, dtype=dtype)


def cast(x: Any, dtype: Any) -> Any:
    """The same."""
    if not frameworks.is_made(x):
        x = arrays.tensor_of(x, dtype, wraps=True)
    return _ops().cast(x, dtype)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """The same."""
    if not frameworks.is_made(x):
        x = arrays.tensor_of(x, dtype)
        if frameworks.is_tensor(x):
            return x
    return _ops().convert_to_tensor(x, dtype=dtype, sparse=sparse, ragged=ragged)


def custom_gradient(f: Function) -> Function:
    """PyTorch gives the gradient function the inputs, and the gradient upstream by name."""
    keras = importlib.import_module("keras")
    if keras.config.backend() != "torch":
        return typing.cast(Function, keras.ops.custom_gradient(f))

    def given_upstream(*inputs: Any, **options: Any) -> Any:
        value, gradient = f(*inputs, **options)
        return value, lambda *_, upstream: gradient(upstream)

    return typing.cast(Function, keras.ops.custom_gradient(given_upstream))


def digitize(x: Any, bins: Any, zero_indexed: bool = False) -> Any:
    """The number of limits at or below a value, which is the same from wherever one counts."""
    return _ops().digitize(x, bins)


def histogram(x: Any, bins: int = 10, range: Sequence[float] | None = None) -> Any:
    """Keras takes `range` as a tuple only."""
    return _ops().histogram(x, bins, None if range is None else tuple(range))


def jvp(fun: Function, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """Frameworks take tuples of tensors: a number has no dtype and no direction."""

    def tensors(parts: Any) -> tuple[Any, ...]:
        return tuple(map(_ops().convert_to_tensor, parts if isinstance(parts, list) else [parts]))

    return _ops().jvp(fun, tensors(primals), tensors(tangents), has_aux=has_aux)


def _pooling(name: str) -> Function:
    def pool(
        inputs: Any,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: Any = None,
    ) -> Any:
        strides = pool_size if strides is None else strides
        return getattr(_ops(), name)(inputs, pool_size, strides, padding, data_format)

    pool.__name__ = name
    pool.__doc__ = "JAX needs `strides`."
    return pool


average_pool = _pooling("average_pool")


max_pool = _pooling("max_pool")


def multi_hot(
    inputs: Any, num_classes: Any = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """A single class is a set of one; Keras would reduce it to a number."""
    if not np.ndim(inputs):
        inputs = _ops().reshape(inputs, (1,))
    return _ops().multi_hot(inputs, num_classes, axis, dtype, sparse)


def normalize(x: Any, axis: Any = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """Whole numbers are divided as others are: some backends refuse, and NumPy rounds."""
    return _ops().normalize(with_fraction(x), axis=axis, order=order, epsilon=epsilon)


def normalize_array(x: Any, axis: Any = -1, order: int = 2) -> Any:
    """The same; of an array of NumPy, Keras takes the norm along one axis and divides another."""
    return _ops().normalize(with_fraction(x), axis=axis, order=order)


def with_fraction(x: Any) -> Any:
    if not frameworks.is_tensor(x):
        x = _ops().convert_to_tensor(x)
    whole = frameworks.of(x).dtype(x).startswith(("int", "uint", "bool"))
    return _ops().cast(x, arrays.floatx()) if whole else x


def nonzero(x: Any) -> Any:
    """One row for each hit and one column for each axis, as ``which(arr.ind = TRUE)``."""
    return _ops().stack(list(_ops().nonzero(x)), axis=-1)


def rearrange(tensor: Any, pattern: str, **axes_lengths: Any) -> Any:
    """Lengths of axes are whole numbers, whatever their names are."""
    lengths = {name: integer(length, name) for name, length in axes_lengths.items()}
    return _ops().rearrange(tensor, pattern, **lengths)


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    """Frameworks take several `repeats` as a tensor only."""
    if isinstance(repeats, tuple):
        repeats = arrays.tensor_of(np.asarray(repeats), "int32", "repeats")
    return _ops().repeat(x, repeats, axis=axis)


def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> Any:
    """`unroll` is a number of steps, or ``True`` for all of them."""
    steps = unroll if isinstance(unroll, bool) else integer(unroll, "unroll")
    return _ops().scan(f, init, xs=xs, length=length, reverse=reverse, unroll=steps)


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    size: Any = None,
    fill_value: Any = None,
    zero_indexed: bool = False,
) -> Any:
    """Which parts of the result are positions depends on the arguments."""
    options = {"return_index": return_index, "return_inverse": return_inverse}
    result = _ops().unique(
        x,
        sorted=sorted,
        **options,
        return_counts=return_counts,
        axis=axis,
        size=size,
        fill_value=fill_value,
    )
    positions = return_index + return_inverse
    if not positions or zero_indexed:
        return result
    values, *rest = result
    return [values, *(part + 1 for part in rest[:positions]), *rest[positions:]]


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """The condition alone asks for positions, counted from 1."""
    if x1 is None and x2 is None:
        return nonzero(condition) + 1
    return _ops().where(condition, x1, x2)


#: The public names of those above that stand for a function on each backend.
ADAPTED: Final[dict[str, Function]] = {
    f"keras.ops.{function.__name__}": function
    for function in (
        arange,
        array,
        average_pool,
        cast,
        convert_to_tensor,
        custom_gradient,
        digitize,
        histogram,
        jvp,
        max_pool,
        multi_hot,
        nonzero,
        normalize,
        rearrange,
        repeat,
        scan,
        unique,
        where,
    )
}
