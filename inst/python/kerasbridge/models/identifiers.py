"""Names that stand for objects of Keras: ``"relu"``, ``"adam"``, ``"mse"``; and misspelt ones."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from kerasbridge.errors import ArgumentError, did_you_mean

#: What a name may stand for -> the module of Keras that knows it.
_MODULES: Final = {
    "activation": "activations",
    "constraint": "constraints",
    "initializer": "initializers",
    "loss": "losses",
    "metric": "metrics",
    "optimizer": "optimizers",
    "regularizer": "regularizers",
}

#: Metrics whose function depends on the shapes that they meet.
_LATE: Final = ("accuracy", "acc", "crossentropy", "ce")

_UNKNOWN: Final = re.compile(r"Could not interpret (\w+)(?: function)? identifier: ([\w.]+)\.?$")


def check(what: str, name: Any, argument: str) -> None:
    """Refuse a string that is the name of no `what`, with the nearest one."""
    if not isinstance(name, str) or (what == "metric" and name in _LATE):
        return
    try:
        _module(what).get(name)
    except (ValueError, TypeError) as error:
        raise ArgumentError(
            f'`{argument}` must name a known {what}: "{name}" is none.'
            + did_you_mean(name, _known(what))
        ) from error


def suggesting(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call` with Keras's refusal of such a name in our words, with the nearest one."""

    def guard(*values: Any, **named: Any) -> Any:
        try:
            return call(*values, **named)
        except ValueError as error:
            found = _UNKNOWN.search(str(error))
            if found is None or found[1] not in _MODULES:
                raise
            what, name = found.groups()
            raise ArgumentError(
                f'"{name}" is no known {what}.' + did_you_mean(name, _known(what))
            ) from error

    return guard


def _module(what: str) -> Any:
    return importlib.import_module(f"keras.src.{_MODULES[what]}")


def _known(what: str) -> Iterable[str]:
    names = getattr(_module(what), "ALL_OBJECTS_DICT", {})
    return sorted(name for name in names if isinstance(name, str) and name.islower())
