"""The side of Keras in test-defaults.R."""

from __future__ import annotations

import inspect
import json
from typing import Any

from kerasbridge.tensors import kinds
from kerasbridge.wrappers import bindings

#: Names that count objects, and times.
_OF_THE_MOMENT = {"name", "_name", "_path", "_start", "_time_at_epoch_start"}


def is_class(name: str) -> bool:
    return inspect.isclass(bindings.target(bindings.signatures()[name].python))


def state(thing: Any) -> Any:
    """What an object was made with, without the name that counts objects."""
    try:
        found = thing.get_config()
    except (AttributeError, NotImplementedError, TypeError):
        found = vars(thing)
    found = {key: value for key, value in found.items() if key not in _OF_THE_MOMENT}
    return json.dumps(found, default=lambda value: type(value).__name__, sort_keys=True)


def default(name: str, required: dict[str, Any]) -> Any:
    """The state of Keras's object, made with nothing but what is required."""
    signature = bindings.signatures()[name]
    renamed = dict(signature.renamed)
    named = {renamed.get(key, key): value for key, value in required.items()}
    return state(bindings.target(signature.python)(**named))


def differing(name: str, defaults: dict[str, Any]) -> list[str]:
    """The defaults in R that are not Keras's once they are converted."""
    wrong = []
    for parameter in bindings.signatures()[name].parameters:
        if parameter.name not in defaults:
            continue
        value = defaults[parameter.name]
        convert = kinds.CONVERTERS[parameter.kind]
        if convert is not None and parameter.kind != "tensor":
            value = convert(value, parameter.name)
        if _plain(value) != _plain(parameter.default):
            wrong.append(f"{name}({parameter.name}): {value!r}, not {parameter.default!r}")
    return wrong


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value
