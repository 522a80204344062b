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

from kerasbridge.errors import ArgumentError
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
    return _ops().normalize(_with_fraction(x), axis=axis, order=order, epsilon=epsilon)


def normalize_array(x: Any, axis: Any = -1, order: int = 2) -> Any:
    """The same; of an array of NumPy, Keras takes the norm along one axis and divides another."""
    return _ops().normalize(_with_fraction(x), axis=axis, order=order)


def _with_fraction(x: Any) -> Any:
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


# Where Keras 3.15 gives wrong values, without an error, on some backend.


def add(x1: Any, x2: Any) -> Any:
    """TensorFlow takes a column for a bias, one number for each column of a square `x1`."""
    ops = _ops()
    if frameworks.is_tensor(x2):
        sizes = frameworks.of(x2).shape(x2)
        if len(sizes) > 1 and sizes[-1] == 1:
            others = frameworks.of(x1).shape(x1) if frameworks.is_tensor(x1) else ()
            if None not in (*sizes, *others):
                known = typing.cast("list[tuple[int, ...]]", [sizes, others])
                x2 = ops.broadcast_to(x2, np.broadcast_shapes(*known))
    return ops.add(x1, x2)


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """PyTorch sums the weights along the last axis, and TensorFlow takes any that broadcast."""
    ops = _ops()
    if weights is None:
        return ops.average(x, axis=axis)
    x, weights = _with_fraction(x), ops.convert_to_tensor(weights)
    weights = _along(ops.cast(weights, frameworks.of(x).dtype(x)), x, axis)
    total = ops.sum(weights * ops.ones_like(x), axis=axis)
    return ops.sum(x * weights, axis=axis) / total


def _along(weights: Any, x: Any, axis: Any) -> Any:
    """Weights of all of `x`, or of the positions along the axes, as NumPy has them."""
    given, sizes = frameworks.of(weights).shape(weights), frameworks.of(x).shape(x)
    if len(given) == len(sizes) and _fit(given, sizes):
        return weights
    if axis is None:
        raise ArgumentError("`axis` must be given where `weights` has not the shape of `x`.")
    axes = [place % len(sizes) for place in ([axis] if isinstance(axis, int) else axis)]
    if len(given) != len(axes) or not _fit(given, [sizes[place] for place in axes]):
        raise ArgumentError("`weights` must have the shape of `x`, or its sizes along `axis`.")
    ops = _ops()
    order = sorted(range(len(axes)), key=axes.__getitem__)
    if order != list(range(len(axes))):
        weights = ops.transpose(weights, order)
    lengths = ops.shape(weights)
    places = sorted(axes)
    return ops.reshape(
        weights, [lengths[places.index(a)] if a in places else 1 for a in range(len(sizes))]
    )


def _fit(given: Sequence[int | None], sizes: Sequence[int | None]) -> bool:
    return all(a == b or None in (a, b) for a, b in zip(given, sizes, strict=True))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A number is refused where `dtype` has it not, as :func:`array` does."""
    if dtype is not None and not frameworks.is_made(fill_value):
        fill_value = arrays.tensor_of(fill_value, dtype, "fill_value")
    return _ops().full(shape, fill_value, dtype=dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """The same, of the dtype that `x` has."""
    if not frameworks.is_made(fill_value):
        x = x if frameworks.is_tensor(x) else _ops().convert_to_tensor(x)
        wanted = dtype or frameworks.of(x).dtype(x)
        fill_value = arrays.tensor_of(fill_value, wanted, "fill_value")
    if dtype == "uint64":  # Keras makes it uint32, where 2^40 becomes 0
        return _ops().full(_ops().shape(x), fill_value, dtype=dtype)
    return _ops().full_like(x, fill_value, dtype=dtype)


def argpartition(x: Any, kth: Any, axis: Any = -1) -> Any:
    """Two backends compare the elements as integers. A full order is a partition too."""
    return _ops().argsort(x, axis=axis)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """TensorFlow makes too many rows and columns for some `k`."""
    ops = _ops()
    if k == 0:
        return ops.eye(N, M, dtype=dtype)
    rows, columns = ops.arange(N), ops.arange(N if M is None else M)
    on_diagonal = ops.equal(ops.expand_dims(rows + k, 1), columns)
    return ops.cast(on_diagonal, dtype or arrays.floatx())


def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """TensorFlow can turn once only. Two turns are a flip of both axes."""
    ops = _ops()
    if k % 4 >= 2:
        array = ops.flip(array, axes)
    return ops.rot90(array, k % 2, axes)


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    """PyTorch counts negative positions in a flattened tensor by its first axis."""
    return _ops().take(*_flat(x, axis, indices))


def take_along_axis(x: Any, indices: Any, axis: Any = None) -> Any:
    """The same."""
    return _ops().take_along_axis(*_flat(x, axis, indices))


def _flat(x: Any, axis: Any, indices: Any) -> tuple[Any, Any, Any]:
    return (_ops().ravel(x), indices, 0) if axis is None else (x, indices, axis)


def unravel_index(indices: Any, shape: Sequence[int]) -> Any:
    """TensorFlow goes through `indices` of several axes column by column."""
    ops = _ops()
    indices = ops.convert_to_tensor(indices)
    found = ops.unravel_index(ops.ravel(indices), shape)
    return [ops.reshape(part, ops.shape(indices)) for part in found]


def vstack(xs: Sequence[Any]) -> Any:
    """TensorFlow puts vectors behind each other; they are rows."""
    ops = _ops()
    return ops.vstack([ops.expand_dims(x, 0) if len(ops.shape(x)) == 1 else x for x in xs])


#: The public names of those above that stand for a function on each backend.
ADAPTED: Final[dict[str, Function]] = {
    f"keras.ops.{function.__name__}": function
    for function in (
        arange,
        argpartition,
        array,
        average,
        average_pool,
        cast,
        convert_to_tensor,
        custom_gradient,
        digitize,
        eye,
        full,
        full_like,
        histogram,
        jvp,
        max_pool,
        multi_hot,
        nonzero,
        normalize,
        rearrange,
        repeat,
        rot90,
        scan,
        take,
        take_along_axis,
        unique,
        unravel_index,
        vstack,
        where,
    )
}
