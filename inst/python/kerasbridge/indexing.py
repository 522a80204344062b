"""Subscripts: what ``x@r[…]`` and ``x@py[…]`` select, and how each framework does it.

R captures the subscripts as they are written and passes one list: the values, and a string
where a subscript is not just a value.

=========  ==================================================================
``"_"``    empty: the whole dimension
``"r"``    a range; its start and stop follow
``"s"``    a range with a step; its start, stop and step follow
``"n"``    a new axis
``"."``    the ellipsis: all dimensions without a subscript
a value    a number, a vector, a matrix, an array, a tensor
=========  ==================================================================

:func:`resolve` turns these into 0-based parts for a shape; :func:`get` and :func:`set` carry
them out. With style ``"r"``, positions count from 1, ranges include their stop, and vectors on
several axes select every combination; with ``"py"``, all is as in NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kerasbridge import frameworks
from kerasbridge.errors import SubscriptError
from kerasbridge.shapes import described

Array = npt.NDArray[Any]
Sizes = Sequence[int | None]

#: How many values follow each string.
_FOLLOWING: Final = {"_": 0, "r": 2, "s": 3, "n": 0, ".": 0}


@dataclass(frozen=True)
class Raw:
    """One subscript as R captured it; a value by itself has the letter ``v``."""

    letter: str
    values: tuple[Any, ...]


def get(x: Any, style: str, drop: bool, captured: Sequence[Any]) -> Any:
    """The selected part of a tensor, a variable or a NumPy array.

    Without `drop`, a single position keeps its dimension, with size 1.
    """
    framework = frameworks.of(x)
    sizes = framework.shape(x)
    if drop and {type(part) for part in captured} <= _PLAIN:
        key = _basic_key(framework.name, sizes, style, tuple(captured))
        if key is not None:
            return framework.get(x, key)
    raws = _raws(captured)
    chosen = _elements(raws, sizes, style)
    if chosen is not None:
        return _get_elements(framework, x, chosen, style)
    parts = resolve(raws, sizes, style)
    if style == "py" and sum(_is_vector(part) for part in parts) > 1:
        return framework.get_points(framework.value(x), tuple(parts))
    return _get_outer(framework, x, parts, drop)


def set(x: Any, style: str, value: Any, captured: Sequence[Any]) -> Any:
    """`x` with the selected part replaced; the same object where the framework can write to it."""
    framework = frameworks.of(x)
    sizes = framework.shape(x)
    raws = _raws(captured)
    chosen = _elements(raws, sizes, style)
    if chosen is not None:
        key = _coordinates(framework, chosen, style)
        known = [int(size or 0) for size in sizes[len(key) :]]
        extent = [len(key[0]), *known]
    else:
        parts = resolve(raws, sizes, style)
        vectors = sum(_is_vector(part) for part in parts)
        backwards = any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts)
        outer = vectors and not (style == "py" and vectors > 1)
        extent = _extent(parts, sizes)
        key = _open_mesh(parts, sizes) if outer or backwards else tuple(parts)
    return framework.set(x, key, _fitted(framework, x, value, extent, style))


#: What a subscript of plain numbers and ranges is made of.
_PLAIN: Final = {int, float, str}


@lru_cache(maxsize=4096)
def _basic_key(
    framework: str, sizes: Sizes, style: str, captured: tuple[Any, ...]
) -> tuple[Any, ...] | None:
    """The key of plain numbers and ranges, remembered; ``None`` where more than a key is needed."""
    key = tuple(resolve(_raws(captured), sizes, style))
    backwards = any(isinstance(part, slice) and (part.step or 1) < 0 for part in key)
    return None if (backwards and framework in _BY_TAKE) or key == (slice(None),) * len(key) else key


#: Frameworks whose slices have no negative step: the positions are taken one by one.
_BY_TAKE: Final = ("torch", "keras")


def resolve(raws: Sequence[Raw], sizes: Sizes, style: str) -> list[Any]:
    """A part for each dimension: an int, a slice, positions, a scalar tensor, or a new axis."""
    parts: list[Any] = []
    dimension = 0
    for number, raw in enumerate(_without_ellipsis(raws, len(sizes)), start=1):
        if raw.letter == "n":
            parts.append(None)
            continue
        where = _Where(number, dimension + 1, sizes[dimension], style)
        parts.append(where.resolve(raw))
        dimension += 1
    parts += [slice(None)] * (len(sizes) - dimension)
    return parts


@dataclass(frozen=True)
class _Where:
    """One subscript's place: its number, its dimension, and that dimension's size."""

    subscript: int
    dimension: int
    size: int | None
    style: str

    def resolve(self, raw: Raw) -> Any:
        if raw.letter == "_":
            return slice(None)
        if raw.letter in "rs":
            return self.range(*raw.values)
        (value,) = raw.values
        if isinstance(value, bool):
            return self.mask(np.array([value]))
        if isinstance(value, (int, float)):
            return self.position(value)
        if isinstance(value, (list, tuple)):
            value = np.asarray(value)
        if isinstance(value, np.ndarray):
            return self.vector(value)
        if frameworks.is_tensor(value):
            return self.tensor(value)
        raise SubscriptError(f"Subscript {self.subscript} is {described(value)}: it must be whole.")

    def whole(self, value: Any) -> int:
        number = float(value)
        if not number.is_integer():
            shown = "NA" if np.isnan(number) else f"{number:g}"
            raise SubscriptError(f"Subscript {self.subscript} is {shown}, not a whole number.")
        return int(number)

    def position(self, value: Any) -> int:
        """A single position, 0-based and not negative where the size is known."""
        number = self.whole(value)
        if self.style == "r" and number == 0:
            raise SubscriptError(f"Subscript {self.subscript} is 0: positions count from 1.")
        zero_based = number - 1 if self.style == "r" and number > 0 else number
        if self.size is None:
            return zero_based
        if not -self.size <= zero_based < self.size:
            raise SubscriptError(
                f"Subscript {self.subscript} is {number}, "
                f"but dimension {self.dimension} has size {self.size}."
            )
        return zero_based % self.size if self.size else zero_based

    def range(self, start: Any, stop: Any, step: Any = None) -> slice:
        if any(frameworks.is_tensor(end) for end in (start, stop)):
            return self.dynamic_range(start, stop, step)
        stride = None if step is None else self.whole(step)
        if stride == 0:
            raise SubscriptError(f"Subscript {self.subscript} has a step of 0.")
        if self.style == "py":
            ends = [None if end is None else self.whole(end) for end in (start, stop)]
            return slice(ends[0], ends[1], stride)
        first = None if start is None else self.position(start)
        last = None if stop is None else self.position(stop)
        if stride is None:
            stride = -1 if _descends(first, last) else 1
        elif first is not None and last is not None and (last - first) * stride < 0:
            if _same_side(first, last):
                raise SubscriptError(
                    f"Subscript {self.subscript} runs from {start:g} to {stop:g}, "
                    f"but its step is {stride}."
                )
        return slice(first, _past(last, stride), stride if stride != 1 else None)

    def dynamic_range(self, start: Any, stop: Any, step: Any) -> slice:
        """Ends that are tensors: counted from 1 to the stop, with no check of their values."""
        if self.style == "r":
            if frameworks.is_tensor(start):
                start = start - 1
            elif start is not None:
                start = self.position(start)
            if stop is not None and not frameworks.is_tensor(stop):
                stop = _past(self.position(stop), 1)
        return slice(start, stop, None if step is None else self.whole(step))

    def vector(self, value: Array) -> Array:
        if value.dtype.kind == "b":
            return self.mask(value)
        if value.dtype.kind not in "iuf":
            raise SubscriptError(f"Subscript {self.subscript} must hold whole numbers.")
        if value.ndim > 1 and self.style == "r":
            raise SubscriptError(
                f"Subscript {self.subscript} is an array with {value.ndim} dimensions: "
                "a matrix of coordinates or a mask must be the only subscript."
            )
        positions = [self.position(number) for number in value.ravel().tolist()]
        return np.array(positions, dtype=np.int64).reshape(value.shape)

    def mask(self, value: Array) -> Array:
        if value.ndim != 1 or (self.size is not None and len(value) != self.size):
            raise SubscriptError(
                f"Subscript {self.subscript} is logical with length {value.size}, "
                f"but dimension {self.dimension} has size {self.size}."
            )
        return np.flatnonzero(value)

    def tensor(self, value: Any) -> Any:
        """Positions in a tensor: 0-based by the same rule, their range left to the framework."""
        framework = frameworks.of(value)
        value = framework.value(value)
        if framework.dtype(value) == "bool":
            return self.mask(framework.to_numpy(value))
        if "int" not in framework.dtype(value):
            raise SubscriptError(
                f"Subscript {self.subscript} is a tensor of {framework.dtype(value)}: "
                "it must hold whole numbers or be logical."
            )
        if self.style == "r":
            value = framework.library().where(value > 0, value - 1, value)
        size = self.size
        if len(framework.shape(value)) > 0 and size is not None:
            value = framework.library().where(value < 0, value + size, value)
        return value


def _descends(first: int | None, last: int | None) -> bool:
    """Does ``5:2`` run down? Ends on different sides of an unknown size run up, as ``2:-1``."""
    return first is not None and last is not None and last < first and _same_side(first, last)


def _same_side(first: int, last: int) -> bool:
    return (first < 0) == (last < 0)


def _past(last: int | None, stride: int) -> int | None:
    """The end of a slice that still includes `last`."""
    if last is None:
        return None
    end = last + (1 if stride > 0 else -1)
    crossed = end == 0 and last < 0 or end == -1 and last == 0
    return None if crossed else end


def _raws(captured: Sequence[Any]) -> list[Raw]:
    raws, left = [], iter(captured)
    for part in left:
        if isinstance(part, str):
            raws.append(Raw(part, tuple(next(left) for _ in range(_FOLLOWING[part]))))
        else:
            raws.append(Raw("v", (part,)))
    return raws


def _without_ellipsis(raws: Sequence[Raw], rank: int) -> Iterator[Raw]:
    """Each ellipsis replaced by the empty subscripts it stands for."""
    taken = sum(raw.letter not in "n." for raw in raws)
    ellipses = sum(raw.letter == "." for raw in raws)
    if ellipses > 1:
        raise SubscriptError("Only one subscript can be `..`.")
    if taken > rank:
        raise SubscriptError(f"{taken} subscripts for a tensor with {rank} dimension(s).")
    for raw in raws:
        if raw.letter == ".":
            yield from [Raw("_", ())] * (rank - taken)
        else:
            yield raw


def _is_vector(part: Any) -> bool:
    if isinstance(part, np.ndarray):
        return True
    return frameworks.is_tensor(part) and len(frameworks.of(part).shape(part)) > 0


def _elements(raws: Sequence[Raw], sizes: Sizes, style: str) -> Any:
    """The only subscript, when it is a mask or a matrix of coordinates; else ``None``."""
    if len(raws) != 1 or raws[0].letter != "v":
        return None
    (value,) = raws[0].values
    if not frameworks.is_tensor(value):
        return None
    framework = frameworks.of(value)
    shape = framework.shape(value)
    if framework.dtype(value) == "bool" and (len(shape) > 1 or len(sizes) == 1):
        if any(s is not None and m is not None and s != m for s, m in zip(sizes, shape, strict=False)):
            raise SubscriptError(
                f"The logical subscript has dimensions {list(shape)}, the tensor {list(sizes)}."
            )
        return value
    matrix = isinstance(value, np.ndarray) and value.ndim == 2
    if matrix and style == "r":
        if value.shape[1] != len(sizes):
            raise SubscriptError(
                f"A matrix of coordinates needs a column for each of the {len(sizes)} dimensions, "
                f"not {value.shape[1]}."
            )
        columns = [
            _Where(1, axis + 1, size, style).vector(value[:, axis])
            for axis, size in enumerate(sizes)
        ]
        return _Points(tuple(columns))
    return None


@dataclass(frozen=True)
class _Points:
    """Coordinates of single elements: an array of 0-based positions for each axis."""

    key: tuple[Array, ...]


def _coordinates(framework: frameworks.Framework, chosen: Any, style: str) -> tuple[Array, ...]:
    """Where a mask is true: in R's column-major order, or in Python's row-major."""
    if isinstance(chosen, _Points):
        return chosen.key
    mask = chosen if isinstance(chosen, np.ndarray) else frameworks.of(chosen).to_numpy(chosen)
    if style == "py":
        return np.nonzero(mask)
    return tuple(reversed(np.nonzero(mask.T)))


def _get_elements(framework: frameworks.Framework, x: Any, chosen: Any, style: str) -> Any:
    try:
        key = _coordinates(framework, chosen, style)
    except Exception as error:
        if isinstance(chosen, (np.ndarray, _Points)) or isinstance(error, SubscriptError):
            raise
        return _get_traced_mask(framework, x, chosen, style)
    return framework.get_points(framework.value(x), key)


def _get_traced_mask(framework: frameworks.Framework, x: Any, mask: Any, style: str) -> Any:
    """A mask whose values are not known yet: its framework says whether that can be."""
    x = framework.value(x)
    if style == "r":
        rank, masked = len(framework.shape(x)), len(framework.shape(mask))
        order = [*reversed(range(masked)), *range(masked, rank)]
        x = framework.transpose(x, order)
        mask = framework.transpose(mask, list(reversed(range(masked))))
    return framework.get_mask(x, mask)


def _get_outer(framework: frameworks.Framework, x: Any, parts: list[Any], drop: bool) -> Any:
    """Basic indexing first, then the vectors, each along its own axis."""
    key, takes, axis = [], [], 0
    backwards_by_take = framework.name in _BY_TAKE
    for number, part in enumerate(parts):
        if _is_vector(part):
            takes.append((axis, part))
            part = slice(None)
        elif isinstance(part, slice) and (part.step or 1) < 0 and backwards_by_take:
            size = framework.shape(x)[number - sum(p is None for p in parts[:number])]
            if size is not None:
                takes.append((axis, np.arange(size)[part]))
                part = slice(None)
        elif isinstance(part, int) and not drop:
            part = slice(part, part + 1 or None)
        key.append(part)
        axis += not (isinstance(part, int) or _is_scalar_tensor(part))
    if not any(part != slice(None) for part in key if isinstance(part, slice | int | None)) and all(
        isinstance(part, slice) for part in key
    ):
        result = framework.value(x)
    else:
        result = framework.get(x, tuple(key))
    for axis, positions in takes:
        result = frameworks.of(result).take(result, positions, axis)
    return result


def _is_scalar_tensor(part: Any) -> bool:
    return not isinstance(part, (slice, int)) and part is not None and not _is_vector(part)


def _extent(parts: Sequence[Any], sizes: Sizes) -> list[int]:
    """The sizes of what the parts select."""
    extent, dimension = [], 0
    for part in parts:
        if part is None:
            extent.append(1)
            continue
        if isinstance(part, slice):
            extent.append(_length(part, sizes[dimension]))
        elif isinstance(part, np.ndarray):
            extent += list(part.shape)
        elif _is_vector(part):
            extent += [int(size or 0) for size in frameworks.of(part).shape(part)]
        dimension += 1
    return extent


def _length(part: slice, size: int | None) -> int:
    try:
        return len(range(*part.indices(int(size or 0))))
    except TypeError:  # ends that are tensors
        return -1


def _open_mesh(parts: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
    """Every dimension's positions, shaped so that together they span the selection."""
    axes = sum(not isinstance(part, int) for part in parts)
    key, axis, dimension = [], 0, 0
    for part in parts:
        if part is None:
            axis += 1
            continue
        if isinstance(part, slice):
            positions: Any = np.arange(int(sizes[dimension] or 0))[part]
        else:
            positions = part
        dimension += 1
        if isinstance(positions, int):
            key.append(np.array(positions))
            continue
        shape = [1] * axes
        shape[axis] = -1
        if isinstance(positions, np.ndarray):
            key.append(positions.reshape(shape))
        else:
            library = frameworks.of(positions).library()
            key.append(library.reshape(positions, shape))
        axis += 1
    return tuple(key)


def _fitted(
    framework: frameworks.Framework, x: Any, value: Any, extent: Sequence[int], style: str
) -> Any:
    """R data to assign: in the tensor's dtype, and filled in R's order where only sizes agree."""
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        return frameworks.of(value).value(value) if frameworks.is_tensor(value) else value
    if style == "r" and value.size == int(np.prod(extent)) and list(value.shape) != list(extent):
        value = value.reshape(list(extent), order="F")
    dtype = framework.dtype(x)
    if framework.name == "numpy":
        return value
    plain = "float32" if dtype.startswith(("bfloat", "float8")) else dtype
    current = framework.value(x)
    data = np.array(value, dtype=plain, order="C")
    return frameworks.of(current).from_numpy(data, like=current)
