"""What `fit()`, `evaluate()` and `predict()` do when devices or processes share the work."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from kerasbridge.distribution import averaging, batches, clusters
from kerasbridge.errors import ArgumentError


def shared(model: Any) -> AbstractContextManager[None]:
    """Share the batches of `model` as the distribution that was set says; nothing without one."""
    backend = importlib.import_module("keras").config.backend()
    if backend == "jax":
        return batches.shared(model)
    if backend == "torch":
        return averaging.shared(model)
    _check_workers(model)
    return nullcontext()


def _check_workers(model: Any) -> None:
    """Refuse TensorFlow's strategies of several workers, which Keras's trainer cannot serve."""
    strategy = getattr(model, "distribute_strategy", None)
    workers = getattr(getattr(strategy, "extended", None), "_num_workers", 1)
    if workers > 1:
        raise ArgumentError(clusters.one_process("tensorflow"))


def is_first() -> bool:
    """Is this process alone, or the first of several: the one that writes and reports?"""
    place = clusters.current()
    return place is None or place.rank == 0


@contextmanager
def alone() -> Iterator[None]:
    """Within it, this process makes variables of its own: Keras makes some when it saves.

    Under a distribution, all of JAX's processes would have to make them together.
    """
    library: Any = importlib.import_module("keras").distribution
    chosen = library.distribution()
    library.set_distribution(None)
    try:
        yield
    finally:
        library.set_distribution(chosen)


@contextmanager
def written_once(callbacks: Sequence[Any]) -> Iterator[list[Any]]:
    """The callbacks for this process: files are read by all, and written by the first alone."""
    if is_first():
        yield list(callbacks)
        return
    keras = importlib.import_module("keras")
    writing = _WRITING if keras.config.backend() == "jax" else _WRITING | _WRITING_ALONE
    only_writes = (keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)
    kept = []
    muted = []
    for callback in callbacks:
        if isinstance(callback, only_writes):
            callback = keras.callbacks.Callback()
            callback.on_epoch_end = functools.partial(_follow, callback)
        kept.append(callback)
        names = writing.get(type(callback).__name__, ())
        for name in names if type(callback).__module__.startswith("keras.") else ():
            setattr(callback, name, functools.partial(_follow, callback))
            muted.append((callback, name))
    try:
        yield kept
    finally:
        for callback, name in muted:
            delattr(callback, name)


#: The methods by which Keras's callbacks write or remove files.
_WRITING = {
    "BackupAndRestore": ("_save_model", "on_train_end"),
    "ModelCheckpoint": ("_save_model",),
}

#: Those of Orbax, whose processes write together on JAX.
_WRITING_ALONE = {"OrbaxCheckpoint": ("_save_checkpoint",)}


def _follow(callback: Any, *args: Any, **kwargs: Any) -> None:
    """Do what the first process does before it writes: on JAX, all bring the model up to date.

    Where some of the processes do that alone, they wait for the others for ever.
    """
    _ = callback.model
