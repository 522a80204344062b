"""R's operators and functions on every framework's tensors."""

from __future__ import annotations

import operator as python
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from conftest import r_array

from kerasbridge.errors import ArgumentError, Failure
from kerasbridge.tensors import frameworks, operators

X = np.array([[1.5, -2.0], [3.0, 4.0]], "float32")
Y = np.array([[2.0, 0.5], [1.0, 4.0]], "float32")

ARITHMETIC = {
    "+": python.add,
    "-": python.sub,
    "*": python.mul,
    "/": python.truediv,
    "^": lambda x, y: np.abs(x) ** y,
    "%%": python.mod,
    "%/%": python.floordiv,
    "%*%": python.matmul,
}
COMPARISONS = {
    "==": python.eq,
    "!=": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}


def call(name: str, *arguments: Any) -> Any:
    """The result of an operator; what it raised is raised here."""
    result = operators.operator(name)(*arguments)
    if isinstance(result, Failure):
        result.raise_again()
    return result


def values(x: Any) -> Any:
    framework = frameworks.of(x)
    return framework.to_numpy(framework.value(x))


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_of_tensors_and_r_data(native, name):
    x, y = (np.abs(X), Y) if name == "^" else (X, Y)
    expected = ARITHMETIC[name](x, y)
    for left in (native.tensor(x), r_array(x, "float64")):
        for right in (native.tensor(y), r_array(y, "float64")):
            if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
                continue
            result = call(name, left, right)
            assert frameworks.of(result).name == native.name
            assert frameworks.of(result).dtype(result) == "float32"
            # The frameworks' powers differ in the last bit.
            np.testing.assert_allclose(values(result), expected, rtol=1e-6)


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparison_of_tensors_and_r_data(native, name):
    expected = COMPARISONS[name](X, Y)
    for y in (native.tensor(Y), r_array(Y, "float64")):
        result = call(name, native.tensor(X), y)
        np.testing.assert_array_equal(values(result), expected, strict=True)


def test_single_numbers_on_either_side(native):
    x = native.tensor(np.array([1.0, 4.0], "float32"))
    for name, left, right in [("-", [-1, 2], [1, -2]), ("/", [0.5, 2], [2, 0.5])]:
        np.testing.assert_allclose(values(call(name, x, 2.0)), left)
        np.testing.assert_allclose(values(call(name, 2.0, x)), right)
    np.testing.assert_array_equal(values(call("^", 2.0, x)), [2, 16])


@pytest.mark.parametrize(
    ("dtype", "data", "expected"),
    [
        ("float16", 1.5, "float16"),
        ("float32", 1, "float32"),
        ("float32", r_array([1, 2], "int32"), "float32"),
        ("float32", True, "float32"),
        ("int32", 1.5, "float32"),
        ("int32", r_array([1.5, 2]), "float32"),
        ("int32", 2, "int32"),
        ("int32", r_array([True, False]), "int32"),
        ("uint8", 2, "uint8"),
        ("bool", 2, "int32"),
        ("bool", 0.5, "float32"),
        ("float32", 1j, "complex64"),
    ],
)
def test_r_data_takes_the_tensor_s_dtype_as_far_as_r_would(native, dtype, data, expected):
    x = np.array([1, 0], dtype)
    result = call("+", native.tensor(x), data)
    assert frameworks.of(result).dtype(result) == expected
    np.testing.assert_array_equal(values(result), np.array([1, 0]) + np.asarray(data))
    np.testing.assert_array_equal(values(call("+", data, native.tensor(x))), values(result))


def test_logic_asks_for_anything_but_zero(native):
    x, y = np.array([0, 1, 2], "int32"), np.array([True, True, False])
    for right in (native.tensor(y), r_array(y)):
        np.testing.assert_array_equal(
            values(call("&", native.tensor(x), right)), [False, True, False]
        )
        np.testing.assert_array_equal(
            values(call("|", native.tensor(x), right)), [True, True, True]
        )
    np.testing.assert_array_equal(values(call("!", native.tensor(x))), [True, False, False])
    np.testing.assert_array_equal(values(call("&", native.tensor(x), True)), [False, True, True])


def test_variables_take_part():
    for variable in (tf.Variable(X), torch.nn.Parameter(torch.tensor(X)), keras.Variable(X)):
        np.testing.assert_array_equal(values(call("+", variable, r_array(Y, "float64"))), X + Y)
        np.testing.assert_array_equal(values(call("==", variable, 3.0)), X == 3)
        np.testing.assert_array_equal(values(call("negative", variable)), -X)


