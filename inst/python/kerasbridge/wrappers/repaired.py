"""Functions of `keras.ops` that give wrong values in Keras 3.15, or none, on some backend alone.

Each stands for Keras's function of its name, with the parameters of the wrapper. Positions are
0-based here, as everywhere in the shim.
"""

from __future__ import annotations

import importlib
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import arrays, frameworks
from kerasbridge.wrappers.ops import Function, with_fraction


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _ops() -> Any:
    return _module("keras").ops


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
    x, weights = with_fraction(x), ops.convert_to_tensor(weights)
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
    """A number is refused where `dtype` has it not, as ``op_array()`` does."""
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


def _nextafter(own: Callable[[], Function]) -> Function:
    """Through Keras, most step in another dtype than the tensor's, and round the step away."""

    def nextafter(x1: Any, x2: Any) -> Any:
        x1, x2 = with_fraction(x1), with_fraction(x2)
        dtypes = {frameworks.of(x).dtype(x) for x in (x1, x2)}
        symbolic = map(_module("keras").utils.is_keras_tensor, (x1, x2))
        if dtypes not in ({"float32"}, {"float64"}) or any(symbolic):
            return _ops().nextafter(x1, x2)
        return own()(x1, x2)

    return nextafter


def squeeze(x: Any, axis: Any = None) -> Any:
    """PyTorch leaves an axis whose size is not 1."""
    ops = _ops()
    x = ops.convert_to_tensor(x)
    sizes = frameworks.of(x).shape(x)
    for place in [axis] if isinstance(axis, int) else axis or ():
        if -len(sizes) <= place < len(sizes) and sizes[place] not in (1, None):
            raise ArgumentError("Only a dimension of size 1 can be squeezed out.")
    return ops.squeeze(x, axis=axis)


def _segments(name: str) -> Function:
    """As many as are numbered, where their number is not given: JAX must know it, and TensorFlow
    takes as many as have elements."""

    def segment(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
        ops = _ops()
        if num_segments is None:
            numbers = frameworks.known(ops.convert_to_tensor(segment_ids))
            if numbers is not None:
                num_segments = int(numbers.max(initial=-1)) + 1
        return getattr(ops, name)(data, segment_ids, num_segments, sorted)

    return segment


def _public(*functions: Function) -> dict[str, Function]:
    return {f"keras.ops.{function.__name__}": function for function in functions}


_SEGMENTS: Final[dict[str, Function]] = {
    f"keras.ops.{name}": _segments(name)
    for name in ("segment_max", "segment_min", "segment_prod", "segment_sum")
}

#: By their public names: what stands for a function on each backend,
EVERYWHERE: Final = _public(
    argpartition,
    average,
    eye,
    full,
    full_like,
    rot90,
    take,
    take_along_axis,
    unravel_index,
    vstack,
)

#: and on one backend alone.
ON: Final[dict[str, dict[str, Function]]] = {
    "jax": _SEGMENTS,
    "numpy": {"keras.ops.nextafter": _nextafter(lambda: np.nextafter)},
    "tensorflow": _SEGMENTS
    | _public(add)
    | {"keras.ops.nextafter": _nextafter(lambda: _module("tensorflow").math.nextafter)},
    "torch": _public(squeeze)
    | {"keras.ops.nextafter": _nextafter(lambda: _module("torch").nextafter)},
}
