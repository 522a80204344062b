"""What `fit()`, `evaluate()` and `predict()` do when devices or processes share the work."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from kerasbridge.distribution import averaging, batches, clusters


def shared(model: Any) -> AbstractContextManager[None]:
    """Share the batches of `model` as the distribution that was set says; nothing without one."""
    backend = importlib.import_module("keras").config.backend()
    if backend == "jax":
        return batches.shared(model)
    return averaging.shared(model) if backend == "torch" else nullcontext()


def is_first() -> bool:
    """Is this process alone, or the first of several: the one that writes and reports?"""
    place = clusters.current()
    return place is None or place.rank == 0


@contextmanager
def written_once(callbacks: Sequence[Any]) -> Iterator[list[Any]]:
    """The callbacks for this process: files are read by all, and written by the first alone."""
    if is_first():
        yield list(callbacks)
        return
    keras = importlib.import_module("keras")
    only_writes = (keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)
    kept = [callback for callback in callbacks if not isinstance(callback, only_writes)]
    muted = []
    for callback in kept:
        names = _WRITING.get(type(callback).__name__, ())
        for name in names if type(callback).__module__.startswith("keras.") else ():
            setattr(callback, name, _nothing)
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


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None
