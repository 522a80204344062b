"""Whole numbers and shapes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import r_array
from hypothesis import assume, given
from hypothesis import strategies as st

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import shapes

SIZES = st.integers(0, 2**31 - 1)


@given(st.integers(-(2**31) + 1, 2**53))
def test_whole_numbers_are_whole_however_r_writes_them(number):
    for given_number in (number, float(number), np.int64(number)):
        result = shapes.whole(given_number, "units")
        assert result == number
        assert type(result) is int


@given(st.floats(allow_infinity=False, allow_nan=False).filter(lambda x: not x.is_integer()))
def test_fractions_are_refused_never_truncated(number):
    with pytest.raises(ArgumentError, match=r"`units` must be a whole number, not -?[\d.]+"):
        shapes.whole(number, "units")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (shapes.NA_INTEGER, "not NA"),
        (math.nan, "not NA"),
        (math.inf, "not inf"),
        (True, "not TRUE"),
        (None, "not NULL"),
        ("3", 'not the string "3"'),
        ({"a": 1}, "not a named list"),
        ([1, 2], "not 2 values"),
        (len, "not a function"),
        (object(), "not an object of class object"),
    ],
)
def test_what_is_no_number_is_told_in_r_s_words(value, told):
    with pytest.raises(ArgumentError) as error:
        shapes.whole(value, "units")
    assert str(error.value) == f"`units` must be a whole number, {told}."


@given(st.lists(st.none() | SIZES, max_size=5))
def test_a_shape_is_the_same_from_a_list_a_vector_and_a_shape(sizes):
    assume(math.prod(size for size in sizes if size is not None) <= 2**48)
    expected = tuple(sizes)
    floats = [math.nan if size is None else float(size) for size in sizes]
    integers = [shapes.NA_INTEGER if size is None else size for size in sizes]
    assert shapes.shape(sizes) == expected
    assert shapes.shape(tuple(floats)) == expected
    assert shapes.shape(r_array(floats, "float64")) == expected
    assert shapes.shape(r_array(integers, "int32")) == expected


def test_one_number_is_one_dimension():
    assert shapes.shape(3.0) == (3,)
    assert shapes.shape(shapes.NA_INTEGER) == (None,)


def test_shapes_of_several_inputs_keep_their_structure():
    assert shapes.shape({"a": [None, 2.0], "b": r_array([3.0])}) == {"a": (None, 2), "b": (3,)}
    assert shapes.shape([[1.0, 2.0], [3.0]]) == [(1, 2), (3,)]


def test_no_shape_passes():
    assert shapes.shape(None) is None


@pytest.mark.parametrize(
    ("value", "told"), [([2.5], "not 2.5"), ([-2], "the negative size -2"), ([True], "not TRUE")]
)
def test_sizes_are_whole_and_not_negative(value, told):
    with pytest.raises(ArgumentError, match=f"`shape` must .*{told}"):
        shapes.shape(value)


@pytest.mark.parametrize("sizes", [(2.0**31, 2.0**31), [2**31, None, 2**31]])
def test_more_elements_than_any_memory_holds_are_refused(sizes):
    with pytest.raises(ArgumentError, match="`shape` has more elements"):
        shapes.shape(sizes)


def test_a_string_is_no_shape():
    with pytest.raises(ArgumentError, match='`shape` must hold whole numbers, not the string "a"'):
        shapes.shape("a")


def test_the_rest_of_a_shape_may_be_left_to_reshape():
    assert shapes.shape([-1.0, 2.0]) == (-1, 2)
