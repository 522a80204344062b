"""From a wrapper's name to the Keras callable, arguments converted by their kinds."""

from __future__ import annotations

import inspect
from dataclasses import replace

import jax.numpy as jnp
import keras
import numpy as np
import pytest
from conftest import r_array

from kerasbridge.errors import ArgumentError, Failure
from kerasbridge.tensors import kinds
from kerasbridge.wrappers import bindings
from kerasbridge.wrappers.adapters import adapted
from kerasbridge.wrappers.bindings import Parameter, Signature, bind

X = np.array([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]], "float32")


def given(name, *values, **named):
    """A wrapper's arguments in R's order: these values, the named ones, and the defaults."""
    parameters = bindings.signatures()[name].parameters
    rest = parameters[len(values) :]
    return [*values, *(named.get(parameter.name, parameter.default) for parameter in rest)]


def test_every_wrapper_binds():
    for name, signature in bindings.signatures().items():
        assert callable(bind(name)), name
        assert {parameter.kind for parameter in signature.parameters} <= set(kinds.KINDS), name
        assert {parameter.mode for parameter in signature.parameters} <= {
            "required",
            "default",
            "omit",
        }


def test_arguments_are_converted_by_their_kinds():
    op_sum = bind("op_sum")
    np.testing.assert_array_equal(op_sum(r_array(X, "float64"), 1.0, False), X.sum(0))
    np.testing.assert_array_equal(op_sum(X, -1, True), X.sum(1, keepdims=True))
    with pytest.raises(ArgumentError, match="`axis` counts axes from 1"):
        op_sum(X, 0, False)
    assert bind("op_reshape")(r_array(X), r_array([3.0, np.nan])).shape == (3, 2)


#: Kinds of which Keras wants several, with one: a vector of length 1 is no vector on its way.
SEVERAL = {
    "shape": 2,
    "new_shape": 2,
    "integer_vector": 2,
    "number_vector": 0.5,
    "axis_vector": 2,
    "index_vector": 2,
    "position_vector": 2,
    "list": "a",
    "vocabulary": "a",
}


def test_a_vector_of_length_one_is_a_sequence_to_keras():
    given = 0
    for name, signature in bindings.signatures().items():
        for parameter in signature.parameters:
            if parameter.kind not in SEVERAL:
                continue
            given += 1
            seen = called_with_one(signature, parameter)
            assert isinstance(seen, (list, tuple, np.ndarray)), f"{name}({parameter.name})"
            assert len(seen) == 1, f"{name}({parameter.name})"
    assert given > 100


def called_with_one(signature, parameter):
    """What a function of Keras gets for one argument, bound as the wrapper binds it."""

    def keras_s(**named):
        return named.popitem()[1]

    name = dict(signature.renamed).get(parameter.name, parameter.name)
    only = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
    keras_s.__signature__ = inspect.Signature([only])
    signature = replace(signature, parameters=(parameter,), result="tensor")
    return bindings._direct(signature, keras_s)(SEVERAL[parameter.kind])


def test_positions_come_back_from_one_unless_asked():
    assert bind("op_argmax")(*given("op_argmax", jnp.array(X[0]))) == 2
    assert bind("op_argmax")(*given("op_argmax", jnp.array(X[0]), zero_indexed=True)) == 1
    values, places = bind("op_top_k")(*given("op_top_k", jnp.array(X[1]), 2.0))
    np.testing.assert_array_equal(values, [6, 4])
    np.testing.assert_array_equal(places, [3, 1])
    assert bind("op_argmax")(*given("op_argmax", jnp.array(X[0]))) == np.argmax(X[0]) + 1


def test_what_a_call_returns_can_be_taken_with():
    x = jnp.array(X[0])
    best = bind("op_argmax")(*given("op_argmax", x))
    assert bind("op_take")(*given("op_take", x, best)) == 5


def test_messages_count_axes_from_one():
    failure = bindings.bind_guarded("op_sum")(X, 5, False)
    assert isinstance(failure, Failure)
    assert failure.message == "axis 5 is none of the tensor's 2 dimensions"


def test_further_tensors_come_unnamed():
    result = bind("op_einsum")("ij,kj->ik", r_array(X, "float64"), jnp.array(X))
    np.testing.assert_array_equal(result, X @ X.T)


def test_unnamed_arguments_that_are_too_many_are_refused():
    with pytest.raises(ArgumentError, match=r"op_sum\(\) got more unnamed arguments than it has"):
        bind("op_sum")(X, 1, False, 7)


def test_misspelt_arguments_are_refused_with_the_one_that_was_meant():
    with pytest.raises(ArgumentError, match=r"op_sum\(\) has no argument `keepdim`. .*`keepdims`"):
        bind("op_sum")(X, 1, False, keepdim=True)
    with pytest.raises(ArgumentError, match=r"layer_dense\(\) has no argument `unit`. .*`units`"):
        bind("layer_dense")(None, *given("layer_dense", 3), unit=2)


