"""The kind of every argument, and its conversion."""

from __future__ import annotations

import os

import jax.numpy as jnp
import keras
import numpy as np
import pytest
from conftest import r_array
from hypothesis import given
from hypothesis import strategies as st

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import arrays, kinds

NUMBERS = st.integers(-9, 9).filter(bool)


def zero_based(number: int) -> int:
    return number - 1 if number > 0 else number


@pytest.mark.parametrize(
    ("name", "default", "kind"),
    [
        ("x", None, "tensor"),
        ("axis", -1, "axis"),
        ("axes", None, "axis"),
        ("input_shape", None, "shape"),
        ("indices", None, "index"),
        ("dtype", "int32", "dtype"),
        ("filepath", None, "path"),
        ("activation", None, "callable"),
        ("units", None, "size"),
        ("kernel_size", (3, 3), "integer"),
        ("max_tokens", None, "integer"),
        ("some_count", 3, "integer"),
        ("some_window", (2, 2), "integer"),
        ("some_rate", 0.5, "value"),
        ("some_flag", True, "value"),
        ("some_name", None, "value"),
    ],
)
def test_the_kind_follows_from_the_name_and_the_default(name, default, kind):
    assert kinds.kind_of(name, default) == kind
    assert kind in kinds.KINDS


def test_every_kind_has_a_converter():
    # what an index becomes where `zero_indexed` says so
    assert set(kinds.CONVERTERS) == {*kinds.KINDS, "index_from_zero"}


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_integers(number):
    for value in (number, float(number)):
        result = kinds.integer(value, "units")
        assert result == number
        assert type(result) is int
    assert kinds.integer(r_array([number, 1], "float64"), "units") == (number, 1)
    assert kinds.integer([float(number)], "units") == (number,)


@pytest.mark.parametrize("value", [32.5, r_array([3, 2.5]), [1, [2.5]], True])
def test_integers_are_refused_by_name(value):
    with pytest.raises(ArgumentError, match="`units` must be a whole number"):
        kinds.integer(value, "units")


def test_strings_and_null_stand_where_integers_do():
    assert kinds.integer("valid", "padding") == "valid"
    assert kinds.integer(None, "padding") is None


@given(NUMBERS)
def test_axes_count_from_one_and_from_the_last(number):
    assert kinds.axis(number, "axis") == zero_based(number)
    assert kinds.axis(float(number), "axis") == zero_based(number)
    assert kinds.axis(r_array([number, 2], "float64"), "axis") == (zero_based(number), 1)


@pytest.mark.parametrize("value", [0, 0.0, r_array([1, 0]), [2, 0]])
def test_no_axis_is_0(value):
    with pytest.raises(ArgumentError, match=r"`axis` counts axes from 1, .*: not 0"):
        kinds.axis(value, "axis")


@given(st.lists(NUMBERS, min_size=2, max_size=6))
def test_positions_count_from_one(numbers):
    expected = [zero_based(number) for number in numbers]
    for dtype in ("float64", "int32"):
        result = kinds.index(r_array(numbers, dtype), "indices")
        np.testing.assert_array_equal(result, np.array(expected, "int32"), strict=True)
    np.testing.assert_array_equal(kinds.index(list(map(float, numbers)), "indices"), expected)
    np.testing.assert_array_equal(kinds.index(jnp.array(numbers), "indices"), expected)
    np.testing.assert_array_equal(kinds.one_based(jnp.arange(3)), [1, 2, 3])
    assert kinds.positions(r_array(numbers, "float64"), "indices") == tuple(expected)


def test_positions_in_a_symbolic_tensor():
    inputs = keras.Input((), dtype="int32")
    model = keras.Model(inputs, kinds.index(inputs, "indices"))
    np.testing.assert_array_equal(model(np.array([1, 3, -1], "int32")), [0, 2, -1])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "not 0"),
        (r_array([1, 0]), "must not hold 0"),
        (r_array([1.5, 2]), "must hold whole numbers"),
        (r_array([1, np.nan]), "must hold whole numbers"),
        (r_array([True, False]), "must hold whole numbers"),
        (1.5, "must be a whole number"),
    ],
)
def test_positions_are_refused_by_name(value, told):
    with pytest.raises(ArgumentError, match=f"`indices` .*{told}"):
        kinds.index(value, "indices")


def test_one_number_counts_and_several_name():
    assert kinds.count_or_axes(2.0, "axes") == 2
    assert kinds.count_or_axes([r_array([1, 2]), r_array([-1, 1])], "axes") == ((0, 1), (-1, 0))
    assert kinds.count_or_positions(3.0, "indices_or_sections") == 3
    assert kinds.count_or_positions(r_array([2, 4]), "indices_or_sections") == (1, 3)


def test_positions_come_back_from_one():
    assert kinds.one_based(0) == 1
    assert kinds.one_based(None) is None
    values, places = kinds.one_based([np.array([0]), (1, 2)])
    np.testing.assert_array_equal(values, [1])
    assert places == [2, 3]


def test_dtypes_have_r_s_names_too():
    assert kinds.dtype("double", "dtype") == "float64"
    assert kinds.dtype("bfloat16", "dtype") == "bfloat16"
    assert kinds.dtype(jnp.float32, "dtype") is jnp.float32
    with pytest.raises(ArgumentError, match='`dtype` must be a dtype such as "float32", not 32'):
        kinds.dtype(32, "dtype")


def test_paths_are_expanded():
    assert kinds.path("~/model.keras", "path") == os.path.expanduser("~") + "/model.keras"


def test_a_factor_s_codes_are_positions_already() -> None:
    codes = kinds.index(arrays.codes([1, 3, 2]), "x")
    assert type(codes) is np.ndarray
    assert codes.tolist() == [0, 2, 1]


def test_a_nested_list_becomes_tuples_all_the_way_down() -> None:
    leaf = np.zeros(2)
    given_tree = {"a": [1, [2, leaf]], "b": "c"}
    assert kinds.tree(given_tree) == {"a": (1, (2, leaf)), "b": "c"}


def test_a_single_number_is_a_vector_where_one_is_asked_for() -> None:
    assert kinds.integer_vector(2.0, "target_class_ids") == (2,)
    assert kinds.integer_vector(r_array([0.0, 2.0]), "target_class_ids") == (0, 2)
    assert kinds.number_vector(0.5, "thresholds") == [0.5]
    assert kinds.number_vector(None, "thresholds") is None


@pytest.mark.parametrize("kind", ["axis_vector", "index_vector", "integer_vector", "number_vector"])
def test_a_single_number_is_a_vector_of_one(kind):
    converted = kinds.CONVERTERS[kind](2.0, "x")
    assert len(converted) == 1


def test_words_are_a_vocabulary_and_a_file_is_the_path_of_one(tmp_path):
    file = tmp_path / "words"
    file.write_text("a")
    assert kinds.vocabulary("a", "vocabulary") == ["a"]
    assert kinds.vocabulary(str(file), "vocabulary") == str(file)
    assert kinds.vocabulary(5, "vocabulary") == [5]
