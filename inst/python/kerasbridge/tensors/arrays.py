"""R's data as tensors, and tensors as R's data.

What arrives: reticulate hands over an R array as a read-only column-major view of R's own
memory, a single value as a Python number. What the R side says of a vector that NumPy has no
name for (a factor's codes, the bits of an ``integer64``) comes marked by the function called.

Every tensor made here owns its memory: R may change its vector in place later.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import frameworks
from kerasbridge.tensors.shapes import NA_INTEGER, described

Array = npt.NDArray[Any]

#: NumPy's kinds of R's vectors and the dtype of their tensors; floats take ``floatx``.
_DTYPES: Final = {"i": "int32", "b": "bool", "u": "uint8", "c": "complex64"}

#: The same for a single number, which crosses as one of Python's.
_SCALARS: Final[dict[type, str]] = {int: "int32", complex: "complex64"}

#: From how many elements on R allocates the result itself.
_LARGE: Final = 2**16

#: Elements in a block of rows that stays in the cache while it is transposed.
_BLOCK: Final = 2**16

#: Types of tensors met so far: the first look at an argument, which is most often one.
_AS_THEY_ARE: set[type] = {float, int}

#: Integers that a double holds exactly.
_EXACT: Final = 2**53

#: How many samples are converted at a time, and from which length on an axis is not short.
_SAMPLES: Final = 32
_SHORT: Final = 16

#: What the missing value of an ``integer64`` is.
_NA_INTEGER64: Final = -(2**63)


def floatx() -> str:
    """The dtype of R's doubles, ``config_floatx()``."""
    return str(importlib.import_module("keras").config.floatx())


def host(data: Any) -> Any:
    """R's data as a number, a string or a NumPy array, not yet of the tensor's dtype."""
    if isinstance(data, (list, tuple)):
        return np.array([host(part) for part in data])
    return data


def row_major(data: Array, dtype: str | None = None) -> Array:
    """A fresh row-major array of `data` in the dtype of its tensor: one pass over the memory."""
    kind = data.dtype.kind
    if dtype is None:
        dtype = floatx() if kind == "f" else _DTYPES.get(kind)
        if kind == "i" and data.dtype.itemsize == 8:
            dtype = "int64"
    if dtype == "bfloat16" or (dtype or "").startswith("float8"):
        ml_dtypes = importlib.import_module("ml_dtypes")
        return np.array(data, dtype=getattr(ml_dtypes, str(dtype)), order="C")
    # R's NA is a signalling NaN: narrowing it is what is meant, and Inf for what is too large
    with np.errstate(invalid="ignore", over="ignore"):
        if data.ndim > 2 and data.size >= _LARGE and data.flags.f_contiguous:
            return _by_samples(data, dtype)
        return np.array(data, dtype=dtype, order="C")


def _by_samples(data: Array, dtype: str | None) -> Array:
    """Column-major `data` as a row-major array, some samples at a time, which fit the cache.

    NumPy alone would run along the last axis, which is short for images: three numbers far apart.
    A short one is taken position by position instead.
    """
    result = np.empty(data.shape, dtype=dtype or data.dtype)
    last = data.shape[-1]
    for start in range(0, len(data), _SAMPLES):
        some = slice(start, start + _SAMPLES)
        samples = np.array(data[some], dtype=result.dtype, order="F")
        if last < _SHORT:
            for position in range(last):
                result[some, ..., position] = samples[..., position]
        else:
            result[some] = samples
    return result


def tensor(value: Any, name: str = "x") -> Any:
    """R's data as a tensor of the backend; a tensor passes, a list becomes a list of tensors.

    A single R number stays a Python number: it takes the dtype of what it meets, as in Keras.
    """
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, np.ndarray):
        return as_tensor(value, name)
    if isinstance(value, (list, tuple)):
        return [tensor(part, name) for part in value]
    if value is None or isinstance(value, (bool, int, float, complex)):
        return value
    if frameworks.is_tensor(value):
        _AS_THEY_ARE.add(type(value))
        return value
    if isinstance(value, dict):
        return {key: tensor(part, name) for key, part in value.items()}
    if isinstance(value, str):
        return as_tensor(np.array(value, dtype=object), name)
    if isinstance(value, (bytes, bytearray)):
        return as_tensor(np.frombuffer(bytes(value), dtype="uint8"), name)
    if callable(value) and not hasattr(value, "__array__"):
        raise ArgumentError(f"`{name}` must be a tensor or R data, not a function.")
    if type(value).__name__ == "PyCapsule":
        raise ArgumentError(f"`{name}` must be a tensor or R data, not {described(value)}.")
    return value


