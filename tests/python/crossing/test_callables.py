"""R functions as Python callables."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest

from kerasbridge.crossing import callables


@pytest.mark.parametrize(
    ("names", "required", "shown"),
    [
        ([], [], "()"),
        (["x", "y"], [True, True], "(x, y)"),
        (["x", "training"], [True, False], "(x, training=None)"),
        (["x", "..."], [True, False], "(x, *args, **kwargs)"),
        (["x", "...", "mask"], [True, False, True], "(x, *args, mask, **kwargs)"),
        (["x", "...", "mask"], [True, False, False], "(x, *args, mask=None, **kwargs)"),
        # R may have an argument with a default before one without; Python may not.
        (["x", "y"], [False, True], "(x=None, y=None)"),
        # What Python cannot name, and what it adds itself, leave the user's names alone.
        (["y.true", "y_true"], [True, True], "(y_true_, y_true, **kwargs)"),
        (["lambda", "lambda_"], [True, True], "(lambda__, lambda_, **kwargs)"),
        (["args", "kwargs", "..."], [True, True, False], "(args, kwargs, *args_, **kwargs_)"),
    ],
)
def test_formals_become_a_signature(names, required, shown):
    assert str(callables.signature(names, required)) == shown


def test_a_function_is_known_by_its_name_and_formals():
    call = callables.named(lambda x, y: x - y, "gap", ["x", "y"], [True, True], "The gap.")
    assert (call.__name__, call.__qualname__, call.__doc__) == ("gap", "gap", "The gap.")
    assert str(inspect.signature(call)) == "(x, y)"
    assert call(5, y=3) == 2


def test_keras_reports_it_under_its_name():
    loss = callables.named(
        lambda y_true, y_pred: keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1),
        "my_loss",
        ["y_true", "y_pred"],
        [True, True],
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(loss="mse", metrics=[loss])
    results = model.evaluate(np.ones((2, 1)), np.zeros((2, 1)), verbose=0, return_dict=True)
    assert results["my_loss"] == 1
