"""How Python calls R's callbacks: numbers from 1, and logs that may change."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerasbridge.models import callbacks

X = np.ones((4, 1), "float32")


def test_epochs_and_batches_have_numbers_and_nothing_else():
    numbered = {name for name in dir(keras.callbacks.Callback) if callbacks.is_numbered(name)}
    kinds = ("epoch", "batch", "train_batch", "test_batch", "predict_batch")
    assert numbered == {f"on_{kind}_{end}" for kind in kinds for end in ("begin", "end")}


@pytest.mark.parametrize("of_object", [False, True])
def test_a_number_counts_from_1_however_it_is_given(of_object):
    given = []
    receiver = (None,) if of_object else ()
    count = callbacks.counted(
        lambda *args, **kwargs: given.append((args, kwargs)), "epoch", of_object
    )
    count(*receiver, 0, {"loss": 1.0})
    count(*receiver, epoch=1, logs=None)
    count(*receiver)
    assert given == [
        ((*receiver, 1, {"loss": 1.0}), {}),
        (receiver, {"epoch": 2, "logs": None}),
        (receiver, {}),
    ]
    assert callbacks.uncounted(lambda epoch, logs: (epoch, logs))(1, "logs") == (0, "logs")


def test_functions_are_called_with_numbers_and_their_logs_are_the_next_one_s():
    told = []

    def double(epoch, logs):
        told.append(epoch)
        return {**logs, "doubled": 2 * logs["loss"]}

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    made = [
        callbacks.lambda_callback(
            on_epoch_end=double, on_train_begin=lambda logs: told.append("begin")
        ),
        callbacks.lambda_callback(
            on_epoch_end=lambda epoch, logs: told.append(logs["doubled"] / logs["loss"]),
            on_test_batch_end=lambda batch, logs: told.append(f"batch {batch}"),
        ),
    ]
    model.fit(X, X, epochs=2, verbose=0, callbacks=made)
    model.evaluate(X, X, batch_size=2, verbose=0, callbacks=made)
    assert told == ["begin", 1, 2, 2, 2, "batch 1", "batch 2"]
