"""All that differs between the frameworks whose tensors R handles, one small class each.

A framework is found by the module of a tensor's type, and imported only when a tensor of its
own is at hand. The functions here take and return native tensors; subscripts, axes and
positions are 0-based, as the frameworks have them.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt


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
        """Slices of `x` at the (non-negative) positions `indices` along `axis`."""
        return self.library().take(x, indices, axis=axis)

    def get(self, x: Any, key: tuple[Any, ...]) -> Any:
        """Basic indexing: integers, slices with a positive step, new axes, an ellipsis."""
        return x[key]

    def get_points(self, x: Any, key: tuple[Any, ...]) -> Any:
        """The elements at the points whose coordinates along each axis are in `key`."""
        return x[key]

    def get_mask(self, x: Any, mask: Any) -> Any:
        """The elements where `mask` (of `x`'s leading dimensions) is true, in row-major order."""
        return x[mask]

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        """`x` with `value` at `key`; `key` may hold index arrays, broadcast as in NumPy."""
        x[key] = value
        return x

    def scalar(self, x: Any) -> Any:
        """A one-element tensor as a Python number."""
        return self.to_numpy(x).item()


class Jax(Framework):
    name = "jax"

    def library(self) -> Any:
        return importlib.import_module("jax.numpy")

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        return self.library().asarray(array)

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        return x.at[key].set(value)


class Torch(Framework):
    name = "torch"

    def library(self) -> Any:
        return importlib.import_module("torch")

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        tensor = self.library().from_numpy(np.array(array, order="C"))
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
        torch = self.library()
        positions = torch.as_tensor(indices, dtype=torch.int64, device=x.device)
        return torch.index_select(x, axis, positions)

    def get_points(self, x: Any, key: tuple[Any, ...]) -> Any:
        return x[self._native(x, key)]

    def get_mask(self, x: Any, mask: Any) -> Any:
        return x[self.library().as_tensor(mask, device=x.device)]

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        x[self._native(x, key)] = value
        return x

    def _native(self, x: Any, key: tuple[Any, ...]) -> tuple[Any, ...]:
        torch = self.library()
        return tuple(
            torch.as_tensor(part, device=x.device) if isinstance(part, np.ndarray) else part
            for part in key
        )


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
        if not hasattr(x, "numpy"):
            raise TypeError("This tensor has no value yet: its function is being traced.")
        array: npt.NDArray[Any] = np.asarray(x.numpy())
        return array

    def value(self, x: Any) -> Any:
        return x.value() if self._is_variable(x) else x

    def shape(self, x: Any) -> tuple[int | None, ...]:
        return tuple(x.shape.as_list())

    def cast(self, x: Any, dtype: str) -> Any:
        return self.library().cast(x, dtype)

    def transpose(self, x: Any, axes: Sequence[int]) -> Any:
        return self.library().transpose(x, perm=list(axes))

    def take(self, x: Any, indices: Any, axis: int) -> Any:
        return self.library().gather(x, indices, axis=axis)

    def get_points(self, x: Any, key: tuple[Any, ...]) -> Any:
        tf = self.library()
        return tf.gather_nd(x, tf.stack([tf.convert_to_tensor(part) for part in key], axis=-1))

    def get_mask(self, x: Any, mask: Any) -> Any:
        return self.library().boolean_mask(x, mask)

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        tf = self.library()
        if not self._is_variable(x):
            operator.setitem(x, key, value)  # a constant: the framework's own refusal
        if any(isinstance(part, np.ndarray) or tf.is_tensor(part) for part in key):
            points, shape = self._points(x, key)
            updates = tf.broadcast_to(tf.cast(value, x.dtype), shape)
            x.scatter_nd_update(points, updates)
        elif not key:
            x.assign(tf.broadcast_to(tf.cast(value, x.dtype), x.shape))
        else:
            x[key].assign(tf.broadcast_to(tf.cast(value, x.dtype), x[key].shape))
        return x

    def _points(self, x: Any, key: tuple[Any, ...]) -> tuple[Any, Any]:
        """The coordinates that `key` selects, one row a point, and the selection's shape."""
        tf = self.library()
        sizes = [int(size) for size in x.shape]
        numbers = np.arange(int(np.prod(sizes)), dtype=np.int64).reshape(sizes)
        chosen = numbers[tuple(np.asarray(part) if tf.is_tensor(part) else part for part in key)]
        return np.stack(np.unravel_index(chosen, sizes), axis=-1), chosen.shape

    def _is_variable(self, x: Any) -> bool:
        return isinstance(x, self.library().Variable)


class Keras(Framework):
    """`KerasTensor` (symbolic) and `keras.Variable`, whose value is a tensor of the backend."""

    name = "keras"

    def library(self) -> Any:
        return importlib.import_module("keras.ops")

    def from_numpy(self, array: npt.NDArray[Any], like: Any = None) -> Any:
        return self.library().convert_to_tensor(array)

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        value = self.value(x)
        if value is x:
            raise TypeError("A symbolic tensor has no value: call the model on data instead.")
        return of(value).to_numpy(value)

    def value(self, x: Any) -> Any:
        keras = importlib.import_module("keras")
        return x.value if isinstance(x, keras.Variable) else x

    def cast(self, x: Any, dtype: str) -> Any:
        return self.library().cast(x, dtype)

    def take(self, x: Any, indices: Any, axis: int) -> Any:
        return self.library().take(x, indices, axis=axis)

    def set(self, x: Any, key: tuple[Any, ...], value: Any) -> Any:
        current = self.value(x)
        if current is x:
            operator.setitem(x, key, value)  # symbolic: the framework's own refusal
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


@cache
def _named(name: str) -> Framework:
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


@cache
def of_type(cls: type) -> Framework | None:
    """The framework whose tensor or variable `cls` is, or ``None``."""
    for base in cls.__mro__:
        framework = _ROOTS.get(base.__module__.partition(".")[0])
        if framework is not None and _looks_like_tensor(base):
            return _named(framework)
    return None


def _looks_like_tensor(cls: type) -> bool:
    """Tensors and variables can be subset and know their dtype; layers and specs cannot."""
    if cls.__name__ in ("KerasTensor", "Variable", "IndexedSlices"):
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
    return [f"{cls.__module__}.{cls.__name__}" for cls in finders[module]()]


def _tensorflow_classes() -> list[type]:
    tf = importlib.import_module("tensorflow")
    eager = type(tf.constant(0.0))
    symbolic = [base for base in eager.__mro__ if base.__name__ == "Tensor"]
    return [eager, *symbolic, tf.Variable, tf.IndexedSlices]


def _torch_classes() -> list[type]:
    torch = importlib.import_module("torch")
    return [torch.Tensor]


def _jax_classes() -> list[type]:
    jax = importlib.import_module("jax")
    array = type(jax.numpy.zeros(()))
    return [array, jax.Array, jax.core.Tracer]


def _keras_classes() -> list[type]:
    keras = importlib.import_module("keras")
    classes = [keras.KerasTensor, keras.Variable]
    return [*classes, np.ndarray, np.generic] if keras.config.backend() == "numpy" else classes
