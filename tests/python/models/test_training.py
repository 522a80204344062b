"""Training, evaluation and prediction on R's data."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from conftest import r_array

from kerasbridge.errors import ArgumentError
from kerasbridge.models import training
from kerasbridge.sources import batches

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
Y = X @ [[1.0], [2.0]]


def linear(**options):
    keras.utils.set_random_seed(1)
    model = training.new_sequential([keras.layers.Dense(1)], r_array([2.0]), {})
    training.compile(model, {"optimizer": "sgd", "loss": "mse", "metrics": None, **options})
    return model


def test_a_sequential_model_with_an_input_is_built():
    model = training.new_sequential(
        [keras.layers.Dense(3)], [None, 2.0], {"name": "net", "dtype": None}
    )
    assert model.name == "net"
    assert model.input_shape == (None, None, 2)
    assert model.output_shape == (None, None, 3)
    assert not training.new_sequential([keras.layers.Dense(3)], None, {}).built
    batches = training.new_sequential([keras.layers.Dense(3)], 2.0, {"batch_size": 5.0})
    assert batches.input_shape == (5, 2)


def test_data_is_converted_once_and_keeps_its_structure():
    result = batches.data({"a": r_array(X), "b": [r_array([1, 2]), None]}, "x")
    assert result["a"].flags.c_contiguous
    np.testing.assert_array_equal(result["a"], X.astype("float32"), strict=True)
    np.testing.assert_array_equal(result["b"][0], [1, 2])
    generator = iter(())
    assert batches.data(generator, "x") is generator
    assert batches.data(r_array(["a", "b"]), "x").tolist() == ["a", "b"]
    with pytest.raises(ArgumentError, match="`x` must be an array or a data set, not the single 3"):
        batches.data(3.0, "x")


def test_fit_gives_the_history():
    model = linear(metrics=["mae"])
    options = {"batch_size": 2.0, "epochs": 3.0, "verbose": 0, "validation_split": 0.25}
    history = training.fit(model, r_array(X), r_array(Y), options)
    assert history["epoch"] == [1, 2, 3]
    assert history["params"]["epochs"] == 3
    assert set(history["metrics"]) == {"loss", "mae", "val_loss", "val_mae"}
    for values in history["metrics"].values():
        assert len(values) == 3
        assert all(type(value) is float for value in values)


def test_fit_reduces_the_loss_to_what_keras_itself_reaches():
    model, twin = linear(), linear()
    training.fit(model, r_array(X), r_array(Y), {"epochs": 5, "verbose": 0, "shuffle": False})
    twin.fit(X.astype("float32"), Y.astype("float32"), epochs=5, verbose=0, shuffle=False)
    for ours, keras_s in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, keras_s)


def test_validation_data_comes_as_a_list():
    options = {"epochs": 1, "verbose": 0, "validation_data": [r_array(X), r_array(Y)]}
    history = training.fit(linear(), r_array(X), r_array(Y), options)
    assert "val_loss" in history["metrics"]
    with pytest.raises(ArgumentError, match=r"`validation_data` must be .* not a list of 1"):
        training.fit(linear(), X, Y, {"validation_data": [X]})


def test_later_epochs_count_from_one():
    options = {"initial_epoch": 3.0, "epochs": 4, "verbose": 0}
    assert training.fit(linear(), X, Y, options)["epoch"] == [3, 4]


def test_whole_options_are_whole():
    with pytest.raises(ArgumentError, match=r"`epochs` must be a whole number, not 2.5"):
        training.fit(linear(), X, Y, {"epochs": 2.5})


def test_weights_weigh():
    weights = r_array([1.0, 0, 0, 0])
    model = linear()
    alone = training.evaluate(model, X[:1], Y[:1], {"verbose": 0})["loss"]
    weighted = training.evaluate(model, X, Y, {"verbose": 0, "sample_weight": weights})
    np.testing.assert_allclose(
        weighted["loss"], alone / 4, rtol=1e-6
    )  # float32 sums in another order


def test_class_weights_are_named_by_their_codes():
    assert training.weights_of_classes({"0": 1, "2": 5.0}) == {0: 1.0, 2: 5.0}
    assert training.weights_of_classes(None) is None
    for wrong in ({"cat": 1}, [1, 2]):
        with pytest.raises(ArgumentError, match="`class_weight` must be a named list"):
            training.weights_of_classes(wrong)


def test_evaluate_names_its_metrics():
    assert list(training.evaluate(linear(), X, Y, {"verbose": 0})) == ["loss"]
    results = training.evaluate(linear(metrics=["mae"]), X, Y, {"verbose": 0})
    assert list(results) == ["loss", "mae"]


def test_predictions_are_r_s_arrays():
    model = linear()
    result = training.predict(model, r_array(X), {"batch_size": 3, "verbose": 0})
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(result, X @ kernel + bias, rtol=1e-6)  # float32 sums
    assert result.dtype == "float64"


def test_single_batches():
    model = linear(metrics=["mae"])
    before = training.on_batch(model, "test", X, Y, {})
    trained = training.on_batch(model, "train", r_array(X), r_array(Y), {"class_weight": None})
    assert trained["loss"] == pytest.approx(before["loss"])
    np.testing.assert_array_equal(
        training.on_batch(model, "predict", X, None, {}), training.predict(model, X, {"verbose": 0})
    )


def test_a_model_must_be_compiled():
    model = training.new_sequential([keras.layers.Dense(1)], 2, {})
    with pytest.raises(ArgumentError, match=r"not compiled: call compile\(\) before fit\(\)"):
        training.fit(model, X, Y, {})


def test_functional_models():
    inputs = keras.Input((2,))
    model = training.new_model(inputs, keras.ops.sum(inputs, axis=-1), {"name": "total"})
    assert model.name == "total"
    np.testing.assert_array_equal(training.predict(model, X, {"verbose": 0}), X.sum(1))


def test_numpy_predicts_and_evaluates_and_says_that_it_cannot_fit(python):
    script = """
import keras, numpy as np
from kerasbridge.models import training
from kerasbridge.sources import batches
model = training.new_sequential([keras.layers.Dense(1, kernel_initializer="ones")], 2, {})
training.compile(model, {"loss": "mse"})
x = np.ones((2, 2))
print(training.predict(model, x, {"verbose": 0}).tolist())
print(training.evaluate(model, x, np.zeros((2, 1)), {"verbose": 0})["loss"])
try:
    training.fit(model, x, np.zeros((2, 1)), {})
except Exception as error:
    print(type(error).__name__, error)
"""
    predicted, evaluated, refused = python(script, KERAS_BACKEND="numpy").splitlines()
    assert predicted == "[[2.0], [2.0]]"
    assert evaluated == "4.0"
    assert refused.startswith("ArgumentError The numpy backend computes no gradients")
