"""The Python side of the benchmarks, in a process of its own: prints seconds as JSON.

``reference.py fit|predict|… ROWS`` takes the backend from ``KERAS_BACKEND``.
"""

import json
import resource
import statistics
import sys
import time

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


def data(rows: int, runs: int) -> dict[str, float]:
    import pathlib
    import tempfile

    import pyarrow
    import pyarrow.dataset
    import pyarrow.parquet
    import tensorflow as tf
    import torch

    rng = np.random.default_rng(1)
    x = rng.random((rows, 20)).astype("float32")
    y = x.sum(axis=1)
    folder = pathlib.Path(tempfile.mkdtemp())

    pipeline = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1024).repeat()
    pipeline = pipeline.batch(128).prefetch(2)
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    loader = torch.utils.data.DataLoader(tensors, batch_size=128)

    table = pyarrow.table({f"x{i}": x[:, i] for i in range(20)} | {"y": y})
    pyarrow.parquet.write_table(table, folder / "data.parquet")

    def parquet():
        while True:
            yield from batches()

    def batches():
        for part in pyarrow.dataset.dataset(folder / "data.parquet").to_batches(batch_size=128):
            columns = [column.to_numpy() for column in part.columns]
            yield np.stack(columns[:20], axis=1), columns[20]

    for label in ("a", "b"):
        (folder / "images" / label).mkdir(parents=True)
        for i in range(rows // 100):
            keras.utils.save_img(
                folder / "images" / label / f"{i}.png", rng.integers(0, 255, (32, 32, 3))
            )
    images = keras.utils.image_dataset_from_directory(
        folder / "images", image_size=(32, 32), batch_size=32, verbose=False
    )
    return {
        "pipeline": _epoch(pipeline, runs, steps_per_epoch=rows // 128),
        "loader": _epoch(loader, runs),
        "parquet": _epoch(parquet(), runs, steps_per_epoch=-(-rows // 128)),
        "images": _epoch(images.repeat(), runs, (32, 32, 3), steps_per_epoch=len(images)),
        "workers": _epoch(_Slow(-(-rows // 640)), runs),
    }


def _small_model(shape: tuple[int, ...]) -> keras.Model:
    layers = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(64, "relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def _epoch(source: object, runs: int, shape: tuple[int, ...] = (20,), **options: object) -> float:
    """Seconds of an epoch among those of one `fit()`, the first one left out."""
    begun = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append(time.perf_counter())
    )
    options |= {"epochs": runs + 2, "verbose": 0, "callbacks": [note]}
    _small_model(shape).fit(source, **options)
    return statistics.median(np.diff(begun[1:]))


class _Slow(keras.utils.PyDataset):
    """Batches that take 10 ms to make, by two workers."""

    def __init__(self, batches: int) -> None:
        super().__init__(workers=2)
        self._batches = batches

    def __len__(self) -> int:
        return self._batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        end = time.perf_counter() + 0.01
        while time.perf_counter() < end:
            pass
        return np.ones((128, 20), "float32"), np.ones(128, "float32")


if __name__ == "__main__":
    what, rows, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    measures = {"fit": fit, "predict": predict, "memory": memory, "blas": blas, "data": data}
    print(json.dumps(measures[what](rows, runs)))
