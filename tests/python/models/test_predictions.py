"""Predictions are written batch by batch into memory that R has made for them."""

import keras
import numpy as np
import pytest

from kerasbridge.errors import ArgumentError
from kerasbridge.models import training
from kerasbridge.tensors import arrays

X = np.random.default_rng(1).random((70, 3)).astype("float32")


class Rooms:
    """Stands for R, which makes arrays of doubles, column by column."""

    def __init__(self):
        self.sizes = []

    def __call__(self, dim):
        self.sizes.append(tuple(dim))
        array = np.zeros(dim, order="F")
        return {"room": [array], "array": array}


def model_of(outputs):
    inputs = keras.Input((3,))
    return keras.Model(inputs, outputs(inputs))


def predicted(model, x=X, **options):
    rooms = Rooms()
    options.setdefault("batch_size", 16)
    result = training.predict(model, x, options | {"verbose": 0}, None, rooms)
    return result, rooms


def same(filled, expected):
    assert isinstance(filled, arrays.Filled)
    np.testing.assert_array_equal(filled.view, np.asarray(expected))


def test_each_output_is_made_once_and_has_every_row():
    model = model_of(lambda x: {"twice": 2 * x, "square": keras.ops.reshape(x, (-1, 3, 1))})
    result, rooms = predicted(model)
    same(result["twice"], 2 * X)
    same(result["square"], X[:, :, None])
    assert sorted(rooms.sizes) == [(70, 3), (70, 3, 1)]


def test_several_steps_a_call_and_fewer_steps_than_there_are_give_what_keras_gives():
    model = model_of(lambda x: x)
    model.compile(steps_per_execution=3)
    result, _ = predicted(model)
    same(result, X)
    result, rooms = predicted(model, steps=3)
    same(result, X[:48])
    assert rooms.sizes == [(48, 3)]


def test_outputs_of_another_number_of_rows_than_the_inputs_are_held_until_the_end():
    result, rooms = predicted(model_of(lambda x: keras.ops.concatenate([x, -x])))
    parts = [part for start in range(0, 70, 16) for part in (X[start:][:16], -X[start:][:16])]
    same(result, np.concatenate(parts))
    assert rooms.sizes == [(70, 3), (140, 3)]
    result, _ = predicted(model_of(lambda x: keras.ops.sum(x, axis=0, keepdims=True)))
    assert result.view.shape == (5, 3)


def test_a_generator_tells_no_number_of_rows():
    result, rooms = predicted(model_of(lambda x: x), iter([X[:20], X[20:30]]), batch_size=None)
    same(result, X[:30])
    assert rooms.sizes == [(30, 3)]


def test_integers_are_what_their_values_say():
    result, rooms = predicted(model_of(lambda x: keras.ops.argmax(x, axis=-1)))
    assert rooms.sizes == []
    assert result.dtype == "int32"
    assert result.tolist() == X.argmax(axis=-1).tolist()


def test_a_callback_is_told_of_each_batchs_outputs():
    seen = []

    class Sees(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(np.asarray(logs["outputs"]))

    result, rooms = predicted(model_of(lambda x: x), callbacks=[Sees()])
    np.testing.assert_array_equal(result, X)
    np.testing.assert_array_equal(np.concatenate(seen), X)
    assert rooms.sizes == []


def test_batches_that_make_no_array_are_refused():
    class Growing(keras.Model):
        def call(self, x):
            return x[:, : x.shape[0] // 5]

    with pytest.raises(ArgumentError, match="differ in their sizes, \\(2,\\), \\(3,\\)"):
        predicted(Growing(), iter([X[:10], X[:15]]), batch_size=None)