def needed(value: Any, name: str) -> Any:
    """:func:`tensor`, where nothing is no tensor."""
    if value is None:
        raise ArgumentError(f"`{name}` must be a tensor or R data, not NULL.")
    return tensor(value, name)


def tensor_of(value: Any, dtype: Any, name: str = "x", wraps: bool = False) -> Any:
    """R's data as a tensor of `dtype`, each number converted once: float64 is R's own double.

    Numbers that `dtype` cannot hold are refused, or, where it `wraps`, left to the framework.
    """
    if isinstance(value, (bool, int, float, complex)):
        with np.errstate(over="ignore"):
            value = np.asarray(value, dtype=_SCALARS.get(type(value)) if dtype is None else None)
    if isinstance(value, (list, tuple)):
        check_text(value, dtype, name)
        nested = (list, tuple, np.ndarray, str)
        return [tensor_of(v, dtype, name, wraps) if isinstance(v, nested) else v for v in value]
    if value is None or isinstance(value, dict):
        raise ArgumentError(f"`{name}` must be a tensor or R data, not {described(value)}.")
    check_text(value, dtype, name)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc" or dtype is None:
        return tensor(value, name)
    wanted = str(importlib.import_module("keras").backend.standardize_dtype(dtype))
    if value.dtype.kind == "c" and not wanted.startswith("complex"):
        return tensor(value, name)
    reason = _unfit(value, wanted)
    if reason is None:
        return as_tensor(value, name, wanted)
    if wraps:
        return tensor(value, name)
    raise ArgumentError(f"`{name}` holds {reason}, which the dtype {wanted} has not.")


def check_text(value: Any, dtype: Any, name: str) -> None:
    """Text is no number, which some frameworks would read out of it."""
    dtype = getattr(dtype, "name", dtype)  # TensorFlow's own dtypes have a name
    if dtype not in (None, "string") and _is_text(value):
        raise ArgumentError(
            f"`{name}` is text, and the dtype {dtype} has numbers: see `as.numeric()`."
        )


def _is_text(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_text, value))
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "OUST")


def _unfit(data: Array, dtype: str) -> str | None:
    """The first thing among whole numbers-to-be that `dtype` has no number for."""
    if not dtype.startswith(("int", "uint", "bool")) or data.size == 0:
        return None
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        return "NA, NaN or Inf"
    if dtype == "bool":
        return None
    limits, low, high = np.iinfo(dtype), np.trunc(data.min()), np.trunc(data.max())
    if int(low) < limits.min or int(high) > limits.max:
        return f"{(low if int(low) < limits.min else high):g}"
    return None


def as_tensor(data: Array, name: str = "x", dtype: str | None = None) -> Any:
    """A NumPy array (of R's memory or not) as a tensor of the backend, of `dtype` or its own."""
    keras = importlib.import_module("keras")
    if data.dtype.kind in "OUST":
        return strings(data, name)
    own = data.flags.writeable and data.flags.c_contiguous and data.dtype != np.float64
    if dtype is not None or not own:
        data = row_major(data, dtype)
    if keras.config.backend() == "numpy" and data.dtype != np.int64:
        return data  # the tensor itself, by which Keras finds its mask
    if data.dtype.isbuiltin == 2:  # a float of few bits is no dtype of NumPy's own
        dtype = data.dtype.name
        data = frameworks.named(keras.config.backend()).from_numpy(data)
    result = keras.ops.convert_to_tensor(data, dtype=dtype)
    if data.dtype in (np.int64, np.uint64):
        _check_narrow(data, frameworks.of(result).dtype(result), name)
    return result


#: What is told of integers that have no room.
OF_32_BITS: Final = (
    "The backend computes with 32 bits. JAX allows 64 after "
    '`jax$config$update("jax_enable_x64", TRUE)`.'
)


def _check_narrow(data: Array, dtype: str, name: str) -> None:
    """JAX keeps 64-bit integers only when told to, Keras on NumPy never."""
    if dtype not in ("int32", "uint32") or not data.size:
        return
    limits = np.iinfo(dtype)
    if int(data.min()) < limits.min or int(data.max()) > limits.max:
        bits = 31 if dtype == "int32" else 32
        raise ArgumentError(f"`{name}` holds integers beyond 2^{bits}. {OF_32_BITS}")


