"""The kind of every argument: what R gives, and what Python gets.

The generator asks :func:`kind_of` once per parameter and writes the answer into
``signatures.json``; a call converts by :data:`CONVERTERS`. No rule of conversion is elsewhere.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import arrays, frameworks
from kerasbridge.tensors.shapes import NA_INTEGER, described, shape, whole

Converter = Callable[[Any, str], Any]

#: Parameter name -> kind, where the name alone decides.
_BY_NAME: Final[dict[str, str]] = {
    **dict.fromkeys(
        "x x1 x2 a b y y_true y_pred inputs tensor tensors xs arrays images sequence mask "
        "sample_weight weights array operands".split(),
        "tensor",
    ),
    **dict.fromkeys("axis axes axis1 axis2 dim dims source destination".split(), "axis"),
    **dict.fromkeys("shape input_shape batch_shape output_shape".split(), "shape"),
    **dict.fromkeys("newshape target_shape".split(), "new_shape"),
    **dict.fromkeys("dtype dtypes".split(), "dtype"),
    **dict.fromkeys("indices index".split(), "index"),
    "start_indices": "index_vector",
    "excluded": "position_vector",
    **dict.fromkeys("input_axes output_axes spatial_dims perm".split(), "axis_vector"),
    **dict.fromkeys(
        "class_names devices layer_names exclude_layers stateful_metrics stateless_metrics "
        "distillation_losses distillation_loss_weights legend_handles crosses cells".split(),
        "list",
    ),
    "vocabulary": "vocabulary",
    "idf_weights": "number_vector",
    **dict.fromkeys("filepath path fname directory log_dir".split(), "path"),
    **dict.fromkeys(
        "activation recurrent_activation fn func function f cond_fun body_fun".split(), "callable"
    ),
    **dict.fromkeys(
        "units filters input_dim output_dim n N M num num_classes num_segments num_samples "
        "minlength".split(),
        "size",
    ),
    **dict.fromkeys(
        "kernel_size strides pool_size dilation_rate padding_size groups num_heads head_dim "
        "key_dim value_dim k size depth_multiplier max_tokens num_bins seed batch_size epochs "
        "repeats block_size".split(),
        "integer",
    ),
}

_INTEGER_NAME = re.compile(r"^(num|max|min)_.*(s|tokens|bins|length|steps|classes|dim|size)$")

#: Tensors without which there is nothing to compute; another may be ``NULL`` where it is a tree.
NEEDED: Final = frozenset("x x1 x2 a b images inputs tensor".split())

KINDS: Final = (
    "tensor",
    "data",
    "integer",
    "integers",
    "size",
    "integer_vector",
    "number_vector",
    "shape",
    "new_shape",
    "axis",
    "axes",
    "axis_vector",
    "index",
    "index_vector",
    "positions",
    "position_vector",
    "count_or_axes",
    "count_or_positions",
    "dtype",
    "callable",
    "list",
    "sequences",
    "vocabulary",
    "path",
    "tree",
    "value",
)


def kind_of(name: str, default: Any) -> str:
    """The kind of a parameter, from its name and its Python default."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if isinstance(default, bool):
        return "value"
    if isinstance(default, int):
        return "integer"
    if isinstance(default, tuple) and default and all(type(part) is int for part in default):
        return "integer"
    if _INTEGER_NAME.match(name):
        return "integer"
    return "value"


def integer(value: Any, name: str) -> Any:
    """Whole numbers: ``32`` and ``c(3, 3)``; ``32.5`` is refused, never truncated."""
    if type(value) is int and value != NA_INTEGER:
        return value
    if isinstance(value, str) and not value:
        raise ArgumentError(f"`{name}` must be a whole number, not an empty string.")
    if value is None or isinstance(value, str) or frameworks.is_tensor(value):
        return _integers_of_array(value, name) if isinstance(value, np.ndarray) else value
    if isinstance(value, (list, tuple)):
        return tuple(integer(part, name) for part in value)
    if isinstance(value, (bool, int, float)):
        return whole(value, name)
    return value


