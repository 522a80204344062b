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

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import arrays

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


@pytest.mark.parametrize("shape", [(70, 32, 32, 3), (33, 50, 64), (2000, 4, 1, 9), (3, 200, 200)])
def test_row_major_of_images_and_series_is_numpy_s(shape):
    values = np.random.default_rng(1).normal(size=shape)
    result = arrays.row_major(r_array(values))
    np.testing.assert_array_equal(result, values.astype("float32"))
    assert result.flags.c_contiguous
    assert result.flags.owndata


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
    with pytest.raises(ArgumentError, match="`labels` has missing values"):
        arrays.integer64(np.array([-(2**63)]).view("float64"), "labels")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16", "float8_e4m3fn"])
def test_numbers_go_into_the_dtype_that_is_asked_for_at_once(dtype):
    values = [0.1, 0.2, 2049.0 if dtype != "float8_e4m3fn" else 17.0]
    result = arrays.row_major(r_array(values), dtype)
    assert result.dtype.name == dtype
    np.testing.assert_array_equal(result, np.array(values).astype(result.dtype))
    assert str(arrays.tensor_of(r_array(values), dtype).dtype) in (dtype, "float32")


@pytest.mark.parametrize(
    ("given", "dtype", "told"),
    [
        ([-1, 2], "uint8", "-1"),
        ([256.0, 0.0], "uint8", "256"),
        ([float("nan"), 1.0], "int32", "NA, NaN or Inf"),
        ([float("inf"), 1.0], "bool", "NA, NaN or Inf"),
        ([3e9, 0.0], "int32", "3e[+]09"),
    ],
)
def test_numbers_that_a_dtype_has_not_are_refused(given, dtype, told):
    with pytest.raises(ArgumentError, match=f"`x` holds {told}, which the dtype {dtype} has not"):
        arrays.tensor_of(r_array(given), dtype)
    arrays.tensor_of(r_array(given), dtype, wraps=True)


def test_whole_doubles_are_exact_as_integers():
    result = arrays.tensor_of(r_array([16777217.0, -16777217.9]), "int32")
    np.testing.assert_array_equal(np.asarray(result), np.array([16777217, -16777217], "int32"))


@pytest.mark.parametrize("nothing", [None, {"a": r_array([1.0])}])
def test_what_is_no_tensor_is_refused_by_name(nothing):
    with pytest.raises(ArgumentError, match="`x` must be a tensor or R data, not"):
        arrays.tensor_of(nothing, None)


def test_integers_too_wide_for_the_backend_are_refused():
    with pytest.raises(ArgumentError, match=r"beyond 2\^31\. The backend computes with 32 bits"):
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
    elif low > -(2**63):
        np.testing.assert_array_equal(bits_written(arrays.to_r(values)), values)
    else:
        with pytest.raises(ArgumentError, match=f"holds {low}, which R has no number for"):
            arrays.to_r(values)


def bits_written(pending):
    """What R has in memory once 64-bit integers are written to it."""
    assert pending.type == "integer64"
    view = np.empty(pending.dim or 1, order="F")
    pending.fill(view)
    return view.view("int64")


def test_unsigned_integers_beyond_r_s_are_refused():
    values = np.array([1, 2**63], "uint64")
    with pytest.raises(ArgumentError, match="holds 9223372036854775808, which R has no number"):
        arrays.to_r(values)
    np.testing.assert_array_equal(bits_written(arrays.to_r(values - 1)), [0, 2**63 - 1])


@given(st.integers(-(2**70), 2**70))
def test_python_s_integers_are_exact_or_refused(number):
    if abs(number) >= 2**63:
        with pytest.raises(ArgumentError, match=r"beyond 2\^63"):
            arrays.to_r(number)
        return
    if abs(number) > 2**53:
        assert bits_written(arrays.to_r(number)) == number
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
