"""R's own `[` and `[<-`, asked through rpy2, wherever its rule and ours are the same.

The rules differ for negative subscripts, which count from the end here, and for recycling.
"""

from __future__ import annotations

import math
import os
import subprocess
from typing import Any

import numpy as np
import pytest
from conftest import FRAMEWORKS, Native, r_array
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasbridge.tensors import indexing

pytestmark = pytest.mark.oracle

# JAX compiles each new shape.
EXAMPLES = {"numpy": 150, "torch": 100, "tensorflow": 50, "jax": 12}

each_framework = pytest.mark.parametrize("name", FRAMEWORKS)


class R:
    """R in this process: arrays go in, arrays come out."""

    def __init__(self) -> None:
        if "R_HOME" not in os.environ:
            found = subprocess.run(["R", "RHOME"], capture_output=True, text=True, check=True)
            os.environ["R_HOME"] = found.stdout.strip()
        from rpy2 import rinterface, robjects

        self._vectors = {"b": rinterface.BoolSexpVector, "i": rinterface.IntSexpVector}
        self._double = rinterface.FloatSexpVector
        self._evaluate = robjects.r

    def __call__(self, code: str, *values: Any) -> Any:
        """The result of an R function of these values, as an array in R's layout."""
        function = self._evaluate(
            f"function(...) {{ result <- ({code})(...); list(as.vector(result), dim(result)) }}"
        )
        vector, dim = function(*[self._vector(value) for value in values])
        array = np.array(list(vector))
        sizes = [len(array)] if not hasattr(dim, "__len__") else [int(size) for size in dim]
        return array.reshape(sizes, order="F")

    def _vector(self, value: Any) -> Any:
        array = np.asarray(value)
        vector = self._vectors.get(array.dtype.kind, self._double)(array.ravel(order="F").tolist())
        if array.ndim == 0:
            return vector
        return self._evaluate("function(x, dim) array(x, dim)")(
            vector, self._vectors["i"](array.shape)
        )


@pytest.fixture(scope="module")
def r() -> R:
    return R()


# --- Subscripts, as R source and as they cross to the shim ------------------------------------


@st.composite
def subscripts(draw: st.DrawFn, size: int) -> tuple[str, list[Any]]:
    kind = draw(st.sampled_from(["empty", "number", "range", "steps", "vector", "mask", "none"]))
    place = st.integers(1, size)
    if kind == "empty":
        return "", ["_"]
    if kind == "number":
        number = draw(place)
        return f"{number}", [float(number)]
    if kind == "range":
        start, stop = draw(place), draw(place)
        return f"{start}:{stop}", ["r", start, stop]
    if kind == "steps":
        start, stop, step = draw(place), draw(place), draw(st.integers(1, 3))
        step = -step if start > stop else step
        return f"seq({start}, {stop}, {step})", ["s", start, stop, step]
    if kind == "vector":
        places = draw(st.lists(place, min_size=2, max_size=5))
        source = ", ".join(map(str, places))
        return f"c({source})", [r_array(places, draw(st.sampled_from(["int32", "float64"])))]
    if kind == "mask":
        mask = draw(st.lists(st.booleans(), min_size=size, max_size=size))
        source = ", ".join("TRUE" if chosen else "FALSE" for chosen in mask)
        return f"c({source})", [r_array(mask)]
    return "integer()", [r_array([], "int32")]


@st.composite
def cases(draw: st.DrawFn, min_rank: int = 1) -> tuple[Any, str, list[Any]]:
    """An array, subscripts in R, and the same as they cross."""
    shape = draw(st.lists(st.integers(1, 4), min_size=min_rank, max_size=4))
    written = [draw(subscripts(size)) for size in shape]
    x = np.arange(1, math.prod(shape) + 1, dtype="float32").reshape(shape)
    source = ", ".join(source for source, _ in written)
    return x, source, [part for _, captured in written for part in captured]


def check(name: str, strategy: Any, test: Any) -> None:
    native = Native(name)

    @settings(max_examples=EXAMPLES[name])
    @given(strategy)
    def run(case: Any) -> None:
        test(native, *case)

    run()


def select(native: Native, x: Any, captured: list[Any], drop: bool = True) -> Any:
    return native.array(indexing.get(native.tensor(x), "r", drop, captured))


def assign(native: Native, x: Any, captured: list[Any], value: Any) -> Any:
    return native.array(indexing.set(native.writable(x), "r", value, captured))


# --- `[` --------------------------------------------------------------------------------------


