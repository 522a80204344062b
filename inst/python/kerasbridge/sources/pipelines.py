"""Data sets and their verbs, each on the engine that is there.

``tf.data`` is the engine wherever TensorFlow is installed, whatever Keras runs on; else it is
``grain``. A verb runs on the engine of its data set. What an engine has not is refused by name.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

from kerasbridge.errors import ArgumentError
from kerasbridge.sources import elements, graindata, grainverbs, tfdata
from kerasbridge.tensors.kinds import integer
from kerasbridge.tensors.shapes import described

Dataset = Any

#: The name of an engine, the Python package that it needs, and the modules that have its verbs.
_ENGINES: Final[dict[str, tuple[str, tuple[ModuleType, ...]]]] = {
    "tf.data": ("tensorflow", (tfdata,)),
    "grain": ("grain", (graindata, grainverbs)),
}

#: Arguments that are whole numbers.
_WHOLE: Final = frozenset(
    "start stop step batch_size buffer_size count num_parallel_calls num_parallel_reads seed size "
    "shift stride cycle_length block_length num_shards index window_size record_bytes "
    "header_bytes footer_bytes parallel bucket_boundaries bucket_batch_sizes".split()
)

#: The least that makes sense, for arguments that count something.
_AT_LEAST: Final = {"batch_size": 1, "size": 1, "shift": 1, "stride": 1, "num_shards": 1}


def chosen(engine: str | None) -> str:
    """The engine for new data sets: the one asked for, or the first that is installed."""
    if engine is not None and engine not in _ENGINES:
        known = " or ".join(f'"{name}"' for name in _ENGINES)
        raise ArgumentError(
            f"The option `kerasbridge.dataset_engine` must be {known}, not {described(engine)}."
        )
    for name in [engine] if engine is not None else _ENGINES:
        if importlib.util.find_spec(_ENGINES[name][0]) is not None:
            return name
    wanted = "grain" if engine is None else _ENGINES[engine][0]
    raise ArgumentError(
        f"Data sets need the Python package {wanted}, which is not installed: declare it with "
        f'`py_require("{wanted}")` before Python starts, or install it in your environment.'
    )


def engine_of(dataset: Any, argument: str = "dataset") -> str:
    """The engine that made `dataset`."""
    for parent in type(dataset).__mro__:
        if parent.__name__ == "DatasetV2" and parent.__module__.startswith("tensorflow."):
            return "tf.data"
        if parent.__name__ in ("IterDataset", "MapDataset") and "grain" in parent.__module__:
            return "grain"
    raise ArgumentError(f"`{argument}` must be a data set, not {described(dataset)}.")


def source(name: str, engine: str | None, options: dict[str, Any]) -> Dataset:
    """A new data set."""
    return _found(name, chosen(engine))(**_checked(options))


def verb(name: str, dataset: Dataset, options: dict[str, Any]) -> Any:
    """What the verb `name` makes of `dataset`, on its engine."""
    engine = engine_of(dataset)
    for other in elements.leaves([options.get(part) for part in ("others", "choice_dataset")]):
        _same(engine, other)
    return _found(name, engine)(dataset, **_checked(options))


def verb_of_several(name: str, datasets: Any, options: dict[str, Any]) -> Any:
    """What the verb `name` makes of several data sets of one engine."""
    parts = elements.leaves(datasets)
    if not parts:
        raise ArgumentError(f"{name}() needs at least one data set.")
    engine = engine_of(parts[0], "datasets")
    for other in [*parts[1:], *elements.leaves(options.get("choice_dataset"))]:
        _same(engine, other)
    if isinstance(datasets, list):
        datasets = tuple(datasets) if name == "zip_datasets" else datasets
    return _found(name, engine)(datasets, **_checked(options))


def _same(engine: str, other: Any) -> None:
    if other is not None and engine_of(other) != engine:
        raise ArgumentError(
            f"The data sets must be of one engine: here are {engine} and {engine_of(other)}."
        )


def _found(name: str, engine: str) -> Callable[..., Any]:
    for module in _ENGINES[engine][1]:
        function = getattr(module, name, None)
        if function is not None:
            found: Callable[..., Any] = function
            return found
    other = next(known for known in _ENGINES if known != engine)
    raise ArgumentError(
        f"{name}() is not among what the engine {engine} can do: {other}, the engine with the "
        f"Python package {_ENGINES[other][0]}, has it."
    )


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers checked; what is ``None`` keeps the engine's default."""
    checked = {}
    for name, value in options.items():
        if name in _WHOLE and value is not None:
            value = integer(value, name)
            if isinstance(value, int) and value < _AT_LEAST.get(name, value):
                raise ArgumentError(f"`{name}` must be at least {_AT_LEAST[name]}, not {value}.")
            if isinstance(value, tuple):
                value = list(value)
        checked[name] = value
    return checked


def of_batches(
    make: Callable[[], Iterator[Any]],
    like: Any,
    engine: str | None,
    length: float | None,
    runs_r: bool = False,
) -> Dataset:
    """A data set whose every run is over the batches of a new iterator, which are `like` this.

    Where R makes them they are grain's: it takes them in the thread that asks.
    """
    name = chosen("grain" if runs_r else engine)
    if name == "grain":
        made = graindata.dataset_of(make, length, runs_r)
    else:
        made = tfdata.of_batches(make, like, length)
    if not runs_r:
        made.kerasbridge_batches = make
    return made


def batches_of(dataset: Any) -> tuple[Callable[[], Iterator[Any]], int | None] | None:
    """What :func:`of_batches` made `dataset` of, as tuples, and their number if it is known.

    That is, as long as no verb has followed.
    """
    make = getattr(dataset, "kerasbridge_batches", None)
    if make is None:
        return None

    def tuples() -> Iterator[Any]:
        return (batch if isinstance(batch, tuple) else (batch,) for batch in make())

    return tuples, _count(dataset)


def elements_of_grain(dataset: Any) -> tuple[Callable[[], Iterator[Any]], int | None] | None:
    """The elements of a data set of grain's, and their number if it is known."""
    try:
        if engine_of(dataset) != "grain":
            return None
    except ArgumentError:
        return None
    return lambda: iter(graindata.iterated(dataset)), _count(dataset)


def _count(dataset: Dataset) -> int | None:
    length = cardinality(dataset)
    return None if length is None or length == graindata.INFINITE else int(length)


def run_in_r(name: str, dataset: Dataset, function: Callable[..., Any]) -> Dataset:
    """`dataset_map` or `dataset_filter` where R runs for each element, which comes as R's arrays.

    `tf.data` would call R from threads of its own. So the elements leave it here, and what
    follows is grain's, in this thread.
    """
    if engine_of(dataset) == "tf.data":
        upstream = dataset
        chosen("grain")
        length = tfdata.cardinality(upstream)
        dataset = graindata.dataset_of(lambda: iter(upstream.as_numpy_iterator()), length)
    return _found(name, "grain")(dataset, function)


def cardinality(dataset: Dataset) -> float | None:
    """Number of elements: infinite without an end, ``None`` where nobody knows it beforehand."""
    return float_or_none(_found("cardinality", engine_of(dataset))(dataset))


def float_or_none(value: Any) -> float | None:
    return None if value is None else float(value)


def described_dataset(dataset: Dataset) -> dict[str, Any]:
    """What a data set is: its engine, size, and the parts of its elements."""
    engine = engine_of(dataset)
    spec = _found("spec", engine)(dataset)
    return {
        "engine": engine,
        "size": cardinality(dataset),
        "parts": elements.described_spec(spec),
        "named": elements.mapped(lambda leaf: elements.described_spec(leaf)[0], spec),
    }


class ArrayIterator:
    """The elements of a data set, one after the other, as R's arrays."""

    def __init__(self, dataset: Dataset) -> None:
        self._elements: Iterator[Any] = _found("arrays_of", engine_of(dataset))(dataset)

    def __iter__(self) -> ArrayIterator:
        return self

    def __next__(self) -> Any:
        return elements.for_r(next(self._elements))


def array_iterator(dataset: Dataset) -> ArrayIterator:
    return ArrayIterator(dataset)


def iterator(dataset: Dataset) -> Iterator[Any]:
    """The elements of a data set, one after the other, as the engine has them."""
    engine_of(dataset)
    return iter(dataset)


class OutOfRangeError(Exception):
    """An iterator has come to its end."""


def next_of(iterator: Iterator[Any]) -> Any:
    """The next element of `iterator`, whose end is an error that R can wait for."""
    try:
        return next(iterator)
    except StopIteration:
        raise OutOfRangeError("The data set has no further element.") from None
