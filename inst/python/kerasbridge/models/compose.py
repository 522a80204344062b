"""Applying a layer to what the user piped into it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.sources import batches
from kerasbridge.tensors import arrays, frameworks
from kerasbridge.tensors.shapes import described, shape


def compose(object: Any, layer: Any, name: str) -> Any:
    """`layer` itself for no object, its output for tensors, ``None`` for a model it was added to.

    A Sequential model is changed in place: R has it, and need not be handed it again. A tensor,
    R data, or a list of these is what the layer is called with.
    """
    if object is None:
        return layer
    if _is_stack(object):
        object.add(layer)
        return None
    if isinstance(object, (bool, int, float, str)) or not _callable_on(object):
        raise ArgumentError(
            f"`object` of {name}() must be a Sequential model, a tensor or a list of tensors, "
            f"not {described(object)}. Name the arguments: {name}(units = …)."
        )
    return _call(layer, _data(layer, object, "object"))


def _is_stack(object: Any) -> bool:
    return isinstance(object, batches.keras().Sequential)


def _callable_on(object: Any) -> bool:
    if isinstance(object, (list, tuple)):
        return all(_callable_on(part) for part in object)
    if isinstance(object, dict):
        return all(_callable_on(part) for part in object.values())
    return frameworks.is_tensor(object) or isinstance(object, (int, float))


def call_layer(layer: Any, /, *inputs: Any, **options: Any) -> Any:
    """A layer or model called on tensors or R data, as in ``layer(x, training = TRUE)``.

    A Sequential model that a layer is called on gets it as its next, as in ``model |> layer()``.
    """
    if len(inputs) == 1 and frameworks.is_made(inputs[0]):
        return layer(inputs[0], **options)
    if len(inputs) == 1 and not options and _is_stack(inputs[0]):
        inputs[0].add(layer)
        return inputs[0]
    if inputs and inputs[0] is None:
        raise ArgumentError("`inputs` must be a tensor or R data, not NULL.")
    tensors = [None if part is None else _data(layer, part, "inputs") for part in inputs]
    return _call(layer, *tensors, **options)


def call_initializer(initializer: Any, sizes: Any, dtype: Any, options: dict[str, Any]) -> Any:
    """The values that an initializer gives to a tensor of these sizes."""
    return initializer(shape(sizes), dtype=dtype, **options)


def _call(layer: Any, *tensors: Any, **options: Any) -> Any:
    """A list alone is spread over a `call` that needs several tensors: a query and a value."""
    if len(tensors) == 1 and isinstance(tensors[0], list) and _needs(layer) > 1:
        tensors = tuple(tensors[0])
    return layer(*tensors, **options)


def _needs(layer: Any) -> int:
    """The number of arguments that the layer's `call` cannot do without."""
    parameters = inspect.signature(layer.call).parameters.values()
    return sum(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in parameters)


def _data(layer: Any, value: Any, name: str) -> Any:
    """R data as tensors; but with strings as arrays, for a layer that looks them up by itself."""
    if not (_holds_text(value) and _takes_text(layer)):
        # What a layer is called on has no other dtype to take than its own.
        alone = isinstance(value, (bool, int, float))
        return arrays.tensor_of(value, None, name) if alone else arrays.tensor(value, name)
    taken = batches.data(value, name)
    if all(isinstance(leaf, (np.ndarray, str)) for leaf in batches.leaves(taken)):
        return taken
    # TensorFlow's strings are tensors, and a layer takes tensors alone or none.
    return batches.keras().tree.map_structure(lambda leaf: arrays.tensor(leaf, name), taken)


def _takes_text(layer: Any) -> bool:
    if not getattr(layer, "_convert_input_args", True):
        return True
    return isinstance(layer, batches.keras().utils.FeatureSpace)


def _holds_text(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_text, value))
    if isinstance(value, dict):
        return any(map(_holds_text, value.values()))
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "OUST")
