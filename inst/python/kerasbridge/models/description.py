"""What a model is made of, for R to print and to draw."""

from __future__ import annotations

from typing import Any


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
    """An object of Keras in one line: its class, its name, and how large it is."""
    name = getattr(object, "name", None)
    shown = type(object).__name__ + (f' "{name}"' if isinstance(name, str) else "")
    layers = getattr(object, "layers", None)
    parts = [] if layers is None else [_counted(len(layers), "layer")]
    if hasattr(object, "built") and hasattr(object, "weights"):
        parts.append(
            _counted(_count(object.weights), "parameter") if object.built else "not built yet"
        )
    return f"<{shown}: {', '.join(parts)}>" if parts else f"<{shown}>"


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


def _rows(model: Any, depth: int) -> list[dict[str, Any]]:
    rows = []
    for layer in model.layers:
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
        if getattr(layer, "layers", None):
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
    inside = {id(other) for other in model.layers}
    names: dict[str, None] = {}
    for node in getattr(layer, "_inbound_nodes", ()):
        for parent in node.parent_nodes:
            if id(parent.operation) in inside:
                names[str(parent.operation.name)] = None
    return list(names)