def test_layers_compose():
    arguments = given("layer_dense", 4.0, use_bias=False)
    layer = bind("layer_dense")(None, *arguments, name="first")
    assert (layer.units, layer.use_bias, layer.name) == (4, False, "first")
    model = keras.Sequential()
    assert bind("layer_dense")(model, *arguments) is None
    assert len(model.layers) == 1
    assert bind("layer_dense")(keras.Input((3,)), *arguments).shape == (None, 4)
    assert bind("layer_dense")(r_array(X, "float64"), *arguments).shape == (2, 4)
    with pytest.raises(ArgumentError, match=r"`object` of layer_dense\(\) must be .* not 32"):
        bind("layer_dense")(32, *arguments)
    with pytest.raises(ArgumentError, match=r"`units` must be a whole number, not 2.5"):
        bind("layer_dense")(None, *given("layer_dense", 2.5))


def test_layers_take_what_every_layer_takes():
    layer = bind("layer_dense")(None, *given("layer_dense", 1), dtype="float16", trainable=False)
    assert (layer.compute_dtype, layer.trainable) == ("float16", False)


def test_layers_that_pass_arguments_on_take_the_shape_of_what_comes():
    lacking = []
    for name, signature in bindings.signatures().items():
        if not name.startswith("layer_") or not inspect.isclass(bindings.target(signature.python)):
            continue
        layer = bindings.target(signature.python)
        accepted = bindings._accepted(adapted(signature.python, layer))
        if accepted.open and not accepted.any_name and "input_shape" not in accepted.further:
            lacking.append(name)
    assert not lacking


def test_merging_layers_take_their_inputs_together_or_unnamed():
    one, two = jnp.array(X), r_array(X, "float64")
    for result in (bind("layer_add")([one, two]), bind("layer_add")(one, two)):
        np.testing.assert_array_equal(result, 2 * X)
    assert isinstance(bind("layer_add")(None), keras.layers.Add)


def test_losses_and_metrics_are_objects_without_data_and_values_with():
    mse = bind("loss_mean_squared_error")
    nothing = given("loss_mean_squared_error")
    assert isinstance(mse(*nothing), keras.losses.MeanSquaredError)
    options = nothing[2:]
    np.testing.assert_allclose(mse(r_array([[1.0, 2]]), r_array([[2.0, 4]]), *options), [2.5])
    with pytest.raises(ArgumentError, match="needs both `y_true` and `y_pred`, or neither"):
        mse(r_array([[1.0, 2]]), None, *options)


def test_wrappers_stand_for_keras_s_own_objects():
    assert bindings.keras_object("op_relu") is keras.ops.relu
    assert bindings.keras_object("activation_relu") is keras.activations.relu
    assert bindings.keras_object("loss_mean_squared_error") is keras.losses.mean_squared_error
    assert bindings.keras_object("metric_auc") is keras.metrics.AUC
    saved = keras.layers.Dense(1, activation=bindings.keras_object("activation_relu"))
    assert saved.get_config()["activation"] == "relu"


def test_r_gets_exceptions_as_values():
    result = bindings.bind_guarded("op_sum")(X, 0, False)
    assert isinstance(result, Failure)
    assert isinstance(result.error, ArgumentError)
    assert bindings.bind_guarded("op_sum")(X, None, False) == 21


# --- Another release of Keras -----------------------------------------------------------------


def signature(*parameters):
    return Signature("op_sum", "keras.ops.sum", parameters)


def test_an_argument_of_another_release_is_dropped_at_rest_and_refused_when_set():
    parameters = (
        Parameter("x", "tensor"),
        Parameter("keepdims", "value", "default", False),
        Parameter("initial", "value", "default", [1, 2]),
        Parameter("where", "value", "omit"),
    )
    call = bindings._direct(signature(*parameters), keras.ops.sum)
    assert call(X, False, (1, 2), None) == 21
    version = keras.__version__.replace(".", r"\.")
    told = rf"op_sum\(\): the installed Keras {version} has no argument `initial` of keras.ops.sum"
    with pytest.raises(ArgumentError, match=told):
        call(X, False, 3, None)
    with pytest.raises(ArgumentError, match="has no argument `where`"):
        call(X, False, (1, 2), True)


def test_a_function_of_another_release_is_refused_by_both_versions(monkeypatch):
    future = Signature("op_future", "keras.ops.future", ())
    monkeypatch.setitem(bindings.signatures(), "op_future", future)
    with pytest.raises(ArgumentError) as told:
        bind("op_future")
    assert "has no keras.ops.future; it came with a later release" in str(told.value)
    assert keras.__version__ in str(told.value)


def test_names_that_r_reserves_are_renamed_back():
    def apply(function, x):
        return function(x)

    parameters = (Parameter("x", "value"), Parameter("f", "value"))
    renamed = Signature("op", "keras.ops.op", parameters, "value", renamed=(("f", "function"),))
    assert bindings._direct(renamed, apply)(3, lambda x: 2 * x) == 6


def test_arguments_reach_a_class_s_parents():
    known = bindings._accepted(keras.layers.Dense).further
    assert {"name", "dtype", "trainable", "autocast", "input_shape"} <= known
    assert "self" not in known
    assert not bindings._accepted(keras.ops.sum).further
    assert "units" in inspect.signature(keras.layers.Dense).parameters