@each_framework
def test_without_drop_the_result_is_r_s(r, name):
    def test(native, x, source, captured):
        expected = r(f"function(x) x[{source}, drop = FALSE]", x)
        result = select(native, x, captured, drop=False)
        np.testing.assert_array_equal(result, expected)
        assert result.shape == expected.shape

    check(name, cases(), test)


@each_framework
def test_with_drop_the_values_are_r_s(r, name):
    """R drops every dimension of size 1; here only a single position drops its own."""

    def test(native, x, source, captured):
        expected = r(f"function(x) as.vector(x[{source}])", x)
        result = select(native, x, captured)
        np.testing.assert_array_equal(result.ravel(order="F"), expected)
        sizes = r(f"function(x) dim(x[{source}, drop = FALSE])", x)
        single = [isinstance(part, float) for part in _parts(captured)]
        assert list(result.shape) == [
            size for size, dropped in zip(sizes, single, strict=True) if not dropped
        ]

    check(name, cases(), test)


def _parts(captured: list[Any]) -> list[Any]:
    """One item for each subscript: ranges are three or four."""
    parts, left = [], iter(captured)
    for part in left:
        parts.append(part)
        for _ in range({"r": 2, "s": 3}.get(part, 0) if isinstance(part, str) else 0):
            next(left)
    return parts


@st.composite
def masks(draw: st.DrawFn) -> tuple[Any, Any]:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    size = math.prod(shape)
    bits = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return np.arange(1.0, size + 1, dtype="float32").reshape(shape), np.array(bits).reshape(shape)


@each_framework
def test_a_mask_selects_and_assigns_in_r_s_order(r, name):
    def test(native, x, mask):
        np.testing.assert_array_equal(
            select(native, x, [r_array(mask)]), r("function(x, mask) x[mask]", x, mask)
        )
        value = -np.arange(1.0, mask.sum() + 1)
        np.testing.assert_array_equal(
            assign(native, x, [r_array(mask)], r_array(value)),
            r("function(x, mask, value) { x[mask] <- value; x }", x, mask, value),
        )

    check(name, masks(), test)


@st.composite
def coordinates(draw: st.DrawFn) -> tuple[Any, Any]:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    row = st.tuples(*[st.integers(1, size) for size in shape])
    rows = draw(st.lists(row, min_size=1, max_size=5, unique=True))
    x = np.arange(1.0, math.prod(shape) + 1, dtype="float32").reshape(shape)
    return x, np.array(rows, "float64")


@each_framework
def test_a_matrix_of_coordinates_selects_and_assigns_as_r_s(r, name):
    def test(native, x, rows):
        np.testing.assert_array_equal(
            select(native, x, [r_array(rows)]), r("function(x, rows) x[rows]", x, rows)
        )
        value = -np.arange(1.0, len(rows) + 1)
        np.testing.assert_array_equal(
            assign(native, x, [r_array(rows)], r_array(value)),
            r("function(x, rows, value) { x[rows] <- value; x }", x, rows, value),
        )

    check(name, coordinates(), test)


# --- `[<-` ------------------------------------------------------------------------------------


@each_framework
def test_assignment_is_r_s(r, name):
    """A single value, and as many as are selected, which fill in column-major order.

    For a position given twice, R and NumPy keep the last value; others promise nothing.
    """

    def test(native, case, single):
        x, source, captured = case
        count = r(f"function(x) length(x[{source}])", x).item()
        value = -1.0 if single or count == 1 else r_array(-np.arange(1.0, count + 1))
        np.testing.assert_array_equal(
            assign(native, x, captured, value),
            r(f"function(x, value) {{ x[{source}] <- value; x }}", x, value),
        )

    once = cases().filter(lambda case: not any(_repeats(part) for part in case[2]))
    check(name, st.tuples(once, st.booleans()), test)


def _repeats(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype != bool and len(set(part)) < len(part)


# --- Refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["4, 1", "1, 5", "c(1, 4), 1", "1:4, 1", "matrix(c(4, 1), 1)"])
def test_what_r_refuses_is_refused(r, source):
    from rpy2.rinterface_lib.embedded import RRuntimeError

    x = np.arange(12.0).reshape(3, 4)
    with pytest.raises(RRuntimeError, match="subscript out of bounds"):
        r(f"function(x) x[{source}]", x)
    captured = {
        "4, 1": [4, 1],
        "1, 5": [1, 5],
        "c(1, 4), 1": [r_array([1, 4]), 1],
        "1:4, 1": ["r", 1, 4, 1],
        "matrix(c(4, 1), 1)": [r_array([[4, 1]])],
    }[source]
    with pytest.raises(IndexError, match=r"but dimension [12] has size [34]"):
        indexing.get(x, "r", True, captured)
