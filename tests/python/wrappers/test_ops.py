"""The forms that R needs of ops; their values on every backend are in tests/calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasbridge.errors import ArgumentError
from kerasbridge.wrappers import ops


def sequence(*arguments: float, **options: object) -> list[float]:
    values: list[float] = np.asarray(ops.arange(*arguments, **options)).tolist()
    return values


@settings(max_examples=20)  # JAX compiles for every length
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 7))
def test_arange_includes_an_end_that_a_step_reaches(start: int, end: int, step: int) -> None:
    direction = 1 if start <= end else -1
    assert sequence(start, end) == list(range(start, end + direction, direction))
    assert sequence(start, end, step) == list(range(start, end + 1, step))
    assert sequence(start, end, -step) == list(range(start, end - 1, -step))
    assert sequence(start, end, step, include_end=False) == list(range(start, end, step))


@settings(max_examples=20)  # JAX compiles for every length
@given(st.integers(1, 200), st.integers(1, 12))
def test_arange_of_fractions_has_as_many_values_as_seq(count: int, parts: int) -> None:
    step = 1 / parts
    end = count * step
    assert len(sequence(0.0, end, step)) == count + 1
    assert len(sequence(0.0, end, step, include_end=False)) == count
    assert sequence(0.0, end, step)[-1] == pytest.approx(end, rel=1e-5)  # float32


def test_arange_of_one_number_starts_at_1() -> None:
    assert sequence(4) == [1, 2, 3, 4]
    assert sequence(0) == []
    assert sequence(2.5) == [1.0, 2.0]


def test_arange_is_of_integers_only_when_all_numbers_are() -> None:
    assert str(ops.arange(3).dtype) == "int32"
    assert str(ops.arange(1, 3, 1.0).dtype) == "float32"
    assert str(ops.arange(1.0, 3.0, dtype="int32").dtype) == "int32"


def test_jvp_takes_numbers() -> None:
    value, slope = ops.jvp(lambda x: x * x, [3.0], [1.0])
    assert (float(value), float(slope)) == (9.0, 6.0)


def test_lengths_of_axes_are_whole_numbers() -> None:
    x = np.arange(6)
    assert ops.rearrange(x, "(a b) -> a b", a=2.0).shape == (2, 3)
    with pytest.raises(ArgumentError, match="`a` must be a whole number"):
        ops.rearrange(x, "(a b) -> a b", a=1.5)


def test_windows_do_not_overlap_unless_strides_are_given() -> None:
    x = np.array([1.0, 3.0, 5.0, 9.0], dtype="float32").reshape(1, 4, 1)
    assert np.ravel(ops.max_pool(x, 2)).tolist() == [3, 9]
    assert np.ravel(ops.average_pool(x, 2)).tolist() == [2, 7]