def _integers_of_array(value: Any, name: str) -> Any:
    return integer(value.tolist(), name) if isinstance(value, np.ndarray) else value


def size(value: Any, name: str) -> Any:
    """A whole number that a dimension of the result will have, in the frameworks' 32 bits."""
    number = integer(value, name)
    if isinstance(number, int) and abs(number) >= 2**31:
        raise ArgumentError(f"`{name}` is {number:.10g}, and no dimension is beyond 2^31.")
    return number


def integer_vector(value: Any, name: str) -> Any:
    """Whole numbers where a single one is a vector too."""
    whole_numbers = integer(value, name)
    return (whole_numbers,) if isinstance(whole_numbers, int) else whole_numbers


def number_vector(value: Any, name: str) -> Any:
    """Numbers where a single one is a vector too."""
    return [value] if _is_number(value) else value


def axis(value: Any, name: str) -> Any:
    """Axes counted from 1, or from the last with a minus; 0 is none of them."""
    if value is None:
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(axis(part, name) for part in value)
    return _from_zero(value, name, "axes")


def axis_vector(value: Any, name: str) -> Any:
    """Axes where a single one is a vector too."""
    return axis([value] if _is_number(value) else value, name)


def _from_zero(value: Any, name: str, what: str) -> int:
    number = whole(value, name)
    if number == 0:
        raise ArgumentError(
            f"`{name}` counts {what} from 1, and from the last with a minus: not 0."
        )
    return number - 1 if number > 0 else number


def index(value: Any, name: str) -> Any:
    """Positions counted from 1; negative ones count from the last."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, arrays.Codes):
        return np.asarray(value)
    if _is_number(value):
        return _from_zero(_position(value, name), name, "positions")
    if frameworks.is_size(value):
        return value - 1
    if isinstance(value, (list, tuple)) and not any(frameworks.is_tensor(p) for p in value):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return _zero_based(value, name)
    if isinstance(value, (list, tuple)):
        return [index(part, name) for part in value]
    ops = importlib.import_module("keras.ops")
    return ops.where(ops.greater(value, 0), ops.subtract(value, ops.ones_like(value)), value)


def index_vector(value: Any, name: str) -> Any:
    """Positions where a single one is a vector too."""
    if isinstance(value, arrays.Codes):
        return np.atleast_1d(np.asarray(value))
    return index([value] if _is_number(value) else value, name)


def _zero_based(value: Any, name: str) -> Any:
    value = _whole_array(value, name)
    if np.any(value == 0):
        raise ArgumentError(f"`{name}` counts positions from 1: it must not hold 0.")
    return np.ascontiguousarray(np.where(value > 0, value - 1, value), dtype="int32")


def _whole_array(value: Any, name: str) -> Any:
    if value.dtype.kind == "f":
        if not np.all(np.isfinite(value)) or np.any(value != np.floor(value)):
            raise ArgumentError(f"`{name}` must hold whole numbers.")
    elif value.dtype.kind not in "iu":
        raise ArgumentError(f"`{name}` must hold whole numbers.")
    if value.size:
        for end in (value.min(), value.max()):
            _position(end.item(), name)
    return value.astype("int64")


def _position(value: Any, name: str) -> int:
    """A whole number that fits the 32 bits which frameworks have for positions."""
    number = whole(value, name)
    if abs(number) >= 2**31:
        raise ArgumentError(f"`{name}` holds {number:.10g}, and no position is beyond 2^31.")
    return number


def index_from_zero(value: Any, name: str) -> Any:
    """Positions as Python counts them, for who asks for it with ``zero_indexed = TRUE``."""
    if isinstance(value, arrays.Codes):
        return np.asarray(value)
    if isinstance(value, (list, tuple)) and not any(frameworks.is_tensor(p) for p in value):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(_whole_array(value, name), dtype="int32")
    return _position(value, name) if _is_number(value) else value


def positions(value: Any, name: str) -> Any:
    """Positions that Python takes as an `int` or a tuple of them, not as a tensor."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(index(part, name) for part in value)
    return index(value, name)


