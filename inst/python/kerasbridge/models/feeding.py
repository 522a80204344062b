"""Batches that R makes, for `fit()`, `evaluate()` and `predict()`.

R runs on the main thread only, and Keras would have batches made elsewhere: by `workers`, or by
TensorFlow on a thread of its own while the main thread waits in C++. Data sets written in
R are iterated over on the main thread instead, between the steps, in their order.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from kerasbridge.sources import feeds

_ADAPTERS = "keras.src.trainers.data_adapters"


class _Here:
    """Batches as tensors, one after the other, which Keras's loop for TensorFlow takes as well."""

    def __init__(self, batches: Callable[[], Iterator[Any]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        tf: Any = importlib.import_module("tensorflow")
        tree: Any = importlib.import_module("keras").tree
        for batch in self._batches():
            yield tree.map_structure(tf.convert_to_tensor, batch)


def of_class(cls: type) -> None:
    """See to it that Keras takes batches from `cls`, which R wrote, if it is a data set's class."""
    if any(base.__name__ == "PyDataset" for base in cls.__mro__):
        _take_data_sets()


def _is_data_set(value: Any) -> bool:
    return any("_r_definition" in vars(cls) for cls in type(value).__mro__)


@cache
def _take_data_sets() -> None:
    adapter: Any = importlib.import_module(f"{_ADAPTERS}.py_dataset_adapter").PyDatasetAdapter
    make, of_tensorflow = adapter.__init__, adapter.get_tf_dataset

    def make_here(self: Any, x: Any, *args: Any, **kwargs: Any) -> None:
        make(self, x, *args, **kwargs)
        if _is_data_set(x):
            feeds.refuse_processes(x)
            self.enqueuer = None

    def get_tf_dataset(self: Any) -> Any:
        if _is_data_set(self.py_dataset):
            return _Here(self._get_iterator)
        return of_tensorflow(self)

    adapter.__init__, adapter.get_tf_dataset = make_here, get_tf_dataset
