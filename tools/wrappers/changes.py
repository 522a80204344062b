"""What another release of Keras, or another word of the catalog, changes in the wrappers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

#: Wrappers as ``signatures.json`` has them.
Signatures = dict[str, dict[str, Any]]


def table(before: Signatures, after: Signatures) -> str:
    """A line for each function that is new, changed or gone: its R name, Keras's, and how."""
    rows = [
        *(
            ("new", name, after[name]["python"], ", ".join(_parameters(after[name])))
            for name in sorted(set(after) - set(before))
        ),
        *(
            ("changed", name, after[name]["python"], "; ".join(how))
            for name in sorted(set(after) & set(before))
            if (how := list(_differences(before[name], after[name])))
        ),
        *(("gone", name, before[name]["python"], "") for name in sorted(set(before) - set(after))),
    ]
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    return "".join(
        "  ".join([*map(str.ljust, cells, widths), how]).rstrip() + "\n" for *cells, how in rows
    )


def _parameters(signature: dict[str, Any]) -> dict[str, str]:
    """Each parameter by its name, as what tells it from itself before."""
    return {name: _said(*rest) for name, *rest in signature["parameters"]}


def _said(kind: str, *default: Any) -> str:
    value, *mode = default or (None, "required")
    return f"{kind}, {mode[0] if mode else json.dumps(value)}"


def _differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    old, new = _parameters(before), _parameters(after)
    yield from (f"+ {name} ({new[name]})" for name in new if name not in old)
    yield from (f"- {name}" for name in old if name not in new)
    both = [name for name in new if name in old]
    yield from (f"{n} ({new[n]}; was {old[n]})" for n in both if new[n] != old[n])
    if both != [name for name in old if name in new]:
        yield "another order"
    for field in sorted({*before, *after} - {"parameters"}):
        if before.get(field) != after.get(field):
            yield f"{field} {json.dumps(after.get(field))}, was {json.dumps(before.get(field))}"
