"""Tables that are read a batch at a time: files, Arrow, polars, pandas, HDF5.

``pyarrow`` reads what is a table, ``h5py`` what is an array. Nothing is whole in memory but what
was before: each batch is made of the rows that have just been read.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from kerasbridge.errors import ArgumentError, did_you_mean
from kerasbridge.sources import elements, pipelines
from kerasbridge.tensors import arrays
from kerasbridge.tensors.kinds import integer
from kerasbridge.tensors.shapes import described

Columns = dict[str, Any]

#: Ends of file names, and the format that pyarrow knows them by.
_FORMATS: Final = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "ipc",
    ".ipc": "ipc",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".orc": "orc",
}
_HDF5: Final = (".h5", ".hdf5", ".hdf")

#: Rows that are read at once where batches are smaller.
_READ: Final = 2**14


@dataclass
class Table:
    """Rows that can be read again and again, some at a time."""

    #: Name of a column -> what it holds: "number", "integer", "logical", "text" or a type's name.
    columns: dict[str, str]
    #: Of these columns, at most so many rows at a time.
    chunks: Callable[[list[str], int], Iterator[Columns]]
    #: The columns without a row, which show their dtypes.
    empty: Columns
    rows: int | None = None
    levels: Callable[[str], list[str]] | None = None
    #: Does reading call R?
    runs_r: bool = False
    #: Are columns whole arrays, which stay as they are?
    arrays: bool = field(default=False)


def dataset(source: Any, engine: str | None, options: dict[str, Any]) -> Any:
    """A data set of batches of `source`: the other columns, and the target if there is one."""
    table = table_of(source, options.get("format"))
    batch_size = _at_least_1(options["batch_size"], "batch_size")
    plan = Plan(table, options)

    def batches() -> Iterator[Any]:
        return plan.batches(batch_size)

    rows = table.rows
    drop = bool(options.get("drop_remainder"))
    length = None if rows is None else rows // batch_size if drop else -(-rows // batch_size)
    like = plan.element(table.empty)
    made = pipelines.of_batches(batches, like, engine, length, table.runs_r)
    if plan.levels is not None:
        made.class_names = plan.levels
    return made


def _at_least_1(value: Any, name: str) -> int:
    whole = integer(value, name)
    if not isinstance(whole, int) or whole < 1:
        raise ArgumentError(f"`{name}` must be a whole number from 1, not {described(value)}.")
    return whole


class Plan:
    """Which columns are the inputs and which the target, and what becomes of them."""

    def __init__(self, table: Table, options: dict[str, Any]) -> None:
        self.table = table
        self.target = _names(table, options.get("target"), "target")
        chosen = _names(table, options.get("columns"), "columns")
        self.inputs = [n for n in chosen or table.columns if n not in self.target]
        if not self.inputs:
            raise ArgumentError("`columns` must leave a column that is not the target.")
        for name in [*self.inputs, *self.target]:
            kind = table.columns[name]
            if kind not in ("number", "integer", "logical", "text", "array"):
                raise ArgumentError(
                    f"The column `{name}` is of type {kind}, which is no number and no text: leave "
                    "it out with `columns`, or write the number that you mean."
                )
        texts = [name for name in self.inputs if table.columns[name] == "text"]
        self.named = options.get("named")
        if self.named is None:
            self.named = bool(texts)
        if texts and not self.named:
            raise ArgumentError(
                f"The column `{texts[0]}` is text, which a matrix cannot hold: `named = TRUE` "
                "keeps the columns apart, as layer_feature_space() takes them."
            )
        self.levels = self._levels(options.get("levels"))
        self.buffer = integer(options.get("shuffle") or 0, "shuffle")
        self.drop = bool(options.get("drop_remainder"))
        seed = options.get("seed")
        self.seeds = np.random.SeedSequence(None if seed is None else integer(seed, "seed"))

    def _levels(self, given: Any) -> list[str] | None:
        """The classes of a text target, in the order of their codes."""
        if given is not None:
            return [str(level) for level in np.atleast_1d(given).tolist()]
        if len(self.target) != 1 or self.table.columns[self.target[0]] != "text":
            return None
        if self.table.levels is None:
            raise ArgumentError("`levels` must give the classes of a target that is text.")
        return self.table.levels(self.target[0])

    def batches(self, size: int) -> Iterator[Any]:
        generator = np.random.default_rng(self.seeds.spawn(1)[0])
        names = [*self.inputs, *self.target]
        little = self.table.runs_r or self.table.arrays
        chunks = self.table.chunks(names, size if little else max(size, _READ))
        read: Iterator[Any] = map(self.element, chunks)
        if self.buffer > 1:
            read = _shuffled(read, self.buffer, generator)
        yield from _cut(read, size, self.drop)

    def element(self, columns: Columns) -> Any:
        inputs: Any
        if not self.named and not self.table.arrays:
            inputs = np.empty((_length(columns), len(self.inputs)), arrays.floatx())
            for at, name in enumerate(self.inputs):
                inputs[:, at] = columns[name]
        else:
            inputs = {name: self._column(name, columns) for name in self.inputs}
            if not self.named and len(inputs) == 1:
                inputs = inputs[self.inputs[0]]
        if not self.target:
            return inputs
        targets = [self._target(name, columns) for name in self.target]
        return inputs, targets[0] if len(targets) == 1 else np.stack(targets, axis=-1)

    def _column(self, name: str, columns: Columns) -> Any:
        """A column in the dtype that it has without its missing values."""
        values = _in_r_dtype(columns[name])
        dtype = _in_r_dtype(self.table.empty[name]).dtype
        if values.dtype == dtype:
            return values
        if values.dtype.kind == "f" and dtype.kind in "iu" and np.isnan(values).any():
            raise ArgumentError(
                f"The column `{name}` has missing values, and whole numbers of a tensor have none."
            )
        return values.astype(dtype)

    def _target(self, name: str, columns: Columns) -> Any:
        if self.levels is None:
            return self._column(name, columns)
        values = columns[name]
        codes = {level: code for code, level in enumerate(self.levels)}
        try:
            return np.array([codes[str(value)] for value in values], dtype="int32")
        except KeyError as error:
            raise ArgumentError(
                f"The target `{name}` holds {error}, which is not among its levels."
            ) from None


def _names(table: Table, given: Any, argument: str) -> list[str]:
    names = [] if given is None else [str(name) for name in np.atleast_1d(given).tolist()]
    for name in names:
        if name not in table.columns:
            near = did_you_mean(name, table.columns)
            raise ArgumentError(f"`{argument}` names `{name}`, which is no column.{near}")
    return names


def _in_r_dtype(values: Any) -> Any:
    """A column in the dtype of R's tensors."""
    values = np.asarray(values)
    if values.dtype.kind in "OUS":
        return values.astype(object)
    if values.dtype.kind in "bu" or (values.dtype.kind == "i" and values.dtype.itemsize < 8):
        return values.astype("int32")
    return values if values.dtype.kind == "i" else values.astype(arrays.floatx(), copy=False)


