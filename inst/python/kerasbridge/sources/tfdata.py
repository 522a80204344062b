"""The verbs of data sets on ``tf.data``: its own methods, with R's data and functions.

Every public function is a verb, or a source, of :mod:`kerasbridge.sources.pipelines`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from kerasbridge.sources import elements

Dataset = Any
Function = Callable[..., Any]


def _tf() -> Any:
    return importlib.import_module("tensorflow")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _traced(function: Function) -> Function:
    """`function` for `tf.data` to trace: R has no source for AutoGraph to rewrite."""

    def trace(*parts: Any) -> Any:
        return elements.from_r(function(*parts))

    return function if _is_python(function) else _tf().autograph.experimental.do_not_convert(trace)


def _is_python(function: Function) -> bool:
    """Python's own callables, such as layers, give tensors and need no conversion."""
    return not hasattr(function, "__wrapped_r__")


# Sources


def tensors_dataset(tensors: Any) -> Dataset:
    return _tf().data.Dataset.from_tensors(elements.from_r(tensors))


def tensor_slices_dataset(tensors: Any) -> Dataset:
    sliced = elements.slices_from_r(tensors)
    elements.samples(sliced)
    return _tf().data.Dataset.from_tensor_slices(sliced)


def sparse_tensor_slices_dataset(sparse_tensor: Any) -> Dataset:
    return _tf().data.Dataset.from_tensor_slices(sparse_tensor)


def range_dataset(start: int, stop: int, step: int, dtype: Any) -> Dataset:
    return _tf().data.Dataset.range(start, stop, step, output_type=_tf().as_dtype(dtype))


def random_integer_dataset(seed: int | None) -> Dataset:
    return _tf().data.Dataset.random(seed=seed, rerandomize_each_iteration=seed is None)


def text_line_dataset(filenames: Any, **options: Any) -> Dataset:
    return _tf().data.TextLineDataset(filenames, **_given(options))


def tfrecord_dataset(filenames: Any, **options: Any) -> Dataset:
    return _tf().data.TFRecordDataset(filenames, **_given(options))


def fixed_length_record_dataset(filenames: Any, record_bytes: int, **options: Any) -> Dataset:
    return _tf().data.FixedLengthRecordDataset(filenames, record_bytes, **_given(options))


def file_list_dataset(file_pattern: Any, shuffle: bool | None, seed: int | None) -> Dataset:
    return _tf().data.Dataset.list_files(file_pattern, shuffle=shuffle, seed=seed)


def sql_dataset(driver_name: str, data_source_name: str, query: str, types: list[str]) -> Dataset:
    kinds = tuple(_tf().as_dtype(kind) for kind in types)
    return _tf().data.experimental.SqlDataset(driver_name, data_source_name, query, kinds)


def make_csv_dataset(file_pattern: Any, batch_size: int, options: dict[str, Any]) -> Dataset:
    return _tf().data.experimental.make_csv_dataset(file_pattern, batch_size, **_given(options))


def dataset_decode_delim(dataset: Dataset, record: dict[str, Any], parallel: int | None) -> Dataset:
    """Lines as named records; an empty field takes its column's default."""
    tf = _tf()
    empty = [
        tf.constant([] if default is None else [default], dtype=tf.as_dtype(kind))
        for default, kind in zip(record["defaults"], record["types"], strict=True)
    ]

    def decode(line: Any) -> Any:
        fields = tf.io.decode_csv(line, empty, field_delim=record["delim"])
        return dict(zip(record["names"], fields, strict=True))

    decode = tf.autograph.experimental.do_not_convert(decode)
    return dataset.skip(record["skip"]).map(decode, num_parallel_calls=parallel)


def of_batches(make: Callable[[], Iterator[Any]], like: Any, length: float | None) -> Dataset:
    tf = _tf()

    def spec(leaf: Any) -> Any:
        return tf.TensorSpec(
            (None, *leaf.shape[1:]), "string" if leaf.dtype == object else leaf.dtype
        )

    made = tf.data.Dataset.from_generator(make, output_signature=elements.mapped(spec, like))
    if length is None:
        return made
    return made.apply(tf.data.experimental.assert_cardinality(int(length)))


