"""Random subscripts, and what they mean, said again in the plainest NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from conftest import r_array
from hypothesis import strategies as st

SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@dataclass(frozen=True)
class Subscript:
    """`captured` is what crosses from R; `positions` what it selects, 0-based: one, or several."""

    captured: tuple[Any, ...]
    positions: int | tuple[int, ...] | None
    newaxis: bool = False

    @property
    def empty(self) -> bool:
        return isinstance(self.captured[0], str) and self.captured[0] == "_"


NEW_AXIS = Subscript(("n",), None, newaxis=True)


def whole_numbers(number: int) -> st.SearchStrategy[Any]:
    """R writes `2` and `2L`; both mean the same."""
    return st.sampled_from([number, float(number)])


@st.composite
def r_subscripts(draw: st.DrawFn, size: int) -> Subscript:
    """One subscript in R's style for a dimension of this size."""
    everything = tuple(range(size))
    kinds = ["empty", "open", "mask", "none"]
    if size:
        kinds += ["number", "range", "steps", "vector"]
    kind = draw(st.sampled_from(kinds))
    if kind == "empty":
        return Subscript(("_",), everything)
    if kind == "open":
        return Subscript(("r", None, None), everything)
    if kind == "none":
        return Subscript((r_array([], draw(st.sampled_from(["float64", "int32"]))),), ())
    if kind == "mask":
        mask = draw(st.lists(st.booleans(), min_size=size, max_size=size))
        return Subscript((r_array(mask, "bool"),), tuple(np.flatnonzero(mask).tolist()))
    if kind == "number":
        place = draw(st.integers(0, size - 1))
        return Subscript((draw(_r_number(place, size)),), place)
    if kind == "vector":
        places = draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=5))
        numbers = [draw(_r_number(place, size)) for place in places]
        dtype = draw(st.sampled_from(["float64", "int32"]))
        return Subscript((r_array(numbers, dtype),), tuple(places))
    return draw(_r_range(size, steps=kind == "steps"))


def _r_number(place: int, size: int) -> st.SearchStrategy[Any]:
    return st.sampled_from([place + 1, place - size]).flatmap(whole_numbers)


@st.composite
def _r_range(draw: st.DrawFn, size: int, steps: bool) -> Subscript:
    start, stop = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
    first, last = draw(_r_number(start, size)), draw(_r_number(stop, size))
    step = draw(st.integers(1, 3)) if steps else 1
    if draw(st.booleans()):
        first, start = None, 0
        stop_known = draw(st.booleans())
        last, stop = (last, stop) if stop_known else (None, size - 1)
    step = -step if start > stop else step
    places = tuple(range(start, stop + (1 if step > 0 else -1), step))
    if steps:
        return Subscript(("s", first, last, draw(whole_numbers(step))), places)
    return Subscript(("r", first, last), places)


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, ...], list[Subscript], list[Any]]:
    """A shape, a subscript for each dimension, new axes among them, and what crosses from R."""
    shape = draw(SHAPES)
    subscripts = [draw(r_subscripts(size)) for size in shape]
    entries = [(subscript.captured, [subscript]) for subscript in subscripts]
    stop = draw(st.integers(0, len(shape)))
    start = stop
    while start and subscripts[start - 1].empty:
        start -= 1
    if stop == len(shape) and len(shape) > 1 and draw(st.booleans()):
        entries[start:] = [((), subscripts[start:])]  # whole dimensions at the end: left out
    elif draw(st.booleans()):
        entries[start:stop] = [((".",), subscripts[start:stop])]
    for _ in range(draw(st.integers(0, 2))):
        last = len(entries) - (bool(entries) and entries[-1][0] == ())
        entries.insert(draw(st.integers(0, last)), (("n",), [NEW_AXIS]))
    captured = [part for parts, _ in entries for part in parts]
    return shape, [subscript for _, group in entries for subscript in group], captured


def selected(array: Any, subscripts: Sequence[Subscript], drop: bool = True) -> Any:
    """Every combination of the positions along each dimension."""
    grid = np.ix_(*[_several(s) for s in subscripts if not s.newaxis])
    part = array[grid] if array.ndim else array
    kept, sizes = [], iter(part.shape)
    for subscript in subscripts:
        size = 1 if subscript.newaxis else next(sizes)
        if not (drop and isinstance(subscript.positions, int)):
            kept.append(size)
    return part.reshape(kept)


def replaced(array: Any, subscripts: Sequence[Subscript], value: Any) -> Any:
    """A copy with `value`, of the selection's shape or a single one, where they select."""
    array = array.copy()
    if array.ndim == 0:
        values = np.broadcast_to(value, selected(array, subscripts).shape)
        return values.reshape(()).astype(array.dtype)
    dimensions = [subscript for subscript in subscripts if not subscript.newaxis]
    grid = np.ix_(*[_several(subscript) for subscript in dimensions])
    values = np.broadcast_to(value, selected(array, subscripts).shape)
    array[grid] = values.reshape(array[grid].shape)
    return array


def _several(subscript: Subscript) -> list[int]:
    places = subscript.positions
    return [places] if isinstance(places, int) else np.array(places, dtype=int).tolist()


@st.composite
def py_subscripts(draw: st.DrawFn, size: int) -> tuple[tuple[Any, ...], Any]:
    """One subscript in Python's style: what crosses from R, and the same for NumPy."""
    end = st.none() | st.integers(-size - 2, size + 2)
    kinds = ["empty", "range", "steps", "mask"] + ["number", "vector"] * (size > 0)
    kind = draw(st.sampled_from(kinds))
    if kind == "empty":
        return ("_",), slice(None)
    if kind == "number":
        place = draw(st.integers(-size, size - 1))
        return (draw(whole_numbers(place)),), place
    if kind == "vector":
        # Vectors of one length can be paired with each other.
        places = draw(st.lists(st.integers(-size, size - 1), min_size=2, max_size=2))
        return (r_array(places, draw(st.sampled_from(["float64", "int32"]))),), np.array(places)
    if kind == "mask":
        mask = np.zeros(size, bool)
        mask[: draw(st.integers(0, 2))] = True
        return (r_array(mask),), mask
    start, stop = draw(end), draw(end)
    if kind == "range":
        return ("r", start, stop), slice(start, stop)
    step = draw(st.sampled_from([-2, -1, 1, 2]))
    return ("s", start, stop, step), slice(start, stop, step)


@st.composite
def py_cases(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Any, ...], list[Any]]:
    """A shape, NumPy's own key, and what crosses from R for it."""
    shape = draw(SHAPES)
    start = draw(st.integers(0, len(shape)))
    stop = draw(st.integers(start, len(shape)))
    entries = [draw(py_subscripts(size)) for size in shape[:start]]
    # An ellipsis for no dimension still parts vectors in NumPy, though in no other library.
    if start < stop and (stop < len(shape) or draw(st.booleans())):
        entries.append(((".",), Ellipsis))
        entries += [draw(py_subscripts(size)) for size in shape[stop:]]
    for _ in range(draw(st.integers(0, 2))):
        entries.insert(draw(st.integers(0, len(entries))), (("n",), None))
    return shape, tuple(key for _, key in entries), [part for parts, _ in entries for part in parts]
