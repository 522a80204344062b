"""What a model is made of, for R to print and to draw."""

from __future__ import annotations

import inspect
from typing import Any, Final


def describe(model: Any) -> dict[str, Any]:
    """The model's name and class, its numbers of parameters, and its layers, nested ones too."""
    return {
        "name": str(model.name),
        "type": type(model).__name__,
        "parameters": _count(model.weights),
        "trainable": _count(model.trainable_weights),
        "layers": _rows(model, 0),
    }


def line(object: Any) -> str:
    """An object of Keras in one line of R: its class, its name, and how large it is or with what
    it was made."""
    shown, name = type(object).__name__, getattr(object, "name", None)
    if isinstance(name, str) and name != shown:
        shown += f' "{name}"'
    layers = _layers(object)
    parts = [] if layers is None else [_counted(len(layers), "layer")]
    if hasattr(object, "built") and hasattr(object, "count_params"):
        parts.append(
            _counted(_count(object.weights), "parameter") if object.built else "not built yet"
        )
    else:
        parts += _made_with(object)
    while parts and len(f"<{shown}: {', '.join(parts)}>") > _WIDTH:
        parts.pop()
    return f"<{shown}: {', '.join(parts)}>" if parts else f"<{shown}>"


#: Columns of the narrowest terminals.
_WIDTH: Final = 80


def _made_with(object: Any) -> list[str]:
    """The first number that it was made with, or what stands for one, and all that is not as by
    default."""
    try:
        config = object.get_config()
    except (AttributeError, NotImplementedError, TypeError):
        return []
    parts: list[str] = []
    numbers = 0
    for parameter in inspect.signature(type(object)).parameters.values():
        value = config.get(parameter.name)
        if parameter.name in ("name", "dtype") or not _is_shown(value):
            continue
        is_number = isinstance(value, int | float | dict) and not isinstance(value, bool)
        numbers += is_number
        if value != parameter.default or (is_number and numbers == 1):
            parts.append(f"{parameter.name} = {_in_r(value)}")
    return parts


def _is_shown(value: Any) -> bool:
    """Is it a single value, or another object of Keras in a configuration?"""
    return isinstance(value, bool | int | float | str) or (
        isinstance(value, dict) and "class_name" in value
    )


def _in_r(value: Any) -> str:
    if isinstance(value, dict):
        return f"<{value['class_name']}>"
    if isinstance(value, bool):
        return str(value).upper()
    return f'"{value}"' if isinstance(value, str) else f"{value:.7g}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _count(weights: Any) -> int:
    total = 0
    for weight in weights:
        size = 1
        for length in weight.shape:
            size *= int(length)
        total += size
    return total


def _layers(object: Any) -> list[Any] | None:
    """The layers of a model; a user's class may call another thing its `layers`."""
    layers = getattr(object, "layers", None)
    if not isinstance(layers, (list, tuple)):
        return None
    return list(layers) if all(hasattr(layer, "weights") for layer in layers) else None


def _rows(model: Any, depth: int) -> list[dict[str, Any]]:
    rows = []
    for layer in _layers(model) or []:
        output = getattr(layer, "output", None) if getattr(layer, "_inbound_nodes", None) else None
        shapes, dtypes = _outputs(output)
        rows.append(
            {
                "name": str(layer.name),
                "type": type(layer).__name__,
                "shape": shapes,
                "dtype": dtypes,
                "parameters": _count(layer.weights),
                "trainable": bool(layer.trainable),
                "depth": depth,
                "after": _before(model, layer),
            }
        )
        if _layers(layer):
            rows += _rows(layer, depth + 1)
    return rows


def _outputs(output: Any) -> tuple[str, str]:
    """The shape and dtype of what a layer gives, in R's words."""
    tensors = output if isinstance(output, (list, tuple)) else [output]
    if isinstance(output, dict):
        tensors = list(output.values())
    tensors = [tensor for tensor in tensors if hasattr(tensor, "shape")]
    shapes = [
        "(" + ", ".join("NA" if size is None else str(size) for size in tensor.shape) + ")"
        for tensor in tensors
    ]
    return ", ".join(shapes), ", ".join(dict.fromkeys(str(tensor.dtype) for tensor in tensors))


def _before(model: Any, layer: Any) -> list[str]:
    """The names of the layers of this model whose output this one takes."""
    inside = {id(other) for other in _layers(model) or []}
    names: dict[str, None] = {}
    for node in getattr(layer, "_inbound_nodes", ()):
        for parent in node.parent_nodes:
            if id(parent.operation) in inside:
                names[str(parent.operation.name)] = None
    return list(names)