# Verbs


def dataset_batch(dataset: Dataset, batch_size: int, **options: Any) -> Dataset:
    return dataset.batch(batch_size, **_given(options))


def dataset_padded_batch(
    dataset: Dataset, batch_size: int, padding_values: Any = None, **options: Any
) -> Dataset:
    if isinstance(padding_values, (bool, int, float)):
        fill = padding_values
        spec = dataset.element_spec
        padding_values = elements.mapped(lambda leaf: _tf().cast(fill, leaf.dtype), spec)
    options["padding_values"] = padding_values
    return dataset.padded_batch(batch_size, **_given(options))


def dataset_rebatch(dataset: Dataset, batch_size: int, **options: Any) -> Dataset:
    return dataset.rebatch(batch_size, **_given(options))


def dataset_unbatch(dataset: Dataset, name: str | None = None) -> Dataset:
    return dataset.unbatch(name=name)


def dataset_map(
    dataset: Dataset, map_func: Function, num_parallel_calls: int | None = None
) -> Dataset:
    return dataset.map(_traced(map_func), num_parallel_calls=num_parallel_calls)


def dataset_filter(dataset: Dataset, predicate: Function) -> Dataset:
    return dataset.filter(_deciding(predicate))


def dataset_take_while(dataset: Dataset, predicate: Function, name: str | None = None) -> Dataset:
    return dataset.take_while(_deciding(predicate), name=name)


def _deciding(predicate: Function) -> Function:
    """`predicate` with a scalar boolean, as R's comparison of arrays of length 1 gives none."""
    tf = _tf()
    traced = _traced(predicate)

    def decide(*parts: Any) -> Any:
        return tf.reshape(tf.cast(traced(*parts), tf.bool), ())

    decided: Function = tf.autograph.experimental.do_not_convert(decide)
    return decided


def dataset_flat_map(dataset: Dataset, map_func: Function) -> Dataset:
    return dataset.flat_map(_yielding(map_func))


def dataset_interleave(dataset: Dataset, map_func: Function, **options: Any) -> Dataset:
    return dataset.interleave(_yielding(map_func), **_given(options))


def _yielding(function: Function) -> Function:
    """`function`, which gives a data set, not to be rewritten."""
    kept: Function = _tf().autograph.experimental.do_not_convert(function)
    return kept


def dataset_shuffle(
    dataset: Dataset,
    buffer_size: int,
    seed: int | None = None,
    reshuffle_each_iteration: bool | None = None,
) -> Dataset:
    return dataset.shuffle(
        buffer_size, seed=seed, reshuffle_each_iteration=reshuffle_each_iteration
    )


def dataset_repeat(dataset: Dataset, count: int | None = None) -> Dataset:
    return dataset.repeat(count)


def dataset_take(dataset: Dataset, count: int) -> Dataset:
    return dataset.take(count)


def dataset_skip(dataset: Dataset, count: int) -> Dataset:
    return dataset.skip(count)


def dataset_shard(dataset: Dataset, num_shards: int, index: int) -> Dataset:
    return dataset.shard(num_shards, index)


def dataset_prefetch(dataset: Dataset, buffer_size: int | None = None) -> Dataset:
    return dataset.prefetch(_tf().data.AUTOTUNE if buffer_size is None else buffer_size)


def dataset_prefetch_to_device(
    dataset: Dataset, device: str, buffer_size: int | None = None
) -> Dataset:
    return dataset.apply(_tf().data.experimental.prefetch_to_device(device, buffer_size))


def dataset_cache(dataset: Dataset, filename: str | None = None) -> Dataset:
    return dataset.cache(filename or "")


def dataset_concatenate(dataset: Dataset, others: list[Dataset]) -> Dataset:
    for other in others:
        dataset = dataset.concatenate(other)
    return dataset


def zip_datasets(datasets: Any) -> Dataset:
    return _tf().data.Dataset.zip(datasets)


def dataset_enumerate(dataset: Dataset, start: int = 0) -> Dataset:
    return dataset.enumerate(start)


