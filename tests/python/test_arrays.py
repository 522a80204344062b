"""R's data as tensors, and tensors as R's data."""

from __future__ import annotations

import jax.numpy as jnp
import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from conftest import r_array
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kerasbridge import arrays
from kerasbridge.errors import ArgumentError

MATRIX = [[1.5, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    ("given_dtype", "dtype"),
    [
        ("float64", "float32"),
        ("int32", "int32"),
        ("bool", "bool"),
        ("complex128", "complex64"),
        ("uint8", "uint8"),
    ],
)
def test_r_s_types_have_their_tensors(given_dtype, dtype):
    result = arrays.tensor(r_array(MATRIX, given_dtype))
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, np.array(MATRIX, given_dtype))


def test_doubles_take_floatx():
    keras.config.set_floatx("bfloat16")
    try:
        assert arrays.tensor(r_array(MATRIX)).dtype == "bfloat16"
    finally:
        keras.config.set_floatx("float32")


@given(
    hnp.arrays("float32", hnp.array_shapes(min_dims=0, max_side=5), elements={"allow_nan": False})
)
def test_there_and_back_every_value_keeps_its_place(values):
    result = arrays.to_r(arrays.tensor(r_array(values, "float64")))
    np.testing.assert_array_equal(result, values.astype("float64"), strict=True)


@given(hnp.arrays("float64", hnp.array_shapes(max_side=5), elements=st.floats(width=32)))
def test_row_major_copies_once_and_owns_its_memory(values):
    given_array = r_array(values)
    result = arrays.row_major(given_array)
    np.testing.assert_array_equal(result, values.astype("float32"), strict=True)
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, given_array)


def test_missing_doubles_are_nan():
    np.testing.assert_array_equal(np.isnan(arrays.tensor(r_array([1.0, np.nan]))), [False, True])


@pytest.mark.parametrize("value", [1, 2.5, True, None, 1j])
def test_a_single_value_stays_as_it_is(value):
    assert arrays.tensor(value) is value


def test_lists_keep_their_structure():
    result = arrays.tensor({"a": [r_array([1.0, 2.0]), 3], "b": (r_array([True]),)})
    assert list(result) == ["a", "b"]
    np.testing.assert_array_equal(result["a"][0], [1, 2])
    assert result["a"][1] == 3
    assert result["b"][0].dtype == "bool"


def test_tensors_pass_untouched():
    for tensor in (jnp.ones(2), keras.Input((2,)), keras.Variable(1.0)):
        assert arrays.tensor(tensor) is tensor


def test_functions_are_no_data():
    with pytest.raises(ArgumentError, match="`x` must be a tensor or R data, not a function"):
        arrays.tensor(len, "x")


def test_strings_are_refused_where_the_backend_has_none():
    with pytest.raises(ArgumentError, match=r"`x` is a character vector, and the jax backend"):
        arrays.tensor(r_array(["a", "b"]), "x")


def test_factors_count_their_codes_from_0():
    result = arrays.codes(r_array([1, 3, 2], "int32"))
    np.testing.assert_array_equal(result, np.array([0, 2, 1], "int32"))
    assert arrays.tensor(result).dtype == "int32"


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1))
def test_integer64_crosses_exactly(numbers):
    bits = np.array(numbers, "int64").view("float64")
    np.testing.assert_array_equal(arrays.integer64(r_array(bits)), np.array(numbers), strict=True)


def test_integer64_has_no_missing_values():
    with pytest.raises(ArgumentError, match="integer64 vector with NA"):
        arrays.integer64(np.array([-(2**63)]).view("float64"))


def test_integers_too_wide_for_the_backend_are_refused():
    with pytest.raises(ArgumentError, match="the backend computes with 32 bits"):
        arrays.tensor(arrays.integer64(np.array([2**40]).view("float64")))


def test_raw_bytes():
    np.testing.assert_array_equal(arrays.raw(bytearray([0, 255])), np.array([0, 255], "uint8"))


def test_dim_fills_in_column_major_order():
    result = arrays.shaped(np.arange(6), [2.0, 3])
    np.testing.assert_array_equal(result, [[0, 2, 4], [1, 3, 5]])


