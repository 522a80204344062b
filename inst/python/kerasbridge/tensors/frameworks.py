"""All that differs between the frameworks whose tensors R handles, one small class each.

A framework is found by the module of a tensor's type, and imported only when a tensor of its
own is at hand. The functions here take and return native tensors; subscripts, axes and
positions are 0-based, as the frameworks have them.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasbridge.errors import SubscriptError


class Framework:
    """What indexing, arithmetic and conversion need of a framework; NumPy is the plain case."""

    name = "numpy"

    def library(self) -> Any:
        """The framework's module of NumPy-like functions (``sum``, ``exp``, ``where`` …)."""
        return np

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        """A tensor of `array`'s values, on the device of `like`."""
        return array

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        """The tensor's values on the host."""
        return np.asarray(x)

    def value(self, x: Any) -> Any:
        """The tensor behind `x`: a variable's current value, a tensor itself."""
        return x

    def dtype(self, x: Any) -> str:
        """The dtype's standard name, such as ``"float32"``."""
        return _dtype_name(x.dtype)

    def shape(self, x: Any) -> tuple[int | None, ...]:
        """The static shape; ``None`` where a symbolic tensor's size is not known."""
        return tuple(x.shape)

    def cast(self, x: Any, dtype: str) -> Any:
        return x.astype(dtype)

    def transpose(self, x: Any, axes: Sequence[int]) -> Any:
        return self.library().transpose(x, tuple(axes))

    def take(self, x: Any, indices: Any, axis: int) -> Any:
        """Slices of `x` at the positions `indices`, of any shape, along `axis`."""
        return self.library().take(x, indices, axis=axis)

    def get(self, x: Any, key: tuple[Any, ...]) -> Any:
        """Basic indexing: integers, slices with a positive step, new axes, an ellipsis."""
        return x[key]

    def get_points(self, x: Any, key: tuple[Any, ...]) -> Any:
        """NumPy's advanced indexing: elements whose coordinates along each axis are in `key`."""
        return x[key]

    def nonzero(self, mask: Any) -> Sequence[Any]:
        """Along each axis, the coordinates where `mask` is true, in row-major order."""
        coordinates: Sequence[Any] = self.library().nonzero(mask)
        return coordinates

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        """`x` with `value` at `key`; `key` may hold index arrays, broadcast as in NumPy."""
        x[key] = value
        return x

    def shown(self, x: Any) -> str:
        """The tensor as its framework's users know it."""
        return repr(x)

    def scalar(self, x: Any) -> Any:
        """A one-element tensor as a Python number."""
        return self.to_numpy(x).item()

    def whole(self, x: Any) -> Any:
        """A scalar tensor without a value yet, as a size: whole, or an error when it has one."""
        return x


#: In an error of a type that can be made anew of its text.
_TRACED = "This tensor has no value yet: its function is being traced."


class Jax(Framework):
    name = "jax"

    def library(self) -> Any:
        return importlib.import_module("jax.numpy")

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        return self.library().asarray(array)

    def shape(self, x: Any) -> tuple[int | None, ...]:
        """Sizes are symbols where a function is traced for any batch, as for an export."""
        return tuple(size if isinstance(size, int) else None for size in x.shape)

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        # JAX's own refusal is made of a tracer: Keras, which makes it anew of its text, cannot.
        if isinstance(x, importlib.import_module("jax").core.Tracer):
            raise TypeError(_TRACED)
        return np.asarray(x.todense() if hasattr(x, "todense") else x)

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        return x.at[key].set(value)


