"""The weights and layers of a layer or model, as R asks for them."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from kerasbridge.errors import ArgumentError, did_you_mean
from kerasbridge.tensors import arrays
from kerasbridge.tensors.kinds import integer
from kerasbridge.tensors.shapes import described


def get(object: Any, trainable: bool | None) -> list[Any]:
    """The weights as R's arrays: all, or those that are trainable, or those that are not."""
    return [arrays.to_r(variable.numpy()) for variable in _variables(object, trainable)]


def put(object: Any, weights: Any) -> None:
    """New values for all weights, in their order."""
    variables = object.weights
    if not isinstance(weights, (list, tuple)) or len(weights) != len(variables):
        count = len(weights) if isinstance(weights, (list, tuple)) else 1
        raise ArgumentError(
            f"`weights` must be a list of {len(variables)} arrays, one for each weight of "
            f'"{object.name}": it has {count}.'
        )
    object.set_weights(
        [_fitting(given, variable) for given, variable in zip(weights, variables, strict=True)]
    )


def count(object: Any) -> int:
    """The number of elements of all weights."""
    return int(object.count_params())


def quantize(object: Any, mode: Any, options: dict[str, Any]) -> None:
    """Replace the weights by numbers of few bits."""
    if mode is None and "config" not in options:
        raise ArgumentError("Give `mode` or `config`.")
    object.quantize(mode, **options)


def reset(object: Any) -> None:
    """Forget what was seen: a metric, a layer, or all layers of a model that have a state.

    What a preprocessing layer has learnt from data is reset in its own name only.
    """
    if hasattr(object, "reset_state"):
        object.reset_state()
    elif isinstance(object, importlib.import_module("keras").Layer):
        for layer in object._flatten_layers(include_self=False):
            if hasattr(layer, "reset_state") and not hasattr(layer, "adapt"):
                layer.reset_state()
    else:
        raise ArgumentError(
            f"`object` must be a layer, a model or a metric, not {described(object)}."
        )


def _variables(object: Any, trainable: bool | None) -> Any:
    if trainable is None:
        return object.weights
    return object.trainable_weights if trainable else object.non_trainable_weights


def _fitting(given: Any, variable: Any) -> Any:
    """R has no scalars: one number stands for a weight with one element of any rank."""
    array = np.asarray(given)
    one = array.size == 1 and math.prod(variable.shape) == 1
    return array.reshape(variable.shape) if one else array


def layer(model: Any, name: str | None, index: Any) -> Any:
    """A layer by its name or its position, counted from 1, or from the last with a minus."""
    if (name is None) == (index is None):
        raise ArgumentError("Give either `name` or `index` of the layer.")
    return model.layers[_position(model, index if name is None else name, "index")]


def pop(model: Any, rebuild: bool) -> Any:
    """Take the last layer off a Sequential model."""
    if not isinstance(model, importlib.import_module("keras").Sequential):
        raise ArgumentError("Only a Sequential model has a last layer to take off.")
    if not model.layers:
        raise ArgumentError("The model has no layer to take off.")
    return model.pop(rebuild=rebuild)


def set_trainable(object: Any, trainable: bool, first: Any, last: Any, which: Any) -> None:
    """Freeze or unfreeze all of `object`, the layers from `first` to `last`, or those `which`."""
    if first is None and last is None and which is None:
        _set_trainable(object, trainable)
        return
    if which is None:
        start = 0 if first is None else _position(object, first, "from")
        end = len(object.layers) - 1 if last is None else _position(object, last, "to")
        chosen = set(range(start, end + 1))
    else:
        names = [which] if isinstance(which, (str, int, float)) else which
        chosen = {_position(object, name, "which") for name in names}
    before = [layer.trainable for layer in object.layers]
    object.trainable = True  # a frozen model hides its layers' own settings
    for position, layer in enumerate(object.layers):
        _set_trainable(layer, trainable if position in chosen else before[position])


def _set_trainable(layer: Any, value: bool) -> None:
    """TensorFlow's layers pass a value on to their own only when it is another than before."""
    if layer.trainable == value:
        layer.trainable = not value
    layer.trainable = value


def _position(model: Any, key: Any, name: str) -> int:
    layers = model.layers
    for position, layer in enumerate(layers):
        if layer is key:
            return position
    if isinstance(key, str):
        names = [layer.name for layer in layers]
        if key not in names:
            raise ArgumentError(f'The model has no layer "{key}".' + did_you_mean(key, names))
        return names.index(key)
    number = int(integer(key, name))
    if number == 0 or abs(number) > len(layers):
        raise ArgumentError(
            f"`{name}` counts layers from 1, or from the last with a minus: {number} is none of "
            f"the model's {len(layers)}."
        )
    return number - 1 if number > 0 else len(layers) + number


def state_tree(object: Any, value_format: str) -> Any:
    """The values of all variables, nested as the objects that hold them."""
    if value_format == "array":
        return arrays.to_r(object.get_state_tree(value_format="numpy_array"))
    return arrays.Kept(object.get_state_tree(value_format=value_format))


def set_state_tree(object: Any, tree: dict[str, Any]) -> None:
    """What :func:`state_tree` gave, put back."""
    object.set_state_tree(_fitting_tree(tree, object.get_state_tree()))


def _fitting_tree(tree: Any, variables: Any) -> Any:
    if isinstance(tree, dict):
        for key in tree:
            if key not in variables:
                raise ArgumentError(
                    f'`state_tree` has "{key}", and the object has nothing of that name.'
                    + did_you_mean(key, variables)
                )
        return {key: _fitting_tree(part, variables[key]) for key, part in tree.items()}
    return _fitting(tree, variables)