# --- Back to R --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("bool", "bool"),
        ("int8", "int32"),
        ("uint8", "int32"),
        ("int16", "int32"),
        ("uint16", "int32"),
        ("int32", "int32"),
        ("uint32", "int32"),
        ("int64", "int32"),
        ("float16", "float64"),
        ("float32", "float64"),
        ("float64", "float64"),
        ("complex64", "complex128"),
    ],
)
def test_every_dtype_has_an_r_type(native, dtype, expected):
    values = np.array([[1, 0], [1, 1]], dtype)
    if native.name == "jax" and dtype in ("int64", "float64"):
        expected = {"int64": "int32", "float64": "float64"}[dtype]
    result = arrays.to_r(native.tensor(values))
    np.testing.assert_array_equal(result, values.astype(expected), strict=True)


@pytest.mark.parametrize("make", [jnp.array, torch.tensor, tf.constant])
def test_short_floats_are_doubles_in_r(make):
    module = {"jax": jnp, "torch": torch}.get(make.__module__.partition(".")[0], tf)
    result = arrays.to_r(make([1.5, -2.0], dtype=module.bfloat16))
    np.testing.assert_array_equal(result, np.array([1.5, -2.0]), strict=True)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4))
def test_wide_integers_are_exact_or_refused(numbers):
    low, high = min(numbers), max(numbers)
    values = np.array(numbers, "int64")
    if low > -(2**31) and high < 2**31:
        np.testing.assert_array_equal(arrays.to_r(values), values.astype("int32"), strict=True)
    elif low >= -(2**53) and high <= 2**53:
        np.testing.assert_array_equal(arrays.to_r(values), values.astype("float64"), strict=True)
    else:
        with pytest.raises(ArgumentError, match=r"which an R number cannot hold exactly"):
            arrays.to_r(values)


@given(st.integers(-(2**70), 2**70))
def test_python_s_integers_are_exact_or_refused(number):
    if abs(number) > 2**53:
        with pytest.raises(ArgumentError, match="cannot hold it exactly"):
            arrays.to_r(number)
        return
    result = arrays.to_r(number)
    assert result == number
    assert type(result) is (int if -(2**31) < number < 2**31 else float)


def test_r_s_missing_integer_never_appears_by_accident():
    np.testing.assert_array_equal(arrays.to_r(np.array([-(2**31)])), [-(2.0**31)])
    np.testing.assert_array_equal(arrays.to_r(np.array([-(2**31)], "int32")), [-(2.0**31)])


def test_variables_and_gradients():
    assert arrays.to_r(keras.Variable(2.0)) == 2.0
    assert arrays.to_r(tf.Variable([2.0])).tolist() == [2.0]
    assert arrays.to_r(torch.nn.Parameter(torch.ones(1))).tolist() == [1.0]
    slices = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]), tf.constant([2, 2]))
    assert arrays.to_r(slices).tolist() == [[0, 0], [1, 1]]


def test_strings_are_decoded():
    assert arrays.to_r(tf.constant(["é", "b"])).tolist() == ["é", "b"]
    assert arrays.to_r(tf.constant("é")).item() == "é"


def test_symbolic_tensors_have_no_values():
    with pytest.raises(TypeError, match="A symbolic tensor has no value"):
        arrays.to_r(keras.Input((2,)))


def test_what_holds_no_values_stays_itself():
    layer = keras.layers.Dense(1)
    assert arrays.to_r(layer) is layer
    assert arrays.to_r({"a": [layer, 1]}) == {"a": [layer, 1]}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int32"])
def test_large_results_are_written_into_r_s_memory(dtype):
    values = (np.arange(2 * arrays._LARGE) % 100).astype(dtype).reshape(-1, 64)
    pending = arrays.to_r(values)
    view = r_array(np.empty(values.shape), {"double": "float64"}.get(pending.type, "int32"))
    assert pending.dim == list(values.shape)
    pending.fill(view)
    np.testing.assert_array_equal(view, values)
