"""What the installed Keras offers: every public callable, its R name and its signature.

``python -m tools.wrappers.inventory [module-prefix]`` prints the list.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tools.wrappers.naming import r_name

CATALOG: Final = Path(__file__).parent / "catalog"

#: Modules that repeat what other modules hold under an older name.
LEGACY: Final = ("keras.legacy",)


@dataclass(frozen=True)
class Symbol:
    """One public Keras object under its preferred name, and every other name it has."""

    python: str
    object: Any
    aliases: tuple[str, ...] = ()


def public_names() -> dict[str, Any]:
    """Every public name of the installed Keras and the object behind it."""
    keras = importlib.import_module("keras")
    return dict(sorted(_walk(keras, "keras", set())))


def symbols() -> list[Symbol]:
    """The distinct public objects: names of one object are gathered under the preferred one."""
    by_object: dict[int, list[str]] = {}
    names = public_names()
    for name, value in names.items():
        by_object.setdefault(id(value), []).append(name)
    found = []
    for group in by_object.values():
        first, *rest = sorted(group, key=_preference)
        found.append(Symbol(first, names[first], tuple(rest)))
    return sorted(found, key=lambda symbol: symbol.python)


def name_exceptions() -> dict[str, str]:
    """``catalog/names.toml`` as one table: public Keras name -> R name."""
    tables = tomllib.loads((CATALOG / "names.toml").read_text())
    return {python: r for table in tables.values() for python, r in table.items()}


def r_name_of(symbol: Symbol, exceptions: dict[str, str]) -> str:
    """The R name of a symbol: an exception for any of its names, else what the rules give."""
    for name in (symbol.python, *symbol.aliases):
        if name in exceptions:
            return exceptions[name]
    return r_name(symbol.python)


def _preference(name: str) -> tuple[bool, bool, int, str]:
    """Sort key: a name whose R name has a family comes first, then the longer class name."""
    module, _, last = name.rpartition(".")
    return (r_name(name) == r_name(last), module.count(".") > 1, -len(last), name)


def _walk(module: ModuleType, path: str, seen: set[str]) -> Iterator[tuple[str, Any]]:
    seen.add(module.__name__)
    for name in dir(module):
        if name.startswith("_"):
            continue
        value = getattr(module, name)
        full = f"{path}.{name}"
        if full in LEGACY:
            continue
        if inspect.ismodule(value):
            public = value.__name__.startswith("keras.") and ".src" not in value.__name__
            if public and value.__name__ not in seen:
                yield from _walk(value, full, seen)
        else:
            yield full, value


def _print(prefix: str) -> None:
    exceptions = name_exceptions()
    for symbol in symbols():
        if not symbol.python.startswith(prefix):
            continue
        try:
            signature = str(inspect.signature(symbol.object))
        except (TypeError, ValueError):
            signature = ""
        also = f"  # also {', '.join(symbol.aliases)}" if symbol.aliases else ""
        print(f"{r_name_of(symbol, exceptions)} = {symbol.python}{signature}{also}")


if __name__ == "__main__":
    _print(sys.argv[1] if len(sys.argv) > 1 else "keras")
