"""The verbs of data sets on ``grain``.

Where grain has the transformation it is grain's; what it has not is a loop of :mod:`itertools`
over its elements.
"""

from __future__ import annotations

import csv as delimited
import glob
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.sources import elements
from kerasbridge.sources.graindata import (
    INFINITE,
    Dataset,
    Function,
    after,
    cardinality,
    counted,
    dataset_of,
    element_function,
    experimental,
    iterated,
    known,
    paths,
    runs_r,
)
from kerasbridge.tensors import arrays


def file_list_dataset(file_pattern: Any, shuffle: bool | None, seed: int | None) -> Dataset:
    found = sorted({path for pattern in paths(file_pattern) for path in glob.glob(pattern)})
    if not found:
        raise ArgumentError(f"`file_pattern` matches no file: {', '.join(paths(file_pattern))}.")
    listed = dataset_of(lambda: iter(found), len(found))
    return listed if shuffle is False else dataset_shuffle(listed, len(found), seed)


def dataset_decode_delim(dataset: Dataset, record: dict[str, Any], parallel: int | None) -> Dataset:
    """Lines as named records; an empty field takes its column's default."""
    make = {"string": str, "int32": np.int32, "int64": np.int64}
    make |= {"float32": np.float32, "float64": np.float64}
    columns = list(zip(record["names"], record["types"], record["defaults"], strict=True))

    def decode(lines: Iterator[Any]) -> Iterator[Any]:
        rows = delimited.reader(lines, delimiter=record["delim"])
        for fields in itertools.islice(rows, record["skip"], None):
            pairs = zip(columns, fields, strict=True)
            yield {name: make[kind](field or default) for (name, kind, default), field in pairs}

    return after(dataset, decode, None)


def dataset_batch(
    dataset: Dataset, batch_size: int, drop_remainder: bool = False, **_: Any
) -> Dataset:
    dataset = iterated(dataset)
    batched = dataset.batch(batch_size, drop_remainder=bool(drop_remainder))
    return known(batched, _batches(dataset, batch_size, drop_remainder), runs_r(dataset))


def _batches(dataset: Dataset, size: int, drop: bool) -> float | None:
    return counted(
        lambda n: n if n == INFINITE else n // size + (n % size > 0 and not drop), dataset
    )


def dataset_padded_batch(
    dataset: Dataset,
    batch_size: int,
    padded_shapes: Any = None,
    padding_values: Any = None,
    drop_remainder: bool = False,
    name: str | None = None,
) -> Dataset:
    if padded_shapes is not None:
        raise ArgumentError("`padded_shapes` must be NULL on the engine grain: the longest counts.")
    fill = 0 if padding_values is None else padding_values

    def pad(parts: list[Any]) -> Any:
        first = parts[0]
        if isinstance(first, dict):
            return {key: pad([part[key] for part in parts]) for key in first}
        if isinstance(first, tuple):
            return tuple(pad(list(column)) for column in zip(*parts, strict=True))
        made = [np.asarray(part) for part in parts]
        if any(part.ndim == 1 for part in made):  # a single number of R has no dimension
            made = [np.atleast_1d(part) for part in made]
        shape = tuple(max(sizes) for sizes in zip(*(part.shape for part in made), strict=True))
        missing: Any = "" if made[0].dtype.kind in "OU" else fill
        result = np.full((len(made), *shape), missing, dtype=made[0].dtype)
        for row, part in zip(result, made, strict=True):
            row[tuple(slice(size) for size in part.shape)] = part
        return result

    dataset = iterated(dataset)

    def padded(parts: Iterator[Any]) -> Iterator[Any]:
        while some := list(itertools.islice(parts, batch_size)):
            if len(some) == batch_size or not drop_remainder:
                yield pad(some)

    return after(dataset, padded, _batches(dataset, batch_size, drop_remainder))


def dataset_rebatch(
    dataset: Dataset, batch_size: int, drop_remainder: bool = False, name: str | None = None
) -> Dataset:
    return dataset_batch(dataset_unbatch(dataset), batch_size, drop_remainder)


def dataset_unbatch(dataset: Dataset, name: str | None = None) -> Dataset:
    def rows(element: Any) -> Iterator[Any]:
        return (elements.row(element, i) for i in range(elements.samples(element)))

    return after(dataset, lambda parts: (row for part in parts for row in rows(part)), None)


def dataset_map(
    dataset: Dataset, map_func: Function, num_parallel_calls: int | None = None
) -> Dataset:
    function, is_r = element_function(map_func)
    dataset = iterated(dataset)
    mapped = dataset.map(lambda element: elements.called(function, element))
    return known(mapped, cardinality(dataset), is_r or runs_r(dataset))


def dataset_filter(dataset: Dataset, predicate: Function) -> Dataset:
    function, is_r = element_function(predicate)
    dataset = iterated(dataset)
    kept = dataset.filter(lambda element: bool(elements.called(function, element)))
    return known(kept, None, is_r or runs_r(dataset))


