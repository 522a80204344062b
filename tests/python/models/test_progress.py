"""A training that is interrupted, without R."""

import pytest

SCRIPT = """
import os, signal
import keras, numpy as np
from kerasbridge.models import training

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.arange(320.0).reshape(-1, 1) / 320
ended = []

class Press(keras.callbacks.Callback):
    def __init__(self, times):
        super().__init__()
        self.times = times

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)

    def on_train_end(self, logs=None):
        ended.append(self.times)

events = []
def turn(event, state):
    events.append(event)

for times in (1, 2):
    options = {"callbacks": [Press(times)], "epochs": 3, "verbose": 0}
    told = training.fit(model, x, x[:, 0], options, turn)["interrupted"]
    print(told["epoch"], told["step"], told["steps"], told["at_once"])
print(ended, events[0])
handler = signal.getsignal(signal.SIGINT)
whole = training.fit(model, x, x[:, 0], {"epochs": 2, "verbose": 0})
print(whole["epoch"], "interrupted" in whole, np.isfinite(model.get_weights()[0]).all())
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("as ever")
"""


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_an_interrupt_ends_a_training_between_two_batches(python, backend):
    told = python(SCRIPT, KERAS_BACKEND=backend).splitlines()
    assert told[0] == "1 3 10 False"
    assert told[1].startswith("1 2 10 True") or told[1].startswith("1 3 10 True")
    assert told[2] == "[1] begin"
    assert told[3] == "[1, 2] False True"
    assert told[4] == "as ever"


REPLACED = """
import os, signal, sqlite3
import keras, numpy as np
from kerasbridge.models import training

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.arange(320.0).reshape(-1, 1) / 320
native = sqlite3.connect(":memory:")

def press():
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)

def press_and_tell():
    try:
        press()
        sum(range(10**6))
    except KeyboardInterrupt:
        raise ValueError("stopped by hand")

native.create_function("press", 0, press)

class Press(keras.callbacks.Callback):
    def __init__(self, press):
        super().__init__()
        self.press = press

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            self.press()

def fit(press):
    options = {"callbacks": [Press(press)], "epochs": 3, "verbose": 0}
    return training.fit(model, x, x[:, 0], options)

# SQLite's function fails with an OperationalError, whatever its function in Python raised.
told = fit(lambda: native.execute("select press()").fetchall())["interrupted"]
print(told["epoch"], told["at_once"])
try:
    fit(press_and_tell)
except ValueError as error:
    print(error)
print("interrupted" in training.fit(model, x, x[:, 0], {"epochs": 1, "verbose": 0}))
"""


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_an_interrupt_stays_one_where_native_code_makes_an_error_of_it(python, backend):
    assert python(REPLACED, KERAS_BACKEND=backend).splitlines() == [
        "1 True",
        "stopped by hand",
        "False",
    ]