def position_vector(value: Any, name: str) -> Any:
    """The same where a single one is a vector too."""
    return positions([value] if _is_number(value) else value, name)


def count_or_axes(value: Any, name: str) -> Any:
    """One number counts axes; a vector or a list names them."""
    return integer(value, name) if _is_number(value) else axis(value, name)


def count_or_positions(value: Any, name: str) -> Any:
    """One number counts parts; a vector, a list or an array says where parts begin."""
    return integer(value, name) if _is_number(value) else positions(value, name)


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float))


def one_based(value: Any) -> Any:
    """Positions that come back: counted from 1."""
    if isinstance(value, (list, tuple)):
        return [one_based(part) for part in value]
    return value if value is None else value + 1


def dtype(value: Any, name: str) -> Any:
    """A dtype by name, or a framework's own dtype object."""
    if isinstance(value, str) and value:
        return {"double": "float64", "integer": "int32", "logical": "bool"}.get(value, value)
    no_dtype = isinstance(value, (str, int, float, complex))
    if no_dtype or (callable(value) and not isinstance(value, type)):
        raise ArgumentError(f'`{name}` must be a dtype such as "float32", not {described(value)}.')
    return value


def tree(value: Any, name: str = "structure") -> Any:
    """A nested R list as tuples, which come back as lists; reticulate makes vectors of others,
    and takes the low bits of an integer that R has not."""
    if isinstance(value, (list, tuple)):
        return tuple(tree(part) for part in value)
    if type(value) is dict:
        return {key: tree(part) for key, part in value.items()}
    return arrays.whole_number(value) if type(value) is int else value


def several(value: Any, name: str) -> Any:
    """A list, also of one: a single value or object of R is a vector of length 1."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value if value is None or isinstance(value, (list, tuple, dict)) else [value]


def sequences(value: Any, name: str) -> Any:
    """A list of sequences, some perhaps of one element."""
    return [several(part, name) for part in value]


def vocabulary(value: Any, name: str) -> Any:
    """Words or numbers, also one; the path of a file of these is that of a file."""
    if isinstance(value, str):
        file = path(value, name)
        return file if os.path.exists(file) or "://" in value else [value]
    return [value] if _is_number(value) else value


def path(value: Any, name: str) -> Any:
    """A path with ``~`` expanded."""
    return os.path.expanduser(value) if isinstance(value, str) else value


def _shape(given: Any, name: str) -> Any:
    return shape(given, name)


def new_shape(given: Any, name: str) -> Any:
    """A shape to reshape to: the size that follows from the others is ``NA`` or -1."""
    sizes = shape(given, name)
    if isinstance(sizes, tuple) and any(size is None for size in sizes):
        return tuple(-1 if size is None else size for size in sizes)
    return sizes


#: How each kind is converted on the way from R to Python; a plain value passes as it is.
CONVERTERS: Final[dict[str, Converter | None]] = {
    "tensor": arrays.tensor,
    "data": None,
    "integer": integer,
    "integers": integer,
    "size": size,
    "integer_vector": integer_vector,
    "number_vector": number_vector,
    "shape": _shape,
    "new_shape": new_shape,
    "axis": axis,
    "axes": axis,
    "axis_vector": axis_vector,
    "index": index,
    "index_vector": index_vector,
    "index_from_zero": index_from_zero,
    "positions": positions,
    "position_vector": position_vector,
    "count_or_axes": count_or_axes,
    "count_or_positions": count_or_positions,
    "dtype": dtype,
    "callable": None,
    "list": several,
    "sequences": sequences,
    "vocabulary": vocabulary,
    "path": path,
    "tree": tree,
    "value": None,
}


def converted(value: Any, name: str) -> Any:
    """`value` by the kind of its name alone, as further arguments have it."""
    convert = CONVERTERS[kind_of(name, None)]
    return value if convert is None else convert(value, name)
