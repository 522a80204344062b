"""The Python side of the benchmarks, in a process of its own: prints seconds as JSON.

``reference.py fit|predict|… ROWS`` takes the backend from ``KERAS_BACKEND``.
"""

import json
import resource
import sys

import keras
import numpy as np
from timing import median_seconds


def model_of(outputs: int) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(outputs, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def fit(rows: int, runs: int) -> dict[str, float]:
    x = np.random.default_rng(1).random((rows, 784))
    y = np.arange(rows) % 10
    model = model_of(10)
    wide = median_seconds(lambda: model.fit(x, y, batch_size=128, epochs=1, verbose=0), runs)
    x32 = x.astype("float32")
    five = median_seconds(lambda: model.fit(x32, y, batch_size=128, epochs=5, verbose=0), runs)
    return {"one": wide, "five": five}


def predict(rows: int, runs: int) -> dict[str, float]:
    x = np.random.default_rng(1).random((rows, 784))

    def of(outputs: int) -> float:
        model = model_of(outputs)
        return median_seconds(lambda: model.predict(x, batch_size=128, verbose=0), runs)

    return {str(outputs): of(outputs) for outputs in (10, 784)}


def memory(rows: int, runs: int) -> dict[str, float]:
    x = np.random.default_rng(1).random((rows, 784))
    y = np.arange(rows) % 10
    model_of(10).fit(x, y, batch_size=128, epochs=1, verbose=0)
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def blas(rows: int, runs: int) -> dict[str, float]:
    import torch

    a = torch.rand(rows, rows)
    return {"matmul": median_seconds(lambda: torch.matmul(a, a), runs * 10)}


if __name__ == "__main__":
    what, rows, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(
        json.dumps(
            {"fit": fit, "predict": predict, "memory": memory, "blas": blas}[what](rows, runs)
        )
    )
