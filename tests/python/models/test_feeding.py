"""Data sets written in R give their batches on the main thread."""

import threading
from typing import ClassVar

import keras
import numpy as np
import pytest

from kerasbridge.errors import ArgumentError
from kerasbridge.models import feeding


@pytest.fixture
def data_set():
    class Batches(keras.utils.PyDataset):
        _r_definition = "R's"
        threads: ClassVar[set[threading.Thread]] = set()

        def __len__(self):
            return 4

        def __getitem__(self, index):
            self.threads.add(threading.current_thread())
            return (np.full((2, 1), float(index), "float32"),)

    feeding.of_class(Batches)
    return Batches


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order_and_from_the_main_thread(data_set, workers):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1.0)])
    predicted = model.predict(data_set(workers=workers), verbose=0)
    assert predicted[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert data_set.threads == {threading.main_thread()}


def test_other_processes_are_refused(data_set):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1.0)])
    with pytest.raises(ArgumentError, match="use_multiprocessing"):
        model.predict(data_set(workers=2, use_multiprocessing=True), verbose=0)
