"""The catalog: what people have written about each function and each parameter."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "catalog"

#: Files of the catalog that hold no descriptions.
_OTHERS: Final = {"names.toml", "common.toml"}

#: What R's manual has room for.
_EXAMPLE_WIDTH: Final = 100


class Incomplete(Exception):
    """Something that Keras has and the catalog does not describe."""


@dataclass(frozen=True)
class Entry:
    """What is written about one function.

    `order` has the formals that come first, `named` those that come after ``...``; all others
    are where Keras has them. `renamed` gives R another name for a parameter of Python's, and
    `composed` for what a layer is applied to.
    """

    name: str
    title: str
    description: str
    example: str = ""
    value: str = ""
    notes: str = ""
    shapes: str = ""
    family: str = ""
    result: str | list[str] = "tensor"
    kinds: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    composed: str = ""


@dataclass(frozen=True)
class Catalog:
    """All of the catalog's files, read once."""

    entries: dict[str, Entry]
    excluded: dict[str, str]
    handwritten: dict[str, str]
    shared: dict[str, dict[str, str]]
    common: dict[str, str]
    family: dict[str, str]

    def text(self, function: str, *names: str) -> str:
        """The description of a parameter: the function's own, its file's, or the common one.

        A parameter may be described under its R name or its Python name.
        """
        own = self.entries[function].params
        for texts in (own, self.shared[self.family[function]], self.common):
            for name in names:
                if name in texts:
                    return texts[name]
        raise Incomplete(f"{function}(): the parameter `{names[0]}` has no description.")


def read() -> Catalog:
    """Read every file of the catalog; a name described twice is an error."""
    entries: dict[str, Entry] = {}
    excluded: dict[str, str] = {}
    handwritten: dict[str, str] = {}
    shared: dict[str, dict[str, str]] = {}
    family: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        if path.name in _OTHERS:
            continue
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        shared[path.stem] = tables.pop("parameters", {})
        excluded |= tables.pop("excluded", {})
        handwritten |= tables.pop("handwritten", {})
        for name, table in tables.items():
            if name in entries:
                raise Incomplete(f"{name} is described twice: {family[name]} and {path.stem}.")
            entries[name] = Entry(name=name, **table)
            if any(len(line) > _EXAMPLE_WIDTH for line in entries[name].example.splitlines()):
                raise Incomplete(f"{name}: a line of the example is cut off in R's manual.")
            family[name] = path.stem
    common = tomllib.loads((FOLDER / "common.toml").read_text(encoding="utf-8"))
    return Catalog(entries, excluded, handwritten, shared, common, family)