def check_batches(data: Array, name: str) -> None:
    """The same for what Keras's trainer will hand over to JAX, batch by batch."""
    if data.dtype not in (np.int64, np.uint64):
        return
    if importlib.import_module("keras").config.backend() == "jax":
        kept = importlib.import_module("jax").dtypes.canonicalize_dtype(data.dtype)
        _check_narrow(data, str(kept), name)


def sparse(rows: Any, columns: Any, values: Any, dim: Any) -> Any:
    """A sparse matrix as the backend's sparse tensor; rows and columns count from 0."""
    backend = str(importlib.import_module("keras").config.backend())
    entries = np.atleast_1d(np.asarray(values, dtype=floatx()))
    places = np.stack([np.atleast_1d(rows), np.atleast_1d(columns)], axis=-1).astype("int64")
    shape = tuple(int(size) for size in dim)
    if backend == "tensorflow":
        tf = importlib.import_module("tensorflow")
        return tf.sparse.reorder(tf.SparseTensor(places, entries, shape))
    if backend == "jax":
        bcoo = importlib.import_module("jax.experimental.sparse").BCOO
        return bcoo((entries, places.astype("int32")), shape=shape)
    raise ArgumentError(
        f"The {backend} backend of Keras has no sparse tensors: make the matrix dense with "
        "`as.matrix()`."
    )


def strings(data: Array, name: str) -> Any:
    """Strings as a tensor where the backend has such, else a refusal that names what does."""
    keras = importlib.import_module("keras")
    if keras.config.backend() == "tensorflow":
        tf = importlib.import_module("tensorflow")
        parts = tf.convert_to_tensor(data.astype(object).tolist(), dtype=tf.string)
        return tf.reshape(parts, data.shape)  # a list of no elements has no other sizes
    raise ArgumentError(
        f"`{name}` is a character vector, and the {keras.config.backend()} backend has no string "
        "tensors. The tensorflow backend does; layer_string_lookup() and "
        "layer_text_vectorization() take strings on every backend."
    )


class Codes(np.ndarray[Any, Any]):
    """A factor's codes, counted from 0: what was a level needs no conversion as a position."""

    #: How many levels the factor has; of a part or a copy it is not known.
    levels: int | None = None


def codes(data: Any, levels: int | None = None) -> Codes:
    """A factor's codes, counted from 0."""
    # a single code is an array without dimensions, not one of NumPy's numbers
    result = np.asarray(np.asarray(data, dtype="int32") - np.int32(1)).view(Codes)
    result.levels = levels
    return result


def integer64(data: Any, name: str = "x") -> Array:
    """The 64-bit integers whose bits R keeps in doubles."""
    values = np.asarray(data, dtype="float64").copy(order="F").view("int64")
    if (values == _NA_INTEGER64).any():
        raise ArgumentError(
            f"`{name}` has missing values, and integers of a tensor have none. Replace them."
        )
    return values


def raw(data: Any) -> Array:
    """R's raw bytes as unsigned 8-bit integers."""
    return np.frombuffer(bytes(data), dtype="uint8").copy()


def shaped(data: Array, dim: Any) -> Array:
    """`data`, in R's column-major order, with R's ``dim``."""
    sizes = [int(size) for size in (dim if isinstance(dim, (list, tuple)) else [dim])]
    return data.reshape(sizes, order="F")


def to_r(x: Any) -> Any:
    """A tensor's values as what reticulate turns into the right R type, each written once.

    Floats become double; booleans logical; integers up to 32 bits integer; wider ones integer
    when all fit, double when all are exact, and else ``integer64``. What holds no values (a
    function, a model) stays itself.
    """
    if isinstance(x, (bool, float, str, complex)) or x is None:
        return x
    if isinstance(x, int):
        return whole_number(x)
    if isinstance(x, (list, tuple)):
        return [to_r(part) for part in x]
    if isinstance(x, dict):
        return {key: to_r(part) for key, part in x.items()}
    framework = frameworks.of_type(type(x))
    if framework is None and not _is_like_array(x):
        return x
    array = numpy_of(x)
    return Pending.of(array) if array.size >= _LARGE else r_array(array)


def _is_like_array(x: Any) -> bool:
    """Does NumPy know how to read it? Images have the second attribute only."""
    return hasattr(x, "__array__") or hasattr(x, "__array_interface__")


@dataclass(frozen=True)
class Kept:
    """Nested dictionaries of arrays or tensors that R gets as they are."""

    parts: dict[str, Any]

    def names(self) -> list[str]:
        return list(self.parts)

    def part(self, name: str) -> Any:
        found = self.parts[name]
        return Kept(found) if isinstance(found, dict) else found


