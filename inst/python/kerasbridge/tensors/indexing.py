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

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kerasbridge.errors import ArgumentError, SubscriptError, guarded
from kerasbridge.tensors import arrays, frameworks
from kerasbridge.tensors.shapes import described

Array = npt.NDArray[Any]
Sizes = Sequence[int | None]

#: So many positions are looked at one by one: NumPy takes as long for one as for a hundred.
_FEW: Final = 16

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
    if drop and None not in sizes and {type(part) for part in captured} <= _PLAIN:
        key = _basic_key(framework.name, sizes, style, tuple(captured))
        if key is not None:
            return framework.get(x, key)
    raws = _raws(captured)
    points = _points(raws, sizes, style)
    if points is not None:
        return framework.get_points(framework.value(x), points)
    parts = resolve(raws, sizes, style, _spans(framework, x, sizes))
    if style == "py" and _paired(parts):
        return framework.get_points(framework.value(x), tuple(parts))
    return _get_outer(framework, x, parts, drop)


def selector(style: str, key: str) -> Callable[..., Any]:
    """:func:`get` for subscripts that are always these, as ``src/subscripts.c`` writes them.

    ``"1,_,2:3,v,"`` is one position, a whole dimension, a range, and a position that comes with
    the tensor at each call.
    """
    written = [part for subscript in key.split(",")[:-1] for part in _written(subscript)]
    places = [place for place, part in enumerate(written) if part == "v"]
    known: dict[Any, tuple[Callable[[Any, tuple[Any, ...]], Any], tuple[Any, ...]]] = {}

    def select(x: Any, *numbers: int) -> Any:
        try:
            take, at = known[type(x), x.shape, numbers]
            return take(x, at)
        except Exception:  # not met before, or told why not
            return select_anew(x, *numbers)

    def anew(x: Any, *numbers: int) -> Any:
        captured = written.copy()
        for place, number in zip(places, numbers, strict=True):
            captured[place] = number
        framework = frameworks.of(x)
        sizes = framework.shape(x)
        at = None
        if None not in sizes:
            at = _basic_key(framework.name, sizes, style, tuple(captured))
        if at is None:
            return get(x, style, True, captured)
        at = _short(at)
        if len(known) < _REMEMBERED:
            known[type(x), x.shape, numbers] = framework.get, at
        return framework.get(x, at)

    select_anew = guarded(anew)
    return select