def dataset_take_while(dataset: Dataset, predicate: Function, name: str | None = None) -> Dataset:
    function, is_r = element_function(predicate)
    taken = after(
        dataset,
        lambda parts: itertools.takewhile(lambda e: bool(elements.called(function, e)), parts),
        None,
    )
    return known(taken, None, is_r or runs_r(taken))


def dataset_flat_map(dataset: Dataset, map_func: Function) -> Dataset:
    return dataset_interleave(dataset, map_func, cycle_length=1)


def dataset_interleave(
    dataset: Dataset,
    map_func: Function,
    cycle_length: int | None = None,
    block_length: int = 1,
    **_: Any,
) -> Dataset:
    """Elements of `cycle_length` data sets by turns, `block_length` of each."""
    is_r = hasattr(map_func, "__wrapped_r__")
    if is_r:
        map_func = elements.on_r_thread(map_func)

    def opened(element: Any) -> Iterator[Any]:
        parts = element if isinstance(element, tuple) else (element,)
        return iter(map_func(*(elements.for_r(p) if is_r else p for p in parts)))

    def turns(parts: Iterator[Any]) -> Iterator[Any]:
        sources = map(opened, parts)
        cycle: list[Iterator[Any]] = list(itertools.islice(sources, cycle_length or 2))
        at = 0
        while cycle:
            at %= len(cycle)
            block = list(itertools.islice(cycle[at], block_length))
            yield from block
            if len(block) == block_length:
                at += 1
                continue
            following = next(sources, None)
            if following is None:
                del cycle[at]
            else:
                cycle[at] = following
                at += 1

    turned = after(dataset, turns, None)
    return known(turned, None, is_r or runs_r(turned))


def dataset_shuffle(
    dataset: Dataset,
    buffer_size: int,
    seed: int | None = None,
    reshuffle_each_iteration: bool | None = None,
) -> Dataset:
    """Within windows of `buffer_size`, in another order at each run."""
    dataset = iterated(dataset)
    first = random.randrange(2**31) if seed is None else seed
    runs = itertools.count()

    def shuffled() -> Iterator[Any]:
        turn = 0 if reshuffle_each_iteration is False else next(runs)
        window = experimental().WindowShuffleIterDataset
        return iter(window(dataset, window_size=buffer_size, seed=(first + turn) % 2**31))

    return dataset_of(shuffled, cardinality(dataset), runs_r(dataset))


def dataset_repeat(dataset: Dataset, count: int | None = None) -> Dataset:
    dataset = iterated(dataset)
    times = None if count is None or count < 0 else count

    def repeated() -> Iterator[Any]:
        for _ in itertools.count() if times is None else range(times):
            empty = True
            for element in dataset:
                empty = False
                yield element
            if empty:
                return

    def total(n: float) -> float:
        return 0 if n == 0 else INFINITE if times is None else n * times

    return dataset_of(repeated, counted(total, dataset), runs_r(dataset))


def dataset_take(dataset: Dataset, count: int) -> Dataset:
    stop = None if count < 0 else count
    return after(
        dataset,
        lambda parts: itertools.islice(parts, stop),
        counted(lambda n: n if stop is None else min(n, stop), dataset),
    )


def dataset_skip(dataset: Dataset, count: int) -> Dataset:
    if count < 0:
        return dataset_take(dataset, 0)
    return after(
        dataset,
        lambda parts: itertools.islice(parts, count, None),
        counted(lambda n: max(n - count, 0), dataset),
    )


