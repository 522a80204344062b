"""What differs between the frameworks."""

from __future__ import annotations

import importlib

import jax
import jax.export
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from conftest import Native

from kerasbridge.tensors import frameworks

X = np.arange(12, dtype="float32").reshape(3, 4)


@pytest.mark.parametrize(
    ("x", "name"),
    [
        (np.ones(2), "numpy"),
        (np.float32(1), "numpy"),
        (jnp.ones(2), "jax"),
        (torch.ones(2), "torch"),
        (torch.nn.Parameter(torch.ones(2)), "torch"),
        (tf.ones(2), "tensorflow"),
        (tf.Variable([1.0]), "tensorflow"),
        (tf.IndexedSlices(tf.ones((1, 2)), tf.constant([0])), "tensorflow"),
        (keras.Input((2,)), "keras"),
        (keras.Variable(1.0), "keras"),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, str) else x,
)
def test_tensors_and_variables_have_their_framework(x, name):
    assert frameworks.is_tensor(x)
    assert frameworks.of(x).name == name


@pytest.mark.parametrize(
    "x",
    [
        1,
        1.0,
        "a",
        None,
        [1],
        {"a": 1},
        len,
        keras.layers.Dense(1),
        tf.TensorSpec((1,)),
        np.dtype("i4"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_other_objects_have_none(x):
    assert not frameworks.is_tensor(x)
    with pytest.raises(TypeError, match=f"Not a tensor: {type(x).__name__}"):
        frameworks.of(x)


def test_traced_tensors_have_their_framework():
    seen = []

    def see(x):
        seen.append((frameworks.of(x).name, frameworks.of(x).shape(x), frameworks.known(x)))
        return x

    jax.jit(see)(jnp.ones(2))
    jax.grad(lambda x: see(x).sum())(jnp.ones(2))
    jax.vmap(see)(jnp.ones((3, 2)))
    tf.function(see, input_signature=[tf.TensorSpec((None, 2))], autograph=False)(tf.ones((1, 2)))
    names_and_shapes = [(name, shape) for name, shape, _ in seen]
    assert names_and_shapes == [("jax", (2,))] * 3 + [("tensorflow", (None, 2))]
    assert seen[0][2] is None
    assert seen[3][2] is None


def test_a_size_that_jax_traces_as_a_symbol_is_not_known():
    seen = []

    def traced(x):
        seen.append(frameworks.of(x).shape(x))
        return x * 2

    sizes = jax.export.symbolic_shape("batch, 3")
    jax.export.export(jax.jit(traced))(jax.ShapeDtypeStruct(sizes, "float32"))
    assert seen == [(None, 3)]


def test_values_there_and_back(native):
    framework = frameworks.named(native.name)
    x = framework.from_numpy(X)
    np.testing.assert_array_equal(framework.to_numpy(x), X, strict=True)
    assert framework.shape(x) == (3, 4)
    assert framework.dtype(x) == "float32"
    assert framework.scalar(native.tensor(np.float32(2.5))) == 2.5
    np.testing.assert_array_equal(frameworks.known(x), X)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "float32", "complex64"])
def test_dtypes_go_by_their_standard_names(native, dtype):
    framework = frameworks.named(native.name)
    x = framework.cast(native.tensor(np.array([0, 1])), dtype)
    assert framework.dtype(x) == dtype
    np.testing.assert_array_equal(framework.to_numpy(x), np.array([0, 1], dtype), strict=True)


def test_short_floats_have_values_too():
    for x in (jnp.ones(2, "bfloat16"), torch.ones(2).bfloat16(), tf.ones(2, tf.bfloat16)):
        framework = frameworks.of(x)
        assert framework.dtype(x) == "bfloat16"
        assert framework.to_numpy(x).astype("float32").tolist() == [1, 1]


def test_torch_s_views_and_gradients_have_values():
    x = torch.tensor([1 + 2j], requires_grad=True)
    assert Native.array(x.conj()).tolist() == [1 - 2j]


@pytest.mark.parametrize("shape", [(), (2,), (2, 1), (0,)])
def test_take_takes_positions_of_any_shape(native, shape):
    framework = frameworks.named(native.name)
    places = np.resize(np.array([2, 0]), shape)
    for axis in (0, 1):
        result = framework.take(native.tensor(X), places, axis)
        np.testing.assert_array_equal(native.array(result), np.take(X, places, axis), strict=True)


def test_nonzero_and_transpose(native):
    framework = frameworks.named(native.name)
    mask = native.tensor(X > 6)
    places = [native.array(axis) for axis in framework.nonzero(mask)]
    np.testing.assert_array_equal(places, np.nonzero(X > 6))
    result = framework.transpose(native.tensor(X[None]), [2, 0, 1])
    np.testing.assert_array_equal(native.array(result), X[None].transpose(2, 0, 1), strict=True)


def test_r_s_methods_are_registered_for_the_classes_of_tensors():
    """Every tensor inherits from one of the names that reticulate gives R."""
    tensors = {
        "tensorflow": [tf.ones(1), tf.Variable([1.0])],
        "torch": [torch.ones(1), torch.nn.Parameter(torch.ones(1))],
        "jax": [jnp.ones(1)],
        "keras": [keras.Input((1,)), keras.Variable(1.0)],
    }
    for module, examples in tensors.items():
        classes = frameworks.tensor_classes(module)
        for x in examples:
            names = {f"{cls.__module__}.{cls.__name__}" for cls in type(x).__mro__}
            assert names & set(classes), (type(x), classes)
        for name in classes:
            path, _, last = name.rpartition(".")
            assert last
            assert importlib.util.find_spec(path.partition(".")[0]) is not None


def test_a_framework_is_not_imported_for_nothing(python):
    script = """
import sys
from kerasbridge.models import training
from kerasbridge.tensors import arrays, frameworks, indexing, kinds, operators, shapes
from kerasbridge.wrappers import bindings
frameworks.of_type(float)
print([name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules])
"""
    assert python(script) == "[]"
