"""What Keras's trainers take a source's batches from, on each backend.

Keras hands a generator on TensorFlow to `tf.data`, which calls it on threads of its own. An R
function called there waits for R, which waits for TensorFlow: for ever. So R's sources, and all
Python iterators, for who knows what they call, are fed by an adapter of our own, which each
trainer iterates on the thread that called `fit()`.
"""

from __future__ import annotations

import importlib
import itertools
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from kerasbridge.crossing import callables
from kerasbridge.errors import ArgumentError
from kerasbridge.sources import batches, pipelines
from kerasbridge.sources.batches import Batch, Drain, keras
from kerasbridge.tensors import frameworks


class Source:
    """A function that gives a batch at each call, and ``None`` at the end of a pass."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._spec: Batch | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._function, None)

    def spec(self) -> list[dict[str, Any]]:
        """The dtypes and sizes of its batches."""
        if self._spec is None:
            self._spec = Drain(lambda: iter(self), "f").first()
        return batches.shown(self._spec)


def spec_of(source: Source) -> list[dict[str, Any]]:
    """What R prints of a source."""
    return source.spec()


def from_function(function: Callable[[], Any]) -> Source:
    """A source of what an R function, called with nothing, gives."""
    return Source(function)


class _Feed:
    """Keras's view of a source: one epoch after the other, a batch at a time.

    `epochs` is how many epochs the trainer is to run, where it is told when there are none left:
    it stops then, and the feed has run dry.
    """

    def __init__(
        self,
        drain: Drain,
        model: Any,
        epochs: int | None = None,
        class_weight: dict[int, float] | None = None,
        dataset: Any = None,
        num_batches: int | None = None,
    ) -> None:
        # An error of the source within a call of several steps would lose the variables that JAX's
        # trainer holds: the batches of a call are made before it.
        drain.ahead = int(getattr(model, "steps_per_execution", None) or 1)
        #: May a call take as many steps as its pace says? R's batches take as long as R takes.
        self.paced = num_batches is not None
        self._drain = drain
        self._model = model
        self._epochs = epochs
        self._class_weight = class_weight
        self._dataset = dataset
        self._num_batches = num_batches
        self._under_way = False
        self._done = 0
        self._dry = False

    def make_ahead(self, steps: int) -> None:
        """Make the batches of a call of so many steps before it."""
        self._drain.ahead = steps

    def news(self, epochs: int) -> list[str]:
        """What the user should know of a training of so many epochs."""
        if not self._dry:
            return []
        return [
            f"`{self._drain.name}` gave no further batch, and training stopped after "
            f"{self._done} of {epochs} epochs.\n"
            "A function that starts over when it is called again after its end lasts for all of "
            "them."
        ]

    def first(self) -> Batch:
        return batches.weighted(self._drain.first(), self._class_weight)

    def has_batch(self) -> bool:
        return self._drain.peek()

    def take(self) -> Batch | None:
        batch = self._drain.take()
        return None if batch is None else batches.weighted(batch, self._class_weight)

    def on_epoch_begin(self) -> None:
        # An error of the source is raised here rather than within a step of JAX's trainer, which
        # keeps a model's variables out of the model meanwhile.
        if not self._under_way and self._dataset is not None:
            self._dataset.on_epoch_begin()
        self._under_way = True
        self._drain.first()

    def on_epoch_end(self) -> None:
        if not self._under_way:
            return
        self._under_way = False
        if self._dataset is not None:
            self._dataset.on_epoch_end()
        elif self._epochs is not None:
            self._done += 1
            last = self._done >= self._epochs
            if not last and not self._drain.peek() and not self._drain.rewind():
                self._model.stop_training = self._dry = True

    @property
    def num_batches(self) -> int | None:
        return self._num_batches if self._dataset is None else self._dataset.num_batches

    @property
    def batch_size(self) -> None:
        return None

    def get_numpy_iterator(self) -> Any:
        return _Passes(self, _host)

    def get_jax_iterator(self) -> Any:
        return _Passes(self, _host)

    def get_torch_dataloader(self) -> Any:
        return _Passes(self, importlib.import_module("keras").ops.convert_to_tensor)

    def get_tf_dataset(self) -> Any:
        tf = importlib.import_module("tensorflow")
        if tf.distribute.has_strategy() or self._model._distribute_strategy is not None:
            raise ArgumentError(
                f"`{self._drain.name}` calls R, which cannot feed several devices of TensorFlow: "
                "give arrays or a data set of tf.data."
            )
        return _Passes(self, tf.convert_to_tensor)


class _Passes:
    """What TensorFlow's trainer takes for a data set, and PyTorch's for a loader: iterating it
    gives what is left of a pass, and asks for nothing yet."""

    def __init__(self, feed: _Feed, convert: Callable[[Any], Any]) -> None:
        self._feed = feed
        self._convert = convert

    def __iter__(self) -> Iterator[Batch]:
        return _Turns(self._feed, self._convert)


class _Turns:
    """The batches of a feed as the arrays that a trainer takes, for as many passes as it asks.

    TensorFlow iterates this anew in each call of its function, and must be told of the end before
    there is a call without a batch.
    """

    def __init__(self, feed: _Feed, convert: Callable[[Any], Any]) -> None:
        self._feed = feed
        self._convert = convert

    def __iter__(self) -> Iterator[Batch]:
        if not self._feed.has_batch():
            raise StopIteration
        return self

    def __next__(self) -> Batch:
        batch = self._feed.take()
        if batch is None:
            raise StopIteration
        return _mapped(self._convert, batch)  # type: ignore[no-any-return]


def _mapped(convert: Callable[[Any], Any], value: Any) -> Any:
    """`value` with each of its arrays converted; of lists come tuples."""
    if isinstance(value, dict):
        return {key: _mapped(convert, part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_mapped(convert, part) for part in value)
    return None if value is None else convert(value)


def _host(leaf: Any) -> Any:
    """What a step of JAX or NumPy takes as it is."""
    if isinstance(leaf, np.ndarray):
        return leaf
    framework = frameworks.of_type(type(leaf))
    if framework is None:
        return np.asarray(leaf)
    return leaf if framework.name == keras().config.backend() else framework.to_numpy(leaf)


@cache
def _adapter() -> type[_Feed]:
    """The class of feeds: Keras takes what inherits from its own adapter as it is."""
    adapters = importlib.import_module("keras.src.trainers.data_adapters.data_adapter")
    return type("Feed", (_Feed, adapters.DataAdapter), {})


def is_feed(value: Any) -> bool:
    """Whether `value` is a feed already."""
    return isinstance(value, _Feed)


def feed(
    value: Any,
    name: str,
    model: Any,
    *,
    epochs: int | None = None,
    class_weight: dict[int, float] | None = None,
    shuffle: bool = False,
) -> Any:
    """`value` as a feed if Keras is not to iterate it by itself, else ``None``."""
    if isinstance(value, Source):
        drain = Drain(lambda: iter(value), name)
        return _adapter()(drain, model, epochs, class_weight)
    if _is_r_dataset(value):
        return _adapter()(_dataset_drain(value, name, shuffle), model, epochs, class_weight, value)
    if isinstance(value, Iterator) and not isinstance(value, type):
        return _adapter()(Drain(lambda: value, name), model, epochs, class_weight)
    made, ready = None, True
    if keras().config.backend() != "tensorflow":
        # Keras would have TensorFlow make tensors of each batch, which are then made arrays again.
        made = pipelines.batches_of(value)
    if made is None and class_weight is not None:
        # Keras refuses weights with grain's data sets.
        made, ready = pipelines.elements_of_grain(value), False
    if made is None:
        return None
    drain = Drain(made[0], name, ready)
    return _adapter()(drain, model, epochs, class_weight, num_batches=made[1])


def _is_r_dataset(value: Any) -> bool:
    """A `PyDataset` whose batches R makes, however many workers it would have."""
    if not isinstance(value, keras().utils.PyDataset):
        return False
    held = getattr(type(value).__getitem__, "__closure__", None) or ()
    if not any(callables.r_function(cell.cell_contents) is not None for cell in held):
        return False
    refuse_processes(value)
    return True


def refuse_processes(dataset: Any) -> None:
    """A data set whose batches R makes has them made in this process alone."""
    if dataset.use_multiprocessing:
        raise ArgumentError(
            "A data set written in R cannot have `use_multiprocessing = TRUE`: other processes "
            "have no R to run it. Leave it out, or have other R processes make the batches: "
            "`dataset_from_function(workers = )`."
        )


def _dataset_drain(dataset: Any, name: str, shuffle: bool) -> Drain:
    def start() -> Iterator[Any]:
        size = dataset.num_batches
        if size is None:
            return (dataset[index] for index in itertools.count())
        order = random.sample(range(size), size) if shuffle else range(size)
        return (dataset[index] for index in order)

    return Drain(start, name)


def build(model: Any, batch: Batch, whole: bool) -> None:
    """Build `model` on a batch, so that Keras does not take one away for it.

    `whole` is for training and evaluation, where the loss and metrics are built as well.
    """
    backend = keras().config.backend()
    if whole and backend in ("jax", "torch"):
        model._symbolic_build(data_batch=batch)
    elif backend != "tensorflow" and not all(layer.built for layer in model._flatten_layers()):
        symbolic = keras().tree.map_structure(
            lambda leaf: keras().KerasTensor(leaf.shape, str(leaf.dtype)), batch[0]
        )
        importlib.import_module("keras.src.backend").compute_output_spec(model, symbolic)


@contextmanager
def end_is_no_news() -> Iterator[None]:
    """Within it, Keras says nothing of data that comes to its end: that is how it ends."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield
