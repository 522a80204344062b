"""A batch shared among devices and processes, on JAX.

Every process reads the same batches in the same order, and puts on its own devices the rows that
are theirs. So a distribution changes neither the order of the data nor the size of a batch, and
training gives on any number of devices what it gives on one. A batch that cannot be split evenly,
which the last one may be, is given to every device whole.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kerasbridge.distribution import clusters


@contextmanager
def shared(model: Any) -> Iterator[None]:
    """Share the batches of `model` for a time, where a distribution says so.

    A distribution with ``auto_shard_dataset = FALSE`` over several processes is left to Keras:
    each process then has data of its own.
    """
    distribution = importlib.import_module("keras").distribution.distribution()
    several = clusters.current() is not None
    if distribution is None or (several and not distribution.auto_shard_dataset):
        yield
        return
    library: Any = importlib.import_module("keras.src.backend.jax.distribution_lib")
    of_keras, whole = library.distribute_data_input, distribution.auto_shard_dataset
    library.distribute_data_input = _distributed
    distribution.auto_shard_dataset = False  # Keras would refuse what it cannot split by itself
    try:
        with _gathering(model) if several else _as_it_is():
            yield
    finally:
        library.distribute_data_input = of_keras
        distribution.auto_shard_dataset = whole


def _distributed(batch: Any, layout: Any, batch_dim_name: str | None = None) -> Any:
    """A batch that every process has, as one array over all devices of the layout's mesh."""
    if batch is None:
        return None
    jax = importlib.import_module("jax")
    sharding = getattr(layout, "backend_layout", layout)
    values = np.asarray(batch)
    if not _splits(sharding, values.shape):
        sharding = jax.sharding.NamedSharding(sharding.mesh, jax.sharding.PartitionSpec())
    return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])


def _splits(sharding: Any, shape: tuple[int, ...]) -> bool:
    """Can every axis be split as evenly as JAX wants it?"""
    for size, axes in zip(shape, sharding.spec, strict=False):
        names = (axes,) if isinstance(axes, str) else axes or ()
        if size % math.prod(sharding.mesh.shape[name] for name in names):
            return False
    return True


@contextmanager
def _gathering(model: Any) -> Iterator[None]:
    """While this lasts, predictions come to every process whole."""
    if not hasattr(model, "make_predict_function"):
        yield
        return
    gather = importlib.import_module("jax.experimental.multihost_utils").process_allgather
    tree = importlib.import_module("keras").tree
    model.make_predict_function()
    inner = model.predict_function

    def predict(state: Any, iterator: Any) -> Any:
        outputs, state = inner(state, iterator)
        return tree.map_structure(lambda x: gather(x, tiled=True), outputs), state

    model.predict_function = predict
    try:
        yield
    finally:
        model.predict_function = inner


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield
