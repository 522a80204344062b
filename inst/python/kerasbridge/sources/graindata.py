"""The verbs of data sets on ``grain``, for a session without TensorFlow.

Where grain has the transformation it is grain's; what it has not is a loop of :mod:`itertools`
over its elements. R's functions run on R's thread, one element at a time, so that nothing here
starts threads once a data set calls R.
"""

from __future__ import annotations

import gzip
import importlib
import itertools
from collections.abc import Callable, Iterator
from functools import cache as cached
from typing import Any

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.sources import elements
from kerasbridge.tensors import arrays, frameworks

Dataset = Any
Function = Callable[..., Any]

INFINITE = float("inf")


def _grain() -> Any:
    return importlib.import_module("grain")


def experimental() -> Any:
    return importlib.import_module("grain.experimental")


@cached
def _class() -> Any:
    """grain's data set over a function that makes an iterator."""
    iterators: Any = _grain().DatasetIterator
    datasets: Any = _grain().IterDataset

    class Position(iterators):  # type: ignore[misc]
        def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
            super().__init__()
            self._make = make
            self._seen = 0
            self._elements = make()

        def __next__(self) -> Any:
            element = next(self._elements)
            self._seen += 1
            return element

        def get_state(self) -> dict[str, int]:
            return {"seen": self._seen}

        def set_state(self, state: dict[str, int]) -> None:
            self._elements = itertools.islice(self._make(), state["seen"], None)
            self._seen = state["seen"]

    class Elements(datasets):  # type: ignore[misc]
        def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
            super().__init__()
            self._make = make

        def __iter__(self) -> Any:
            return Position(self._make)

        def __str__(self) -> str:
            return "Elements"

    return Elements


@cached
def _class_of_r() -> Any:
    """The same where R makes the elements: it is an iterator as well, over one run after the other,
    which a trainer drains on R's thread."""
    elements_of: Any = _class()

    class ElementsOfR(elements_of):  # type: ignore[misc]
        _run: Any = None

        def __next__(self) -> Any:
            if self._run is None:
                self._run = iter(self)
            try:
                return next(self._run)
            except BaseException:
                self._run = None
                raise

    return ElementsOfR


def dataset_of(
    make: Callable[[], Iterator[Any]], length: float | None = None, runs_r: bool = False
) -> Dataset:
    """A data set whose every run is over a new iterator."""
    return known((_class_of_r() if runs_r else _class())(make), length, runs_r)


def known(dataset: Dataset, length: float | None, runs_r: bool) -> Dataset:
    """What grain does not keep: the number of elements, and whether R makes them."""
    if runs_r and not isinstance(dataset, _class_of_r()):
        return dataset_of(lambda: iter(dataset), length, runs_r)
    dataset.kerasbridge_length = length
    dataset.kerasbridge_runs_r = runs_r
    return dataset


def cardinality(dataset: Dataset) -> float | None:
    """Number of elements: infinite where there is no end, ``None`` where nobody knows."""
    if hasattr(dataset, "__len__"):
        return float(len(dataset))
    return getattr(dataset, "kerasbridge_length", None)


def runs_r(dataset: Dataset) -> bool:
    """Does a run over `dataset` call R?"""
    if getattr(dataset, "kerasbridge_runs_r", False):
        return True
    return any(runs_r(parent) for parent in getattr(dataset, "parents", ()))


def iterated(dataset: Dataset) -> Dataset:
    """grain's data sets with positions as those without, read in this thread."""
    if hasattr(dataset, "to_iter_dataset"):
        length = cardinality(dataset)
        read = _grain().ReadOptions(num_threads=0)
        return known(dataset.to_iter_dataset(read), length, runs_r(dataset))
    return dataset


def after(dataset: Dataset, step: Callable[[Iterator[Any]], Iterator[Any]], length: Any) -> Dataset:
    """A data set of what `step` makes of the elements of `dataset`."""
    dataset = iterated(dataset)
    return dataset_of(lambda: step(iter(dataset)), length, runs_r(dataset))


def counted(function: Callable[[float], float], dataset: Dataset) -> float | None:
    length = cardinality(dataset)
    return None if length is None else function(length)


def element_function(function: Function) -> tuple[Function, bool]:
    """`function` of an element, and whether it is R's."""
    if hasattr(function, "__wrapped_r__"):
        return elements.running_r(function), True
    return lambda *parts: elements.mapped(_values, function(*parts)), False


def _values(leaf: Any) -> Any:
    """A layer's tensors as arrays, which grain can put into batches."""
    return arrays.numpy_of(leaf) if frameworks.is_tensor(leaf) else leaf


def with_text_arrays(dataset: Dataset) -> Dataset:
    """A data set of batches whose texts are lists, which are elements of their own, as arrays."""

    def convert(value: Any) -> Any:
        if isinstance(value, (list, tuple)) and value and all(type(p) is str for p in value):
            return np.array(value, dtype=object)
        if isinstance(value, (list, tuple)):
            return tuple(map(convert, value))
        return value

    made = known(iterated(dataset).map(convert), cardinality(dataset), False)
    if hasattr(dataset, "class_names"):
        made.class_names = dataset.class_names
    return made


# Sources


def tensors_dataset(tensors: Any) -> Dataset:
    element = elements.from_r(tensors)
    return dataset_of(lambda: iter([element]), 1)


def tensor_slices_dataset(tensors: Any) -> Dataset:
    sliced = elements.slices_from_r(tensors)
    size = elements.samples(sliced)

    def slices() -> Iterator[Any]:
        return (elements.row(sliced, i) for i in range(size))

    return dataset_of(slices, size)


def range_dataset(start: int, stop: int, step: int, dtype: Any) -> Dataset:
    numbers = range(start, stop, step)
    kind = np.dtype(str(dtype))
    return dataset_of(lambda: map(kind.type, numbers), len(numbers))


def random_integer_dataset(seed: int | None) -> Dataset:
    def numbers() -> Iterator[Any]:
        generator = np.random.default_rng(seed)
        while True:
            yield generator.integers(0, 2**32, dtype="int64")

    return dataset_of(numbers, INFINITE)


def paths(filenames: Any) -> list[str]:
    return [str(name) for name in np.atleast_1d(np.asarray(filenames, dtype=object)).tolist()]


def text_line_dataset(filenames: Any, compression_type: str | None = None, **_: Any) -> Dataset:
    def lines() -> Iterator[str]:
        for path in paths(filenames):
            opened = gzip.open if compression_type == "GZIP" else open
            with opened(path, "rt", encoding="utf-8") as file:
                yield from (line.rstrip("\r\n") for line in file)

    if compression_type not in (None, "", "GZIP"):
        raise ArgumentError('`compression_type` must be NULL or "GZIP" on the engine grain.')
    return dataset_of(lines)


def fixed_length_record_dataset(
    filenames: Any,
    record_bytes: int,
    header_bytes: int | None = None,
    footer_bytes: int | None = None,
    buffer_size: int | None = None,
) -> Dataset:
    def records() -> Iterator[bytes]:
        for path in paths(filenames):
            with open(path, "rb") as file:
                size = file.seek(0, 2) - (header_bytes or 0) - (footer_bytes or 0)
                file.seek(header_bytes or 0)
                for _ in range(size // record_bytes):
                    yield file.read(record_bytes)

    return dataset_of(records)


def tfrecord_dataset(filenames: Any, compression_type: str | None = None, **_: Any) -> Dataset:
    if compression_type not in (None, ""):
        raise ArgumentError("`compression_type` must be NULL on the engine grain.")
    read = experimental().TFRecordIterDataset
    return dataset_of(lambda: itertools.chain.from_iterable(map(read, paths(filenames))))


# What is asked of a data set


def spec(dataset: Dataset) -> Any:
    """The first element: what grain knows of its elements."""
    return next(iter(iterated(dataset)), ())


def arrays_of(dataset: Dataset) -> Iterator[Any]:
    return iter(iterated(dataset))
