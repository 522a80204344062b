"""What a model predicts, on its way into R's memory: each batch as it comes.

Keras keeps the outputs of all batches and concatenates them at the end: for R, which has a copy
of its own, that is two of them too many. Here Keras is given nothing to keep. A batch is written
into R's array while the next one is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from kerasbridge.errors import ArgumentError
from kerasbridge.sources import batches
from kerasbridge.sources.batches import keras
from kerasbridge.tensors import arrays, frameworks

#: Makes an array of R's, of these sizes: what :class:`arrays.Filled` takes.
New = Callable[[list[int]], dict[str, Any]]


def started(x: Any, options: dict[str, Any], new: New | None) -> Predictions:
    """The predictions for `x`, which R makes arrays for with `new`.

    A callback that is told of each batch's outputs gets them from Keras, which then keeps them.
    """
    if new is None or any(map(_wants_outputs, batches.leaves(options.get("callbacks")))):
        return Predictions(None, None)
    return Predictions(_rows_of(x, options), new)


def _wants_outputs(callback: Any) -> bool:
    hook = getattr(callback, "on_predict_batch_end", None)
    return hook is not None and not getattr(hook, "_is_default", False)


def _rows_of(x: Any, options: dict[str, Any]) -> int | None:
    """How many samples will be predicted, as far as that is known before."""
    sizes = {leaf.shape[0] for leaf in batches.leaves(x) if getattr(leaf, "shape", ())}
    if len(sizes) != 1 or not isinstance(rows := next(iter(sizes)), int):
        return None
    steps, size = options.get("steps"), options.get("batch_size")
    # Keras chooses the size of batches by their number, where that alone is given.
    return rows if steps is None or size is None else min(rows, steps * size)


class Predictions:
    """The outputs of one `predict()`."""

    def __init__(self, rows: int | None, new: New | None) -> None:
        self._rows = rows
        self._new = new
        self._structure: Any = None
        self._outputs: list[_Output] = []
        self._writer = ThreadPoolExecutor(1, "predictions")
        self._written: Future[None] | None = None

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Nothing is written into R's memory once this is left."""
        try:
            yield
        finally:
            self._writer.shutdown(cancel_futures=True)

    def take(self, outputs: Any) -> Any:
        """Take what a step gives; what is returned is for Keras to keep."""
        if self._new is None:
            return outputs
        leaves = keras().tree.flatten(outputs)
        if self._structure is None:
            if not leaves or not all(map(_is_of_doubles, leaves)):
                self._new = None
                return outputs
            self._structure = keras().tree.map_structure(lambda leaf: 0, outputs)
            self._outputs = [_Output(self._rows, self._new) for _ in leaves]
        self._wait()
        for output, leaf in zip(self._outputs, leaves, strict=True):
            output.prepare(tuple(leaf.shape))
        self._written = self._writer.submit(self._write, leaves)
        return ()

    def _write(self, leaves: list[Any]) -> None:
        for output, leaf in zip(self._outputs, leaves, strict=True):
            output.write(arrays.numpy_of(leaf))

    def _wait(self) -> None:
        if self._written is not None:
            self._written.result()

    def result(self, of_keras: Any) -> Any:
        """All of them for R; `of_keras` is what Keras kept."""
        if self._structure is None:
            return arrays.to_r(of_keras)
        self._wait()
        whole = [output.whole() for output in self._outputs]
        return keras().tree.pack_sequence_as(self._structure, whole)


class _Output:
    """One output of a model: R's array, or what is held until it can be made."""

    def __init__(self, rows: int | None, new: New) -> None:
        self._rows = rows
        self._new = new
        self._room: arrays.Filled | None = None
        self._done = 0
        self._held: list[arrays.Array] = []

    def prepare(self, shape: tuple[int, ...]) -> None:
        """See to a place for a batch of this shape. This may call R, and has its thread."""
        if self._rows is None:
            return
        if self._room is None:
            self._room = arrays.Filled(self._new([self._rows, *shape[1:]]))
        sizes = self._room.view.shape
        if shape[1:] != sizes[1:] or self._done + shape[0] > self._rows:
            self._hold()

    def write(self, batch: arrays.Array) -> None:
        if self._room is None:
            self._held.append(batch)
            return
        self._room.write(batch, self._done)
        self._done += len(batch)

    def whole(self) -> arrays.Filled:
        if self._room is None or self._done != self._rows:
            self._hold()
            self._gather()
        assert self._room is not None
        return self._room

    def _hold(self) -> None:
        """The array is not what was foreseen: what is in it is held like the batches to come."""
        if self._room is not None:
            self._held = [self._room.view[: self._done].copy()]
        self._room = self._rows = None

    def _gather(self) -> None:
        sizes = {part.shape[1:] for part in self._held}
        if len(sizes) != 1:
            told = ", ".join(str(shape) for shape in sorted(sizes))
            raise ArgumentError(
                f"The outputs of the batches differ in their sizes, {told}: there is no array of "
                "all of them. predict_on_batch() gives each."
            )
        self._room = arrays.Filled(self._new([sum(map(len, self._held)), *sizes.pop()]))
        at = 0
        while self._held:
            part = self._held.pop(0)
            self._room.write(part, at)
            at += len(part)


def _is_of_doubles(leaf: Any) -> bool:
    """Is this what R has doubles for, whatever its values, and rows of them?"""
    framework = frameworks.of_type(type(leaf))
    dtype = str(leaf.dtype) if framework is None else framework.dtype(leaf)
    return "float" in dtype and len(leaf.shape) > 0 and type(leaf).__name__ in _DENSE


#: The classes of arrays that are neither ragged nor sparse.
_DENSE: Final = ("ndarray", "EagerTensor", "ArrayImpl", "Tensor")