def _short(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """`key` without the whole dimensions at its end, each of which would take its time."""
    used = len(key)
    while used > 1 and _is_whole(key[used - 1]):
        used -= 1
    return key[:used]


def _written(subscript: str) -> list[Any]:
    """One subscript out of a string, as R would have captured it."""
    if subscript in ("_", "n", ".", "v"):
        return [subscript]
    ends = [int(end) if end else None for end in subscript.split(":")]
    return ends if len(ends) == 1 else ["r" if len(ends) == 2 else "s", *ends]


#: How many shapes and numbers a selector keeps the key for.
_REMEMBERED: Final = 1024


def set(x: Any, style: str, value: Any, captured: Sequence[Any]) -> Any:
    """`x` with the selected part replaced; the same object where the framework can write to it."""
    framework = frameworks.of(x)
    sizes = framework.shape(x)
    raws = _raws(captured)
    key = _points(raws, sizes, style)
    if key is not None:
        extent = [*_shape_of(key[0]), *sizes[len(key) :]]
    else:
        parts = resolve(raws, sizes, style, _spans(framework, x, sizes))
        extent = _extent(parts, sizes)
        basic = all(_is_basic(part) and not _is_backwards(part) for part in parts)
        if basic or (style == "py" and _paired(parts)):
            key = tuple(parts)
        else:
            key = _open_mesh(parts, sizes)
    value = _in_order(value, extent) if style == "r" else value
    return framework.set(x, key, _fitted(framework, x, value))


#: What a subscript of plain numbers and ranges is made of.
_PLAIN: Final = {int, float, str}

#: Frameworks whose slices have no negative step: the positions are taken one by one.
_BY_TAKE: Final = ("torch", "keras")


@lru_cache(maxsize=4096)
def _basic_key(
    framework: str, sizes: Sizes, style: str, captured: tuple[Any, ...]
) -> tuple[Any, ...] | None:
    """The key of plain numbers and ranges, remembered; ``None`` where more than a key is needed."""
    key = tuple(resolve(_raws(captured), sizes, style))
    taken = framework in _BY_TAKE and any(_is_backwards(part) for part in key)
    return None if taken or all(_is_whole(part) for part in key) else key


#: How a framework finds, in a dimension whose size it will know, the positions of a range from R.
Span = Callable[[int | None, int | None, int | None, str], Any]


def _spans(framework: frameworks.Framework, x: Any, sizes: Sizes) -> list[Span | None] | None:
    if None not in sizes or not hasattr(framework, "span"):
        return None
    span = framework.span
    return [
        functools.partial(span, x, axis) if size is None else None
        for axis, size in enumerate(sizes)
    ]


def resolve(
    raws: Sequence[Raw], sizes: Sizes, style: str, spans: Sequence[Span | None] | None = None
) -> list[Any]:
    """A part for each dimension: an int, a slice, positions, a tensor of these, or a new axis."""
    parts: list[Any] = []
    dimension = 0
    for number, raw in enumerate(_without_ellipsis(raws, len(sizes)), start=1):
        if raw.letter == "n":
            parts.append(None)
            continue
        span = spans[dimension] if spans else None
        where = _Where(number, dimension + 1, sizes[dimension], style, span)
        parts.append(where.resolve(raw))
        dimension += 1
    parts += [slice(None)] * (len(sizes) - dimension)
    return parts


@dataclass(frozen=True)
class _Where:
    """One subscript's place: its number, its dimension, and that dimension's size; where that is
    not known, the framework's way to a range in it."""

    subscript: int
    dimension: int
    size: int | None
    style: str
    span: Span | None = None

    def resolve(self, raw: Raw) -> Any:
        if raw.letter == "_":
            return slice(None)
        if raw.letter in "rs":
            return self.range(*raw.values)
        (value,) = raw.values
        if isinstance(value, arrays.Codes):
            value = _positions_of_factor(value, self.style)
        if isinstance(value, bool):
            return self.mask(np.array([value]))
        if isinstance(value, (list, tuple)):
            value = np.asarray(value)
        if isinstance(value, np.ndarray):
            return self.vector(value)
        if frameworks.is_tensor(value):
            return self.tensor(value)
        if frameworks.is_size(value):
            return value - 1 if self.style == "r" else value
        return self.position(value)

    def error(self, what: str) -> SubscriptError:
        return SubscriptError(f"Subscript {self.subscript} {what}")

    def whole(self, value: Any) -> int:
        if not isinstance(value, (int, float)):
            raise self.error(f"is {described(value)}: it must be whole.")
        if isinstance(value, float) and not value.is_integer():
            shown = "NA" if np.isnan(value) else f"{value:g}"
            raise self.error(f"is {shown}, not a whole number.")
        return int(value)

    def position(self, value: Any) -> int:
        """A single position, 0-based and not negative where the size is known."""
        number = self.whole(value)
        if self.style == "r" and number == 0:
            raise self.error("is 0: positions count from 1.")
        zero_based = number - 1 if self.style == "r" and number > 0 else number
        if self.size is None:
            return zero_based
        if not -self.size <= zero_based < self.size:
            raise self.error(f"is {number}, but dimension {self.dimension} has size {self.size}.")
        return zero_based % self.size

    def vector(self, value: Array) -> Array:
        if value.dtype.kind == "b":
            return self.mask(value)
        if value.dtype.kind not in "iuf":
            raise self.error("must hold whole numbers.")
        if value.ndim > 1 and self.style == "r":
            raise self.error(
                f"is an array with {value.ndim} dimensions: "
                "a matrix of coordinates or a mask must be the only subscript."
            )
        return self.positions(value)

    def positions(self, value: Array) -> Array:
        """Every number of `value` by the rule of :meth:`position`."""
        if value.size <= _FEW:
            numbers = np.array([*map(self.position, value.ravel().tolist())], np.int64)
            return numbers.reshape(value.shape)
        good = np.isfinite(value)
        good &= np.floor(value, where=good, out=np.zeros_like(value)) == value
        numbers = np.where(good, value, 0).astype(np.int64)
        if self.style == "r":
            good &= numbers != 0
            numbers = np.where(numbers > 0, numbers - 1, numbers)
        if self.size is not None:
            good &= (-self.size <= numbers) & (numbers < self.size)
        if not good.all():
            self.position(value[~good][0].item())  # tells what is wrong with it
        return numbers % self.size if self.size else numbers

    def mask(self, value: Array) -> Array:
        if value.ndim != 1 or (self.size is not None and len(value) != self.size):
            raise self.error(
                f"is logical with length {value.size}, "
                f"but dimension {self.dimension} has size {self.size}."
            )
        return np.flatnonzero(value)

    def tensor(self, value: Any) -> Any:
        """Positions in a tensor, by the same rules; left to the framework where it is traced."""
        framework = frameworks.of(value)
        value = framework.value(value)
        dtype = framework.dtype(value)
        if dtype != "bool" and "int" not in dtype:
            raise self.error(f"is a tensor of {dtype}: it must hold whole numbers or be logical.")
        known = frameworks.known(value)
        if known is None:
            return framework.nonzero(value)[0] if dtype == "bool" else self.traced(value)
        if dtype == "bool":
            return self.mask(known)
        return self.positions(known) if known.ndim else self.position(known.item())

    def traced(self, value: Any) -> Any:
        if self.style == "py":
            return value
        return frameworks.of(value).library().where(value > 0, value - 1, value)

    def range(self, start: Any, stop: Any, step: Any = None) -> Any:
        start, stop = self.end(start), self.end(stop)
        stride = None if step is None else self.whole(self.end(step))
        if stride == 0:
            raise self.error("has a step of 0.")
        if frameworks.is_unknown(start) or frameworks.is_unknown(stop):
            return self.traced_range(start, stop, stride)
        if self.style == "py":
            ends = [None if end is None else self.whole(end) for end in (start, stop)]
            return slice(ends[0], ends[1], stride)
        first = None if start is None else self.position(start)
        last = None if stop is None else self.position(stop)
        if self.span is not None:
            found = self.span(first, last, stride, f"Subscript {self.subscript}")
            if found is not None:
                return found
        if first is not None and last is not None:
            direction = -1 if _descends(first, last) else 1
            stride = stride or direction
            if stride * direction < 0 and first != last:
                raise self.error(f"runs from {start:g} to {stop:g}, but its step is {stride}.")
        stride = stride or 1
        return slice(first, _past(last, stride), stride if stride != 1 else None)

    def end(self, value: Any) -> Any:
        """An end of a range as a number, where it is a tensor whose value is known."""
        if not frameworks.is_tensor(value):
            return value
        known = frameworks.known(value)
        if known is None:
            return frameworks.of(value).value(value)
        if known.size != 1:
            raise self.error(f"is a range with {known.size} values for one of its ends.")
        return known.item()

    def traced_range(self, start: Any, stop: Any, stride: int | None) -> slice:
        """A range of which an end is known only when the tensor is computed."""
        if self.style == "py":
            return slice(start, stop, stride)
        if stride is not None and stride < 0:
            raise self.error("runs backwards: its ends must be numbers, not traced tensors.")
        if frameworks.is_tensor(start):
            first = self.traced(start)
        elif frameworks.is_size(start):
            first = start - 1
        else:
            first = None if start is None else self.position(start)
        if frameworks.is_size(stop):
            return slice(first, stop, stride)
        if not frameworks.is_tensor(stop):
            return slice(first, None if stop is None else _past(self.position(stop), 1), stride)
        where = frameworks.of(stop).library().where
        beyond = where(stop == -1, np.iinfo(np.int32).max, stop + 1)
        return slice(first, where(stop < 0, beyond, stop), stride)


def _positions_of_factor(codes: arrays.Codes, style: str) -> Any:
    """A factor means the positions of its levels, the first of which is R's 1 and Python's 0."""
    numbers = np.asarray(codes) + (1 if style == "r" else 0)
    return numbers if numbers.ndim else numbers.item()


def _descends(first: int, last: int) -> bool:
    """Does ``5:2`` run down? So does ``-1:1``, and ``2:-1`` runs up, where no size is known."""
    return last < first if (first < 0) == (last < 0) else first < 0


def _past(last: int | None, stride: int) -> int | None:
    """The end of a slice that still includes `last`."""
    if last is None:
        return None
    end = last + (1 if stride > 0 else -1)
    crossed = (end == 0 and last < 0) or (end == -1 and last == 0)
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
    """Each ellipsis replaced by the empty subscripts it stands for; ``x[]`` is all of `x`."""
    if [raw.letter for raw in raws] == ["_"]:
        raws = [Raw(".", ())]
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


def _is_basic(part: Any) -> bool:
    """Is `part` a position, a slice or a new axis, and not positions or a tensor?"""
    return part is None or isinstance(part, (int, slice)) or frameworks.is_size(part)


def _is_backwards(part: Any) -> bool:
    return isinstance(part, slice) and (part.step or 1) < 0


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part.start is part.stop is part.step is None


def _shape_of(positions: Any) -> tuple[int | None, ...]:
    if isinstance(positions, frameworks.Turning):
        return (None,)
    return frameworks.of(positions).shape(positions)


def _paired(parts: Sequence[Any]) -> bool:
    """Does NumPy pair up these parts element by element, or move their dimensions to the front?

    So it does with several vectors, and with a vector that a slice keeps from another position.
    """
    places = [place for place, part in enumerate(parts) if not isinstance(part, slice | None)]
    vectors = sum(
        not isinstance(parts[place], int) and _shape_of(parts[place]) != () for place in places
    )
    return vectors > 1 or (vectors == 1 and places[-1] - places[0] >= len(places))


def _points(raws: Sequence[Raw], sizes: Sizes, style: str) -> tuple[Any, ...] | None:
    """Coordinates along each axis, when the only subscript is a mask or a matrix of them."""
    if len(raws) != 1 or raws[0].letter != "v" or not frameworks.is_tensor(raws[0].values[0]):
        return None
    value = raws[0].values[0]
    framework = frameworks.of(value)
    value = framework.value(value)
    shape = framework.shape(value)
    if framework.dtype(value) == "bool" and (len(shape) > 1 or len(shape) == len(sizes) == 1):
        return _points_of_mask(framework, value, sizes, style)
    if style == "r" and len(shape) == 2:
        if shape[1] not in (len(sizes), None):
            raise SubscriptError(
                f"A matrix of coordinates needs a column for each of the {len(sizes)} dimensions, "
                f"not {shape[1]}."
            )
        places = [_Where(1, axis + 1, size, style) for axis, size in enumerate(sizes)]
        columns = [(place, value[:, axis]) for axis, place in enumerate(places)]
        numpy = isinstance(value, np.ndarray)
        return tuple(p.vector(column) if numpy else p.tensor(column) for p, column in columns)
    return None


def _points_of_mask(
    framework: frameworks.Framework, mask: Any, sizes: Sizes, style: str
) -> tuple[Any, ...]:
    """Where a mask is true: in R's column-major order, or in Python's row-major."""
    shape = framework.shape(mask)
    pairs = zip(sizes, shape, strict=False)
    if len(shape) > len(sizes) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise SubscriptError(
            f"The logical subscript has dimensions {list(shape)}, the tensor {list(sizes)}."
        )
    known = frameworks.known(mask)
    if known is not None:
        framework, mask = frameworks.of(known), known
    if style == "py":
        return tuple(framework.nonzero(mask))
    backwards = list(reversed(range(len(shape))))
    return tuple(reversed(framework.nonzero(framework.transpose(mask, backwards))))


def _get_outer(framework: frameworks.Framework, x: Any, parts: Sequence[Any], drop: bool) -> Any:
    """Basic indexing first, then positions, each along its own axis."""
    key: list[Any] = []
    takes: list[tuple[int, Any]] = []
    sizes = iter(framework.shape(x))
    axis = 0
    for part in parts:
        size = None if part is None else next(sizes)
        if _is_backwards(part) and framework.name in _BY_TAKE and size is not None:
            part = np.arange(size)[part]
        elif isinstance(part, int) and not drop:
            part = slice(part, part + 1 or None)
        elif not _is_basic(part) and not drop and _shape_of(part) == ():
            part = frameworks.of(part).library().reshape(part, (1,))
        if not _is_basic(part):
            takes.append((axis, part))
            part = slice(None)
        key.append(part)
        axis += not isinstance(part, int)
    whole = all(_is_whole(part) for part in key)
    result = framework.value(x) if whole else framework.get(x, tuple(key))
    for axis, positions in reversed(takes):  # from the last, so that earlier axes stay in place
        result = frameworks.of(result).take(result, positions, axis)
    return result


def _extent(parts: Sequence[Any], sizes: Sizes) -> list[int | None]:
    """The sizes of what the parts select; ``None`` where they are not known."""
    extent: list[int | None] = []
    left = iter(sizes)
    for part in parts:
        size = None if part is None else next(left)
        if part is None:
            extent.append(1)
        elif isinstance(part, slice):
            extent.append(_length(part, size))
        elif not isinstance(part, int):
            extent += _shape_of(part)
    return extent


def _length(part: slice, size: int | None) -> int | None:
    if size is None or frameworks.is_unknown(part.start) or frameworks.is_unknown(part.stop):
        return None
    return len(range(*part.indices(size)))


def _open_mesh(parts: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
    """Every dimension's positions, shaped so that together they span the selection."""
    left = iter(sizes)
    spans: list[Any] = []
    for part in parts:
        size = None if part is None else next(left)
        spans.append(_positions_of(part, size) if isinstance(part, slice) else part)
    ranks = [1 if part is None else _rank(part) for part in spans]
    key = []
    for place, part in enumerate(spans):
        if part is None:
            continue
        before, after = sum(ranks[:place]), sum(ranks[place + 1 :])
        if isinstance(part, int):
            part = np.array(part)
        shape = [1] * before + [-1 if size is None else size for size in _shape_of(part)]
        key.append(frameworks.of(part).library().reshape(part, shape + [1] * after))
    return tuple(key)


def _rank(part: Any) -> int:
    return 0 if isinstance(part, int) else len(_shape_of(part))


def _positions_of(part: slice, size: int | None) -> Array:
    if size is None or _length(part, size) is None:
        raise SubscriptError("Positions cannot be assigned to beside a range of unknown length.")
    return np.arange(size)[part]


def _in_order(value: Any, extent: Sequence[int | None]) -> Any:
    """R data of the right size but another shape fills what is selected in R's order."""
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray) or value.shape == tuple(extent) or None in extent:
        return value
    sizes = [int(size or 0) for size in extent]
    return value.reshape(sizes, order="F") if value.size == math.prod(sizes) else value


def _fitted(framework: frameworks.Framework, x: Any, value: Any) -> Any:
    """What is assigned, in the tensor's dtype when it is R data."""
    if frameworks.is_made(value):
        return frameworks.of(value).value(value)
    dtype = framework.dtype(x)
    arrays.check_text(value, dtype, "value")
    if isinstance(value, str) or not isinstance(value, (bool, int, float, complex, np.ndarray)):
        return value
    data = _exactly(np.asarray(value), dtype)
    if data.ndim == 0:
        return data.item()
    if framework.name == "numpy":
        return data
    current = framework.value(x)
    return frameworks.of(current).from_numpy(data, like=current)


def _exactly(value: Array, dtype: str) -> Array:
    """`value` in `dtype`, refused where an integer dtype, or a real one, cannot hold it."""
    if value.dtype.kind in "OUST":
        return value
    plain = "float32" if dtype.startswith(("bfloat", "float8")) else dtype
    with np.errstate(all="ignore"):
        real = value.real if value.dtype.kind == "c" and "complex" not in dtype else value
        data = np.array(real, dtype=plain, order="C")
    lost = real is not value and (value.imag != 0).any()
    if lost or ("int" in dtype and (data != value).any()):
        raise ArgumentError(f"The value does not fit a tensor of {dtype}: cast the tensor first.")
    return data