def dataset_window(dataset: Dataset, size: int, **options: Any) -> Dataset:
    return dataset.window(size, **_given(options))


def dataset_unique(dataset: Dataset, name: str | None = None) -> Dataset:
    return dataset.unique(name=name)


def dataset_reduce(dataset: Dataset, initial_state: Any, reduce_func: Function) -> Any:
    return dataset.reduce(_state(dataset, initial_state), _traced(reduce_func))


def dataset_scan(dataset: Dataset, initial_state: Any, scan_func: Function) -> Dataset:
    return dataset.scan(_state(dataset, initial_state), _traced(scan_func))


def _state(dataset: Dataset, state: Any) -> Any:
    """A plain whole number begins in the dtype of the elements, which a sum keeps."""
    dtype = getattr(dataset.element_spec, "dtype", None)
    if isinstance(state, (int, float)) and dtype is not None and state == int(state):
        return _tf().cast(state, dtype)
    return elements.from_r(state)


def choose_from_datasets(
    datasets: list[Dataset], choice_dataset: Dataset, until_empty: bool
) -> Dataset:
    choose = _tf().data.Dataset.choose_from_datasets
    return choose(datasets, choice_dataset, stop_on_empty_dataset=until_empty)


def sample_from_datasets(
    datasets: list[Dataset], weights: Any, seed: int | None, until_empty: bool
) -> Dataset:
    sample = _tf().data.Dataset.sample_from_datasets
    return sample(datasets, weights=weights, seed=seed, stop_on_empty_dataset=until_empty)


def dataset_bucket_by_sequence_length(
    dataset: Dataset, element_length_func: Function, **options: Any
) -> Dataset:
    length = _traced(element_length_func)
    return dataset.bucket_by_sequence_length(element_length_func=length, **_given(options))


def dataset_group_by_window(
    dataset: Dataset, key_func: Function, reduce_func: Function, **options: Any
) -> Dataset:
    tf = _tf()
    traced = _traced(key_func)
    no_rewrite = tf.autograph.experimental.do_not_convert
    if options.get("window_size_func") is not None:
        options["window_size_func"] = _int64(options["window_size_func"])
    return dataset.group_by_window(
        key_func=_int64(traced), reduce_func=no_rewrite(reduce_func), **_given(options)
    )


def _int64(function: Function) -> Function:
    """`function` with a scalar of 64 bits, as `tf.data` wants its keys and sizes."""
    tf = _tf()

    def whole(*parts: Any) -> Any:
        return tf.reshape(tf.cast(function(*parts), tf.int64), ())

    wrapped: Function = tf.autograph.experimental.do_not_convert(whole)
    return wrapped


def dataset_rejection_resample(dataset: Dataset, class_func: Function, **options: Any) -> Dataset:
    tf = _tf()
    traced = _traced(class_func)
    label = tf.autograph.experimental.do_not_convert(lambda *p: tf.cast(traced(*p), tf.int32))
    return dataset.rejection_resample(class_func=label, **_given(options))


def dataset_snapshot(
    dataset: Dataset, path: str, compression: str | None, **options: Any
) -> Dataset:
    return dataset.snapshot(path, compression=compression, **_given(options))


def dataset_options(dataset: Dataset, values: dict[str, Any]) -> Any:
    """With no values the options that are; else the data set with these set."""
    if not values:
        return dataset.options()
    chosen = _tf().data.Options()
    for name, value in values.items():
        *path, last = name.split(".")
        place = chosen
        for part in path:
            place = getattr(place, part)
        setattr(place, last, value)
    return dataset.with_options(chosen)


# What is asked of a data set


def cardinality(dataset: Dataset) -> float | None:
    """Number of elements: infinite where there is no end, ``None`` where nobody knows."""
    number = int(dataset.cardinality())
    return float("inf") if number == -1 else None if number == -2 else float(number)


def spec(dataset: Dataset) -> Any:
    return dataset.element_spec


def arrays_of(dataset: Dataset) -> Iterator[Any]:
    return iter(dataset.as_numpy_iterator())
