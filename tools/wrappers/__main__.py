"""Write the wrappers: ``python -m tools.wrappers`` in the root of the project.

What this changes in them comes first, as a table, and then all that the catalog lacks: with a new
release of Keras, what is new, changed or gone, and what there is to describe. ``--check`` writes
nothing and fails when the committed output differs.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from tools.wrappers import catalog as catalogs
from tools.wrappers.changes import table
from tools.wrappers.describe import Wrapper, survey
from tools.wrappers.render import HEADER, render, render_family, undescribed

_ROOT = Path(__file__).parents[2]
_SIGNATURES = _ROOT / "inst/python/kerasbridge/signatures.json"


def output(found: list[Wrapper], catalog: catalogs.Catalog) -> dict[Path, str]:
    """Every generated file and its text."""
    version = str(importlib.import_module("keras").__version__)
    files: dict[str, list[Wrapper]] = {}
    for wrapper in found:
        files.setdefault(wrapper.file, []).append(wrapper)
    texts = {
        _ROOT / "R" / f"wrap-{file}.R": HEADER.format(version=version)
        + "\n"
        + "\n".join(render(wrapper, catalog) for wrapper in group)
        for file, group in files.items()
    }
    families: dict[str, list[Wrapper]] = {}
    for wrapper in found:
        families.setdefault(wrapper.family, []).append(wrapper)
    texts[_ROOT / "R" / "wrap-families.R"] = HEADER.format(version=version) + "".join(
        f"\n{render_family(family, group, catalog)}" for family, group in sorted(families.items())
    )
    texts[_SIGNATURES] = _signatures(found)
    return texts


def _signatures(found: list[Wrapper]) -> str:
    """One wrapper a line, so that a change of one reads as one line."""
    lines = [f'"{w.name}":{json.dumps(w.as_json(), separators=(",", ":"))}' for w in found]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    try:
        catalog = catalogs.read()
    except catalogs.Incomplete as gap:
        print(gap, file=sys.stderr)
        return 1
    found = survey(catalog)
    if not check:
        before = json.loads(_SIGNATURES.read_text(encoding="utf-8"))
        print(table(before, json.loads(_signatures(found.wrappers))), end="")
    gaps = list(found.gaps)
    for wrapper in found.wrappers:
        if wrapper.name in catalog.entries:
            gaps += undescribed(wrapper, catalog)
    if gaps:
        print("\n".join(gaps), file=sys.stderr)
        return 1
    texts = output(found.wrappers, catalog)
    stale = set((_ROOT / "R").glob("wrap-*.R")) - set(texts)
    changed = [p for p, text in texts.items() if not p.exists() or p.read_text() != text]
    if check:
        for path in sorted({*stale, *changed}):
            print(f"not what the generator writes: {path.relative_to(_ROOT)}", file=sys.stderr)
        return int(bool(stale or changed))
    for path in stale:
        path.unlink()
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    print(f"{len(changed)} of {len(texts)} files written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