def dataset_shard(dataset: Dataset, num_shards: int, index: int) -> Dataset:
    if not 0 <= index < num_shards:
        raise ArgumentError(f"`index` must be from 0 to {num_shards - 1}, not {index}.")
    return after(
        dataset,
        lambda parts: itertools.islice(parts, index, None, num_shards),
        counted(lambda n: n if n == INFINITE else max(-(-(n - index) // num_shards), 0), dataset),
    )


def dataset_prefetch(dataset: Dataset, buffer_size: int | None = None) -> Dataset:
    """Elements made ahead in a thread; made when they are asked for where R makes them."""
    dataset = iterated(dataset)
    if runs_r(dataset) or buffer_size == 0:
        return dataset
    ahead = 2 if buffer_size is None or buffer_size < 0 else buffer_size
    fetched = experimental().ThreadPrefetchIterDataset(dataset, prefetch_buffer_size=ahead)
    return known(fetched, cardinality(dataset), False)


def dataset_cache(dataset: Dataset, filename: str | None = None) -> Dataset:
    """All elements kept in memory once a run has reached the end."""
    if filename is not None:
        raise ArgumentError("`filename` must be NULL on the engine grain: it caches in memory.")
    kept: list[Any] = []
    dataset = iterated(dataset)

    def once() -> Iterator[Any]:
        if kept:
            yield from kept
            return
        seen = []
        for element in dataset:
            seen.append(element)
            yield element
        kept[:] = seen

    return dataset_of(once, cardinality(dataset), runs_r(dataset))


def dataset_concatenate(dataset: Dataset, others: list[Dataset]) -> Dataset:
    parts = [iterated(part) for part in [dataset, *others]]
    lengths = [cardinality(part) for part in parts]
    known = [length for length in lengths if length is not None]
    total = sum(known) if len(known) == len(lengths) else None
    return dataset_of(lambda: itertools.chain.from_iterable(parts), total, any(map(runs_r, parts)))


def zip_datasets(datasets: Any) -> Dataset:
    parts = [iterated(part) for part in elements.leaves(datasets)]

    def zipped() -> Iterator[Any]:
        return (elements.refilled(datasets, values) for values in zip(*parts, strict=False))

    return dataset_of(zipped, _shortest(parts), any(map(runs_r, parts)))


def _shortest(parts: Iterable[Dataset]) -> float | None:
    lengths = [cardinality(part) for part in parts]
    known = [length for length in lengths if length is not None]
    return min(known) if len(known) == len(lengths) else None


def dataset_enumerate(dataset: Dataset, start: int = 0) -> Dataset:
    return after(
        dataset,
        lambda parts: ((np.int64(i), part) for i, part in enumerate(parts, start)),
        cardinality(dataset),
    )


def dataset_window(
    dataset: Dataset,
    size: int,
    shift: int | None = None,
    stride: int = 1,
    drop_remainder: bool = False,
) -> Dataset:
    """Data sets of `size` elements: one for each part of an element."""
    moved = size if shift is None else shift
    span = (size - 1) * stride + 1

    def windows(parts: Iterator[Any]) -> Iterator[Any]:
        held: list[Any] = list(itertools.islice(parts, span))
        while held:
            some = held[:span:stride]
            if len(some) == size or not drop_remainder:
                yield _columns(some)
            held = held[moved:]
            if moved > span:
                next(itertools.islice(parts, moved - span, moved - span), None)
            held += itertools.islice(parts, span - len(held))

    return after(dataset, windows, None)


def _columns(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, dict):
        return {key: _columns([part[key] for part in parts]) for key in first}
    if isinstance(first, tuple):
        return tuple(_columns(list(column)) for column in zip(*parts, strict=True))
    return dataset_of(lambda: iter(parts), len(parts))


def dataset_unique(dataset: Dataset, name: str | None = None) -> Dataset:
    def first_seen(parts: Iterator[Any]) -> Iterator[Any]:
        seen = set()
        for part in parts:
            if part not in seen:
                seen.add(part)
                yield part

    return after(dataset, first_seen, None)


def dataset_reduce(dataset: Dataset, initial_state: Any, reduce_func: Function) -> Any:
    function, _ = element_function(reduce_func)
    state = elements.from_r(initial_state)
    for element in iterated(dataset):
        state = function(state, element)
    return arrays.to_r(state)


def dataset_scan(dataset: Dataset, initial_state: Any, scan_func: Function) -> Dataset:
    function, is_r = element_function(scan_func)

    def scanned(parts: Iterator[Any]) -> Iterator[Any]:
        state = elements.from_r(initial_state)
        for part in parts:
            state, result = function(state, part)
            yield result

    made = after(dataset, scanned, cardinality(dataset))
    return known(made, cardinality(dataset), is_r or runs_r(made))


def choose_from_datasets(
    datasets: list[Dataset], choice_dataset: Dataset, until_empty: bool
) -> Dataset:
    return _mixed(
        datasets, lambda: (int(choice) for choice in iterated(choice_dataset)), until_empty
    )


def sample_from_datasets(
    datasets: list[Dataset], weights: Any, seed: int | None, until_empty: bool
) -> Dataset:
    shares = np.ones(len(datasets)) if weights is None else np.asarray(weights, dtype="float64")

    def drawn() -> Iterator[int]:
        generator = np.random.default_rng(seed)
        while True:
            yield int(generator.choice(len(datasets), p=shares / shares.sum()))

    return _mixed(datasets, drawn, until_empty)


def _mixed(
    datasets: list[Dataset], choices: Callable[[], Iterator[int]], until_empty: bool
) -> Dataset:
    parts = [iterated(part) for part in datasets]

    def mixed() -> Iterator[Any]:
        open_parts: dict[int, Iterator[Any]] = {i: iter(p) for i, p in enumerate(parts)}
        for choice in choices():
            if choice not in open_parts:
                continue
            try:
                element = next(open_parts[choice])
            except StopIteration:
                del open_parts[choice]
                if until_empty or not open_parts:
                    return
                continue
            yield element

    return dataset_of(mixed, None, any(map(runs_r, parts)))