def _length(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _joined(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(elements.leaves, parts), strict=True)
    return elements.refilled(parts[0], map(np.concatenate, columns))


def _some(element: Any, rows: Any) -> Any:
    return elements.mapped(lambda leaf: leaf[rows], element)


def _cut(read: Iterator[Any], size: int, drop: bool) -> Iterator[Any]:
    """The same rows, `size` at a time."""
    held: Any = None
    for part in read:
        held = part if held is None else _joined([held, part])
        start, rows = 0, elements.samples(held)
        while rows - start >= size:
            yield _some(held, slice(start, start + size))
            start += size
        held = _some(held, slice(start, None)) if start < rows else None
    if held is not None and not drop:
        yield held


def _shuffled(read: Iterator[Any], buffer: int, generator: np.random.Generator) -> Iterator[Any]:
    """The same rows, in any order among `buffer` of them."""
    for window in _cut(read, buffer, drop=False):
        yield _some(window, generator.permutation(elements.samples(window)))


# What can be read


def table_of(source: Any, form: str | None = None) -> Table:
    """The table in paths, an Arrow, polars or pandas object, or in columns that R gave."""
    if isinstance(source, Table):
        return source
    if isinstance(source, str) or (
        isinstance(source, (list, tuple)) and all(isinstance(part, str) for part in source)
    ):
        return _of_files([source] if isinstance(source, str) else list(source), form)
    if isinstance(source, dict):
        return _of_columns(source)
    kind = type(source).__module__.partition(".")[0]
    if kind == "polars":
        return _of_polars(source)
    if kind == "pandas":
        return _of_arrow(_needed("pyarrow").Table.from_pandas(source, preserve_index=False))
    if kind in ("duckdb", "_duckdb"):
        reader = getattr(source, "fetch_record_batch", None) or source.to_arrow_reader
        return _of_streams(lambda size: reader(size), source.to_arrow_table().schema)
    if kind == "pyarrow":
        return _of_arrow(source)
    raise ArgumentError(
        "`x` must be paths, a data frame, an Arrow data set, polars or pandas data, an array of an "
        f"HDF5 file or a query, not {described(source)}."
    )


def _needed(package: str) -> Any:
    if importlib.util.find_spec(package) is None:
        raise ArgumentError(
            f"Reading this needs the Python package {package}: declare it with "
            f'`py_require("{package}")` before Python starts, or install it in your environment.'
        )
    return importlib.import_module(package)


def _of_files(paths: list[str], form: str | None) -> Table:
    for path in paths:
        if not os.path.exists(path):
            raise ArgumentError(f"`x` names {path}, which does not exist.")
    if paths and all(path.endswith(_HDF5) for path in paths):
        return _of_hdf5(paths)
    if form is None:
        form = _format_of(paths)
    datasets = importlib.import_module("pyarrow.dataset") if _needed("pyarrow") else None
    assert datasets is not None
    kind: Any = datasets.ParquetFileFormat() if form == "parquet" else form
    return _of_arrow(datasets.dataset(paths if len(paths) > 1 else paths[0], format=kind))


def _format_of(paths: list[str]) -> str:
    """The format that the files' names end in; of a folder's files."""
    names = list(paths)
    for path in paths:
        if os.path.isdir(path):
            names = [os.path.join(at, name) for at, _, some in os.walk(path) for name in some]
    found = {form for name in names for end, form in _FORMATS.items() if name.endswith(end)}
    if len(found) != 1:
        known = ", ".join([*_FORMATS, *_HDF5])
        raise ArgumentError(
            f"`x` must be files of one format, which their names end in: {known}; or say it with "
            "`format`."
        )
    return found.pop()


def _of_arrow(source: Any) -> Table:
    """A data set, table or reader of Arrow."""
    datasets = importlib.import_module("pyarrow.dataset")
    if type(source).__name__.endswith("RecordBatchReader"):
        taken: list[bool] = []

        def once(_: int) -> Any:
            if taken:
                raise ArgumentError("A stream can be read once, and this one was read: one epoch.")
            taken.append(True)
            return source

        return _of_streams(once, source.schema)
    if not isinstance(source, datasets.Dataset):
        source = datasets.dataset(source)

    def chunks(names: list[str], size: int) -> Iterator[Columns]:
        options: dict[str, Any] = {"batch_readahead": 2, "fragment_readahead": 1}
        if "parquet" in type(getattr(source, "format", None)).__name__.lower():
            scan = datasets.ParquetFragmentScanOptions
            options["fragment_scan_options"] = scan(pre_buffer=False, use_buffered_stream=True)
        scanner = source.scanner(columns=names, batch_size=size, **options)
        return map(_numpy_columns, scanner.to_batches())

    def levels(name: str) -> list[str]:
        found: set[str] = set()
        for batch in source.scanner(columns=[name]).to_batches():
            found.update(str(value) for value in batch.column(0).unique().to_pylist())
        return sorted(found)

    return Table(_kinds(source.schema), chunks, _empty(source.schema), source.count_rows(), levels)


def _of_streams(open_stream: Callable[[int], Any], schema: Any) -> Table:
    """What gives its rows as a stream of Arrow's batches, opened for every run."""

    def chunks(names: list[str], size: int) -> Iterator[Columns]:
        for batch in open_stream(size):
            yield _numpy_columns(batch.select(names))

    return Table(_kinds(schema), chunks, _empty(schema))


def stream_at(address: float) -> Any:
    """The reader of a stream of Arrow's C interface, whose struct is at `address`."""
    return _needed("pyarrow").RecordBatchReader._import_from_c(int(address))


def _of_polars(source: Any) -> Table:
    if hasattr(source, "collect"):
        source = source.collect(engine="streaming")
    return _of_arrow(source.to_arrow(compat_level=None))


def _kinds(schema: Any) -> dict[str, str]:
    return {column.name: _kind(column.type) for column in schema}


def _kind(kind: Any) -> str:
    types = importlib.import_module("pyarrow").types
    if types.is_dictionary(kind):
        return _kind(kind.value_type)
    if types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_integer(kind):
        return "integer"
    if types.is_boolean(kind):
        return "logical"
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return "text" if is_text else str(kind)


def _empty(schema: Any) -> Columns:
    return _numpy_columns(importlib.import_module("pyarrow").RecordBatch.from_pylist([], schema))


def _numpy_columns(batch: Any) -> Columns:
    types = importlib.import_module("pyarrow").types
    columns = {}
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if types.is_decimal(values.type):
            values = values.cast("float64")
        columns[name] = values.to_numpy(zero_copy_only=False)
    return columns


def _of_columns(columns: Columns) -> Table:
    """Columns that are in memory: a data frame of R."""
    held = {name: np.atleast_1d(values) for name, values in columns.items()}
    kinds = {"f": "number", "i": "integer", "u": "integer", "b": "logical", "O": "text"}
    rows = _length(held) if held else 0

    def chunks(names: list[str], size: int) -> Iterator[Columns]:
        for start in range(0, rows, size):
            yield {name: held[name][start : start + size] for name in names}

    def levels(name: str) -> list[str]:
        return sorted({str(value) for value in held[name].tolist()})

    found = {n: kinds.get(values.dtype.kind, str(values.dtype)) for n, values in held.items()}
    return Table(found, chunks, _some(held, slice(0, 0)), rows, levels)


def of_fetches(first: Columns, open_query: Callable[[], Callable[[int], Any]]) -> Table:
    """The rows of a query that R fetches: `first` shows its columns."""
    shown = _of_columns(first)

    def chunks(names: list[str], size: int) -> Iterator[Columns]:
        fetch = elements.on_r_thread(elements.on_r_thread(open_query)())
        while True:
            columns = fetch(size)
            if columns is None:
                return
            yield {name: np.atleast_1d(columns[name]) for name in names}

    return Table(shown.columns, chunks, shown.empty, runs_r=True)


# HDF5


def _of_hdf5(paths: list[str]) -> Table:
    if len(paths) > 1:
        raise ArgumentError("`x` must be one HDF5 file.")
    h5py = _needed("h5py")
    with h5py.File(paths[0], "r", locking=False) as file:
        found: dict[str, Any] = {}
        file.visititems(
            lambda name, item: found.update({name: item}) if hasattr(item, "shape") else None
        )
        return _of_arrays(paths[0], found, first=True)


def hdf5_of_r(path: str, names: list[str]) -> Table:
    """Arrays of an HDF5 file that R wrote: it names their dimensions in the other order."""
    h5py = _needed("h5py")
    with h5py.File(path, "r", locking=False) as file:
        return _of_arrays(path, {name.strip("/"): file[name] for name in names}, first=False)


def _of_arrays(path: str, found: dict[str, Any], first: bool) -> Table:
    """Slices of arrays along what are the samples: their first dimension, or R's first."""
    shapes = {name: item.shape if first else item.shape[::-1] for name, item in found.items()}
    shapes = {name: shape for name, shape in shapes.items() if shape}
    empty = {name: np.empty((0, *shape[1:]), found[name].dtype) for name, shape in shapes.items()}
    sizes = {shape[0] for shape in shapes.values()}

    def chunks(names: list[str], size: int) -> Iterator[Columns]:
        rows = {shapes[name][0] for name in names}
        if len(rows) != 1:
            raise ArgumentError(f"The arrays must have one number of samples, not {sorted(rows)}.")
        with importlib.import_module("h5py").File(path, "r", locking=False) as file:
            for start in range(0, max(rows), size):
                some = slice(start, start + size)
                yield {
                    name: file[name][some] if first else np.transpose(file[name][..., some])
                    for name in names
                }

    rows = sizes.pop() if len(sizes) == 1 else None
    return Table(dict.fromkeys(shapes, "array"), chunks, empty, rows, arrays=True)