class Torch(Framework):
    name = "torch"

    def library(self) -> Any:
        return importlib.import_module("torch")

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        torch, array = self.library(), np.array(array, order="C")
        if array.dtype.isbuiltin == 2:  # a float of few bits, which is no dtype of NumPy's own
            bits = torch.from_numpy(array.view(f"uint{8 * array.dtype.itemsize}"))
            tensor = bits.view(getattr(torch, array.dtype.name))
        else:
            tensor = torch.from_numpy(array)
        return tensor if like is None else tensor.to(like.device)

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        x = x.detach().cpu()
        torch = self.library()
        if x.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
            x = x.to(torch.float32)
        array: npt.NDArray[Any] = x.resolve_conj().resolve_neg().numpy()
        return array

    def cast(self, x: Any, dtype: str) -> Any:
        return x.to(getattr(self.library(), dtype))

    def transpose(self, x: Any, axes: Sequence[int]) -> Any:
        return x.permute(*axes)

    def take(self, x: Any, indices: Any, axis: int) -> Any:
        positions = self._positions(x, indices)
        taken = self.library().index_select(x, axis, positions.reshape(-1))
        return taken.reshape(*x.shape[:axis], *positions.shape, *x.shape[axis + 1 :])

    def get_points(self, x: Any, key: tuple[Any, ...]) -> Any:
        return x[self._native(x, key)]

    def nonzero(self, mask: Any) -> Sequence[Any]:
        coordinates: Sequence[Any] = self.library().nonzero(mask, as_tuple=True)
        return coordinates

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        if self._shares(x, value):
            value = value.clone()  # torch would read what it has just written
        x[self._native(x, key)] = value
        return x

    def _shares(self, x: Any, value: Any) -> bool:
        if not isinstance(value, self.library().Tensor):
            return False
        return bool(value.untyped_storage().data_ptr() == x.untyped_storage().data_ptr())

    def _native(self, x: Any, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """`key` in tensors. Beside these, NumPy broadcasts a number as well, and torch does not."""
        if all(isinstance(part, int | slice | None) for part in key):
            return key
        if any(isinstance(part, slice) and (part.step or 1) < 0 for part in key):
            sizes = tuple(x.shape)
            key = np.unravel_index(_numbered(sizes, key), sizes)
        parts = [[part] if isinstance(part, int) else part for part in key]
        return tuple(
            part if isinstance(part, slice | None) else self._positions(x, part) for part in parts
        )

    def _positions(self, x: Any, indices: Any) -> Any:
        if isinstance(indices, np.ndarray):
            indices = indices.copy()  # torch knows no negative strides
        return self.library().as_tensor(indices, device=x.device)


class TensorFlow(Framework):
    name = "tensorflow"

    def library(self) -> Any:
        return importlib.import_module("tensorflow")

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        return self.library().convert_to_tensor(array)

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        tf = self.library()
        if isinstance(x, tf.IndexedSlices):
            x = tf.convert_to_tensor(x)
        elif isinstance(x, tf.SparseTensor):
            x = tf.sparse.to_dense(x)
        if not hasattr(x, "numpy"):
            raise TypeError(_TRACED)
        array: npt.NDArray[Any] = np.asarray(x.numpy())
        return array

    def value(self, x: Any) -> Any:
        return x.value() if self._is_variable(x) else x

    def shape(self, x: Any) -> tuple[int | None, ...]:
        return tuple(x.shape.as_list())

    def whole(self, x: Any) -> Any:
        """R's numbers are doubles: ``op_shape(x)[[1]] * 2`` is a floating tensor."""
        if x.dtype.is_integer:
            return x
        tf, size = self.library(), self.cast(x, "int32")
        message = "A shape holds whole numbers."
        with tf.control_dependencies(
            [tf.debugging.assert_equal(tf.cast(size, x.dtype), x, message)]
        ):
            return tf.identity(size)

    def cast(self, x: Any, dtype: str) -> Any:
        return self.library().cast(x, dtype)

    def transpose(self, x: Any, axes: Sequence[int]) -> Any:
        return self.library().transpose(x, perm=list(axes))

    def take(self, x: Any, indices: Any, axis: int) -> Any:
        return self.library().gather(x, self._from_start(x, indices, axis), axis=axis)

    def get_points(self, x: Any, key: tuple[Any, ...]) -> Any:
        tf = self.library()
        if any(isinstance(part, slice | None) for part in key):
            return tf.gather(tf.reshape(x, [-1]), _numbered(self.shape(x), key))
        return tf.gather_nd(x, self._stacked(x, key))

    def span(
        self, x: Any, axis: int, first: int | None, last: int | None, step: int | None, what: str
    ) -> Any:
        """The positions `first` to `last` of an axis whose size is not known yet, negative ones
        from its end, as a slice or a tensor; beyond the size they are an error when it is known.

        Without a `step`, the range runs to where its end is.
        """
        tf = self.library()
        size = tf.shape(x)[axis]
        ends: list[Any] = []
        checks: list[Any] = []
        for end in (first, last):
            at: Any = size + end if end is not None and end < 0 else end
            if at is not None:
                message = f"{what} is beyond its dimension."
                checks += [tf.debugging.assert_less(at, size, message)]
                checks += [tf.debugging.assert_non_negative(at, message)]
            ends.append(at)
        start, stop = ends
        if first is None or last is None or (first < 0) == (last < 0):
            down = first is not None and last is not None and last < first
            step = step or (-1 if down else 1)
        if step is None:
            step = tf.where(start <= stop, 1, -1)
        elif first is not None and last is not None:
            message = f"{what} runs against its step."
            checks += [tf.debugging.assert_non_negative((stop - start) * step, message)]
        with tf.control_dependencies(checks):
            start, stop = (None if end is None else tf.identity(end) for end in (start, stop))
        if isinstance(step, int) and step > 0:
            return slice(start, None if stop is None else stop + 1, step)
        start = size - 1 if start is None else start
        stop = 0 if stop is None else stop
        return tf.range(start, stop + tf.sign(step), step)

    def nonzero(self, mask: Any) -> Sequence[Any]:
        tf = self.library()
        coordinates: Sequence[Any] = tf.unstack(tf.where(mask), num=len(mask.shape), axis=1)
        return coordinates

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        tf = self.library()
        value = tf.cast(value, x.dtype)
        if not self._is_variable(x):
            return self._replaced(x, key, value)
        if not key:
            x.assign(tf.broadcast_to(value, tf.shape(x)))
        elif all(isinstance(part, int | slice | None) for part in key):
            part = x[key]
            part.assign(tf.broadcast_to(value, tf.shape(part)))
        else:
            points = self._places(x, key)
            x.scatter_nd_update(points, self._at(x, points, value))
        return x

    def _replaced(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        """A new tensor: what TensorFlow makes stays what it is."""
        tf = self.library()
        if not key:
            return tf.broadcast_to(value, tf.shape(x))
        if not all(isinstance(part, int | slice | None) for part in key):
            points = self._places(x, key)
            return tf.tensor_scatter_nd_update(x, points, self._at(x, points, value))
        places = tf.reshape(tf.range(tf.size(x, tf.int64)), tf.shape(x))[key]
        value = tf.reshape(tf.broadcast_to(value, tf.shape(places)), [-1])
        flat = tf.tensor_scatter_nd_update(tf.reshape(x, [-1]), tf.reshape(places, [-1, 1]), value)
        return tf.ensure_shape(tf.reshape(flat, tf.shape(x)), x.shape)

    def _places(self, x: Any, key: tuple[Any, ...]) -> Any:
        """The elements of a key that has positions, as points."""
        if any(isinstance(part, slice | None) for part in key):
            sizes = self.shape(x)
            key = np.unravel_index(_numbered(sizes, key), [int(size or 0) for size in sizes])
        return self._stacked(x, key)

    def _at(self, x: Any, points: Any, value: Any) -> Any:
        """A value for each of these points, which may leave the last dimensions whole."""
        tf = self.library()
        whole = tf.shape(x)[points.shape[-1] :]
        return tf.broadcast_to(value, tf.concat([tf.shape(points)[:-1], whole], axis=0))

    def _stacked(self, x: Any, key: tuple[Any, ...]) -> Any:
        """Coordinates along each axis, broadcast, as points: one along the last axis."""
        tf = self.library()
        parts = [self._from_start(x, part, axis) for axis, part in enumerate(key)]
        shape = functools.reduce(tf.broadcast_dynamic_shape, [tf.shape(part) for part in parts])
        return tf.stack([tf.broadcast_to(part, shape) for part in parts], axis=-1)

    def _from_start(self, x: Any, positions: Any, axis: int) -> Any:
        """Positions that count from the start of their axis only."""
        if isinstance(positions, np.ndarray) and positions.min(initial=0) >= 0:
            return positions.astype(np.int64)
        tf = self.library()
        positions = tf.cast(positions, tf.int64)
        return tf.where(positions < 0, positions + tf.shape(x, tf.int64)[axis], positions)

    def shown(self, x: Any) -> str:
        return repr(x) if self._is_variable(x) else str(x)

    def _is_variable(self, x: Any) -> bool:
        return isinstance(x, self.library().Variable)


@dataclass(frozen=True)
class Turning:
    """A range with one end counted from the start of its axis, and the other from the end: which
    way it runs is known once the size is."""

    first: int
    last: int


class Keras(Framework):
    """`KerasTensor` (symbolic) and `keras.Variable`, whose value is a tensor of the backend."""

    name = "keras"

    def library(self) -> Any:
        return importlib.import_module("keras.ops")

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        return self.library().convert_to_tensor(array)

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        value = self.value(x)
        framework = of(value)
        if framework is self:
            raise TypeError("A symbolic tensor has no value: call the model on data instead.")
        return framework.to_numpy(value)

    def value(self, x: Any) -> Any:
        keras = importlib.import_module("keras")
        return x.value if isinstance(x, keras.Variable) else x

    def cast(self, x: Any, dtype: str) -> Any:
        return self.library().cast(x, dtype)

    def get(self, x: Any, key: tuple[Any, ...]) -> Any:
        """Ranges that run down an axis of unknown size run up the turned one: torch has no
        negative steps."""
        parts, axis = list(key), 0
        for place, part in enumerate(key):
            if isinstance(part, slice) and (part.step or 1) < 0:
                x = self.library().flip(x, axis)
                start, stop = (None if end is None else -end - 1 for end in (part.start, part.stop))
                parts[place] = slice(start, stop, -part.step)
            axis += part is not None
        return x[tuple(parts)]

    def take(self, x: Any, indices: Any, axis: int) -> Any:
        if isinstance(indices, Turning):
            return self._turned(x, indices, axis)
        return self.library().take(x, indices, axis=axis)

    def span(
        self, x: Any, axis: int, first: int | None, last: int | None, step: int | None, what: str
    ) -> Any:
        """As TensorFlow's, where the direction of a range is not known; else ``None``."""
        if step is not None or first is None or last is None or (first < 0) == (last < 0):
            return None
        if {first, last} & {0, -1}:
            return None  # the very first or last position, which lies on one side of all others
        return Turning(first, last)

    def _turned(self, x: Any, ends: Turning, axis: int) -> Any:
        """What is before the last position, upwards and downwards, of which one is empty; and
        that position."""
        ops = self.library()
        if ends.first < 0:
            return ops.flip(self._turned(x, Turning(ends.last, ends.first), axis), axis)
        whole = (slice(None),) * axis
        upwards = x[(*whole, slice(ends.first, ends.last))]
        downwards = ops.flip(x, axis)[(*whole, slice(-ends.first - 1, -ends.last - 1))]
        last = x[(*whole, slice(ends.last, ends.last + 1 or None))]
        return ops.concatenate([upwards, downwards, last], axis)

    def get_points(self, x: Any, key: tuple[Any, ...]) -> Any:
        framework = of(x)
        if framework is not self:
            return framework.get_points(x, key)
        ops, sizes = self.library(), self.shape(x)
        if any(isinstance(part, slice | None) for part in key):
            return ops.take(ops.reshape(x, (-1,)), _numbered(sizes, key), axis=0)
        flat = key[0]
        for coordinates, size in zip(key[1:], sizes[1 : len(key)], strict=True):
            flat = flat * size + coordinates
        return ops.take(ops.reshape(x, (-1, *sizes[len(key) :])), flat, axis=0)

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        current = self.value(x)
        if current is x:
            raise TypeError(
                "A symbolic tensor has no elements that could be replaced: choose between two with "
                "op_where(), or put parts together with op_concatenate()."
            )
        framework = of(current)
        if framework.name == "tensorflow":
            framework.set(current if hasattr(current, "assign") else x._value, key, value)
            return x
        if framework.name == "torch":
            current = current.detach().clone()
        elif framework.name == "numpy":
            current = np.array(current)
        x.assign(framework.set(current, key, value))
        return x


@cache
def _dtype_name(dtype: Any) -> str:
    """TensorFlow's dtypes have a name, torch's are printed with their module."""
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.")


def _numbered(sizes: Sequence[int | None], key: tuple[Any, ...]) -> npt.NDArray[np.int64]:
    """The numbers, counted through in row-major order, of the elements that `key` selects."""
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        raise SubscriptError("These subscripts need a tensor whose sizes are all known.")
    numbers = np.arange(math.prod(known)).reshape(known)
    selected: npt.NDArray[np.int64] = numbers[key]
    return selected


@cache
def named(name: str) -> Framework:
    """The framework of this name, as Keras names its backends."""
    classes: tuple[type[Framework], ...] = (Framework, Jax, Torch, TensorFlow, Keras)
    return next(cls for cls in classes if cls.name == name)()


_ROOTS: dict[str, str] = {
    "jax": "jax",
    "jaxlib": "jax",
    "torch": "torch",
    "tensorflow": "tensorflow",
    "keras": "keras",
    "numpy": "numpy",
}


#: Types met so far, tensors and others.
_MET: dict[type, Framework | None] = {}


def of_type(cls: type) -> Framework | None:
    """The framework whose tensor or variable the type `cls` is, or ``None``."""
    try:
        return _MET[cls]
    except KeyError:
        return _MET.setdefault(cls, _find_framework(cls))


def _find_framework(cls: type) -> Framework | None:
    for base in cls.__mro__:
        framework = _ROOTS.get(base.__module__.partition(".")[0])
        if framework is not None and _looks_like_tensor(base):
            return named(framework)
    return None


def _looks_like_tensor(cls: type) -> bool:
    """Tensors and variables can be subset and know their dtype; layers and specs cannot."""
    if cls.__name__ in ("KerasTensor", "Variable", "IndexedSlices", "SparseTensor", "BCOO"):
        return True
    return all(hasattr(cls, name) for name in ("shape", "dtype", "__getitem__"))


def of(x: Any) -> Framework:
    """The framework of a tensor or variable."""
    framework = of_type(type(x))
    if framework is None:
        raise TypeError(f"Not a tensor: {type(x).__name__}.")
    return framework


def is_tensor(x: Any) -> bool:
    """Is `x` a tensor or a variable of any framework, NumPy's arrays included?"""
    return of_type(type(x)) is not None


def is_made(x: Any) -> bool:
    """Is `x` a tensor already, and not data of R's, which comes as arrays of NumPy?"""
    return not isinstance(x, np.ndarray) and is_tensor(x)


#: What stands for a size that is not known while a function is traced, and is no tensor.
_SIZES: dict[str, str] = {"jax": "_DimExpr", "torch": "SymInt"}

#: Types met so far: is it one of these?
_MET_SIZES: dict[type, bool] = {int: False, float: False}


def is_size(x: Any) -> bool:
    """Is `x` a size that is known only when its function runs, and computes by itself?"""
    cls = type(x)
    try:
        return _MET_SIZES[cls]
    except KeyError:
        root = cls.__module__.partition(".")[0]
        return _MET_SIZES.setdefault(cls, _SIZES.get(root) == cls.__name__)


def is_unknown(x: Any) -> bool:
    """Is `x` such a size, or a tensor, rather than a number?"""
    return is_size(x) or is_tensor(x)


def size_classes(module: str) -> list[str]:
    """The classes of a loaded framework whose objects are such sizes, as reticulate writes them."""
    if module == "jax":
        return [_written(importlib.import_module("jax._src.export.shape_poly")._DimExpr)]
    return [_written(importlib.import_module("torch").SymInt)] if module == "torch" else []


def shown(x: Any) -> str:
    """What printing a tensor shows."""
    return of(x).shown(x)


def known(x: Any) -> npt.NDArray[Any] | None:
    """A tensor's values on the host; ``None`` while its function is traced."""
    framework = of(x)
    try:
        return framework.to_numpy(framework.value(x))
    except Exception:  # each framework has an error of its own for this
        return None


def tensor_classes(module: str) -> list[str]:
    """The classes of a loaded framework that R's tensor methods are registered for.

    Names are as reticulate writes them: module, dot, name.
    """
    finders: dict[str, Callable[[], list[type]]] = {
        "tensorflow": _tensorflow_classes,
        "torch": _torch_classes,
        "jax": _jax_classes,
        "keras": _keras_classes,
    }
    return [_written(cls) for cls in finders[module]()]


def _written(cls: type) -> str:
    return f"{cls.__module__}.{cls.__name__}"


def _tensorflow_classes() -> list[type]:
    tf = importlib.import_module("tensorflow")
    eager = importlib.import_module("tensorflow.python.framework.ops").EagerTensor
    symbolic = [base for base in eager.__mro__ if base.__name__ == "Tensor"]
    return [eager, *symbolic, tf.Variable, tf.IndexedSlices, tf.SparseTensor]


def _torch_classes() -> list[type]:
    torch = importlib.import_module("torch")
    return [torch.Tensor]


def _jax_classes() -> list[type]:
    jax = importlib.import_module("jax")
    array = importlib.import_module("jax._src.array").ArrayImpl
    return [array, jax.Array, jax.core.Tracer]


def _keras_classes() -> list[type]:
    keras = importlib.import_module("keras")
    of_backend: dict[str, Callable[[], list[type]]] = {
        "numpy": lambda: [np.ndarray],
        "jax": lambda: [importlib.import_module("jax.experimental.sparse").BCOO],
    }
    own = of_backend.get(keras.config.backend(), list)
    return [keras.KerasTensor, keras.Variable, np.generic, *own()]