class Pending:
    """An array whose values go straight into memory that R has allocated for them: a large one,
    or 64-bit integers, whose bits R keeps in doubles.

    R reads `type` and `dim`, allocates, and calls :meth:`fill` with the new array.
    """

    def __init__(self, array: Array, r_type: str) -> None:
        self.array = np.atleast_1d(array)
        self.type = r_type
        self.dim = list(array.shape)

    @classmethod
    def of(cls, array: Array) -> Any:
        """The pending values, where R can be written to as it is; else the array for R."""
        kind = array.dtype.kind
        if kind == "f" or (kind == "V" and "float" in array.dtype.name):
            return cls(array, "double")
        if kind in "iu" and _holds_integers(array):
            return cls(array, "integer")
        return r_array(array)

    def fill(self, view: Array) -> None:
        """Write the values into `view`, R's new array."""
        _write(self.array, _writeable(view, "int64" if self.type == "integer64" else view.dtype))


class Filled:
    """An array of R's that is filled before R gets it.

    R has made it with `room`, an environment of R's that holds it and comes back in its place.
    """

    def __init__(self, made: dict[str, Any]) -> None:
        self.room = made["room"]
        self.view = _writeable(made["array"], made["array"].dtype)

    def write(self, rows: Array, at: int) -> None:
        """Write `rows` from the row `at` on."""
        _write(rows, self.view[at : at + len(rows)])


def _writeable(view: Array, dtype: Any) -> Array:
    """reticulate shows R's memory read-only; a new array is R's own, and nobody's else yet."""
    buffer = (ctypes.c_char * view.nbytes).from_address(view.ctypes.data)
    array = np.frombuffer(memoryview(buffer), dtype=dtype).reshape(view.shape, order="F")
    return array


def _write(array: Array, target: Array) -> None:
    """Write values into R's memory, blocks of rows at a time."""
    rows = max(1, _BLOCK // max(1, array[:1].size))
    for start in range(0, len(array), rows):
        block = slice(start, start + rows)
        np.copyto(target[block], array[block], casting="unsafe")


def numpy_of(x: Any) -> Any:
    """A tensor's values, or what has some, as NumPy's array."""
    framework = frameworks.of_type(type(x))
    return np.asarray(x) if framework is None else framework.to_numpy(x)


def r_array(array: Array) -> Any:
    """A small array in the R type that its dtype has there."""
    kind = array.dtype.kind
    if kind in "iu":
        narrow = _holds_integers(array)
        array = array.astype("int32", order="F") if narrow else _narrowed(array)
    elif kind == "f" or (kind == "V" and "float" in array.dtype.name):
        array = array.astype("float64", order="F")
    elif kind == "V" and "int" in array.dtype.name:
        array = array.astype("int32", order="F")
    elif kind == "c":
        array = array.astype("complex128", order="F")
    elif kind in "SO":
        array = _decoded(array)
    return array


def _holds_integers(array: Array) -> bool:
    """Are these R's integers, whatever they are? One of 32 bits is what R has for NA."""
    if array.dtype == np.int32:
        return array.size == 0 or int(array.min()) != NA_INTEGER
    return array.dtype.itemsize <= 2


def _narrowed(array: Array) -> Any:
    """Wide integers as the smallest R type that holds each of them exactly."""
    if array.size == 0:
        return array.astype("int32", order="F")
    low, high = int(array.min()), int(array.max())
    if low > NA_INTEGER and high < 2**31:
        return array.astype("int32", order="F")
    if low >= -_EXACT and high <= _EXACT:
        return array.astype("float64", order="F")
    if low > _NA_INTEGER64 and high < 2**63:
        return Pending(array.astype("int64"), "integer64")
    raise ArgumentError(
        f"The tensor holds {high if high >= 2**63 else low}, which R has no number for. Cast it to "
        "a floating dtype with op_cast() to accept rounding."
    )


def _decoded(array: Array) -> Array:
    decode: Callable[[Any], Any] = np.frompyfunc(
        lambda value: value.decode("utf-8") if isinstance(value, bytes) else value, 1, 1
    )
    return np.asarray(decode(array.astype(object)), dtype=object)


def whole_number(value: int) -> Any:
    """A Python integer as R can hold it: an integer, an exact double, ``integer64``, or refused."""
    if NA_INTEGER < value < 2**31:
        return value
    if abs(value) <= _EXACT:
        return float(value)
    if _NA_INTEGER64 < value < 2**63:
        return Pending(np.array(value, dtype="int64"), "integer64")
    raise ArgumentError(f"{value} is beyond 2^63: R has no number for it.")