def test_symbolic_and_traced_tensors():
    inputs = keras.Input((2,))
    outputs = [
        call("+", inputs, r_array([1.0, 2.0])),
        call("==", inputs, 3.0),
        call(">", inputs, 2),
    ]
    results = keras.Model(inputs, outputs)(X)
    for result, expected in zip(results, [X + np.float32([1, 2]), X == 3, X > 2], strict=True):
        np.testing.assert_array_equal(result, expected)
    traced = jax.jit(lambda x: call("*", 2, x))(jnp.array(X))
    np.testing.assert_array_equal(traced, 2 * X)
    traced = tf.function(lambda x: call("*", r_array([2.0, 3.0]), x), autograph=False)(X)
    np.testing.assert_array_equal(traced, X * [2, 3])


def test_two_tensors_keep_the_framework_s_own_refusals():
    with pytest.raises(tf.errors.InvalidArgumentError):
        call("+", tf.constant([1.0]), tf.constant([1]))


def test_failures_come_back_as_values():
    result = operators.operator("%*%")(jnp.ones((2, 3)), jnp.ones((2, 3)))
    assert isinstance(result, Failure)
    assert isinstance(result.error, TypeError)


MATH = {
    "abs": np.abs,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "floor": np.floor,
    "ceiling": np.ceil,
    "trunc": np.trunc,
    "cos": np.cos,
    "sin": np.sin,
    "tan": np.tan,
    "cosh": np.cosh,
    "sinh": np.sinh,
    "tanh": np.tanh,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "acosh": np.arccosh,
    "asinh": np.arcsinh,
    "atanh": np.arctanh,
    "Re": np.real,
    "Im": np.imag,
    "Mod": np.abs,
    "Arg": np.angle,
    "Conj": np.conj,
    "is.finite": np.isfinite,
    "is.infinite": np.isinf,
    "is.nan": np.isnan,
    "is.na": np.isnan,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "t": np.transpose,
    "negative": np.negative,
}


@pytest.mark.parametrize("name", MATH)
def test_r_s_functions(name):
    x = np.array([[0.25, 0.5], [1.0, 0.75]], "float32")
    if name == "acosh":
        x = x + 1
    flat = name in ("cumsum", "cumprod")  # over all elements, as R holds its arrays
    with np.errstate(divide="ignore"):
        expected = MATH[name](x.ravel(order="F") if flat else x)
        # XLA's elementary functions are exact to a few units in the last place of float32.
        np.testing.assert_allclose(call(name, jnp.array(x)), expected, rtol=1e-5, atol=1e-6)


REDUCTIONS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "mean": np.mean}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_count_axes_from_one(name):
    x, reduce = jnp.array(X), REDUCTIONS[name]
    np.testing.assert_allclose(call(name, x), reduce(X))
    np.testing.assert_allclose(call(name, x, 1), reduce(X, 0))
    np.testing.assert_allclose(call(name, x, -1.0, True), reduce(X, 1, keepdims=True))
    np.testing.assert_allclose(call(name, x, r_array([1, 2])), reduce(X))
    with pytest.raises(ArgumentError, match="`axis` counts axes from 1"):
        call(name, x, 0)


def test_sums_of_several_and_of_truth_values():
    assert call("sum", jnp.array(X), None, False, jnp.array(Y)) == X.sum() + Y.sum()
    assert call("max", jnp.array(X), None, False, 9.0) == 9
    truth = jnp.array([True, True, False])
    assert call("sum", truth) == 2
    np.testing.assert_allclose(call("mean", truth), 2 / 3)
    assert not call("all", truth)
    assert call("any", truth)


def test_rounding_and_permuting():
    np.testing.assert_allclose(call("round", jnp.array([1.26, -0.44]), 1.0), [1.3, -0.4])
    x = jnp.array(np.arange(6.0).reshape(1, 2, 3))
    assert call("aperm", x, r_array([3, 1, 2])).shape == (3, 1, 2)
    assert call("aperm", x, None).shape == (3, 2, 1)


def test_t_is_for_vectors_and_matrices():
    assert call("t", jnp.arange(3)).shape == (1, 3)
    with pytest.raises(ArgumentError, match=r"t\(\) is for vectors and matrices, not 3 dimensions"):
        call("t", jnp.ones((1, 2, 3)))


def test_dim_has_no_size_where_none_is_known():
    assert operators.dim(keras.Input((3,))) == [None, 3]
    assert operators.dim(tf.Variable(X)) == [2, 2]
