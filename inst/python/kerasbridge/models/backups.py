"""What a training leaves on the disk as it goes on: whole files, and all that it needs to go on.

Keras's backup is a file of weights and one that says which epoch they are of. A process that is
killed between the two leaves a pair that does not belong together, and neither says where random
numbers had come to. Here the file of weights holds all of it, and replaces the last one at once.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kerasbridge.distribution import clusters, sharing
from kerasbridge.models import files, seeds

#: The attribute of a file of weights that tells the epoch, and the state of random numbers.
_STATE: Final = "kerasbridge_training"


def backup_and_restore(
    backup_dir: str,
    save_freq: Any = "epoch",
    double_checkpoint: bool = False,
    delete_checkpoint: bool = True,
) -> Any:
    """Keras's callback, with backups that hold all that a training needs to go on as it would."""
    return _backup_class()(backup_dir, save_freq, double_checkpoint, delete_checkpoint)


@functools.cache
def _backup_class() -> type:
    parent: Any = importlib.import_module("keras").callbacks.BackupAndRestore

    class BackupAndRestore(parent):  # type: ignore[misc]
        """Written by the first of several processes, read by all."""

        def _save_model(self) -> None:
            model = self.model  # for which JAX's processes have to come together
            if not sharing.is_first():
                return
            weights, metadata = Path(self._weights_path), Path(self._training_metadata_path)
            weights.parent.mkdir(parents=True, exist_ok=True)
            if self.double_checkpoint and weights.exists():
                os.replace(weights, self._prev_weights_path)
            place = {"epoch": self._current_epoch, "batch": self._last_batch_seen}
            state = json.dumps(place | {"random": seeds.state(model)})

            def write(target: str) -> None:
                model.save_weights(target, overwrite=True)
                files.add_attribute(target, _STATE, state)

            with sharing.alone():
                files.whole(weights, write)
            # for Keras itself, which looks for the epoch here
            files.whole(metadata, lambda target: Path(target).write_text(json.dumps(place)))

        def _load_model(self) -> None:
            weights = Path(self._weights_path)
            if not weights.exists() and Path(self._prev_weights_path).exists():
                os.replace(self._prev_weights_path, weights)
            if not weights.exists():  # what is left of a folder that was being removed
                Path(self._training_metadata_path).unlink(missing_ok=True)
            super()._load_model()
            state = files.attribute(weights, _STATE) if weights.exists() else None
            if state is not None:
                found = json.loads(state)
                self.model._initial_epoch = found["epoch"]
                seeds.restore(self.model, found["random"])

        def on_train_begin(self, logs: Any = None) -> None:
            super().on_train_begin(logs)
            clusters.meet()  # the first one changes nothing before the others have read

        def on_train_end(self, logs: Any = None) -> None:
            if sharing.is_first():
                super().on_train_end(logs)

    return BackupAndRestore


@functools.cache
def _checkpoint_class() -> type:
    parent: Any = importlib.import_module("keras").callbacks.ModelCheckpoint

    class ModelCheckpoint(parent):  # type: ignore[misc]
        """Written by the first of several processes."""

        def _save_model(self, epoch: Any, batch: Any, logs: Any) -> None:
            model = self.model
            if sharing.is_first():
                with sharing.alone(), _whole_files(model):
                    super()._save_model(epoch, batch, logs)

    return ModelCheckpoint


def model_checkpoint(
    filepath: str,
    monitor: str = "val_loss",
    verbose: int = 0,
    save_best_only: bool = False,
    save_weights_only: bool = False,
    mode: str = "auto",
    save_freq: Any = "epoch",
    initial_value_threshold: float | None = None,
) -> Any:
    """Keras's callback, whose files come to their places whole."""
    return _checkpoint_class()(
        filepath, monitor, verbose, save_best_only, save_weights_only, mode, save_freq,
        initial_value_threshold,
    )  # fmt: skip


@contextmanager
def _whole_files(model: Any) -> Iterator[None]:
    """Within it, what the model saves to a local file comes to its place whole."""

    def whole(method: str) -> Any:
        save = getattr(model, method)

        @functools.wraps(save)
        def saved(filepath: Any, *values: Any, **options: Any) -> None:
            path = str(filepath)
            if "://" in path or Path(path).is_dir():
                save(filepath, *values, **options)
            else:
                files.whole(Path(path), lambda target: save(target, *values, **options))

        return saved

    own = {method: whole(method) for method in ("save", "save_weights")}
    vars(model).update(own)
    try:
        yield
    finally:
        for method in own:
            vars(model).pop(method, None)
