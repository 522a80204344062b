"""Write the wrappers: ``python -m tools.wrappers`` in the root of the project.

``--check`` writes nothing and fails when the committed output differs.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from tools.wrappers import catalog as catalogs
from tools.wrappers.describe import Wrapper, wrappers
from tools.wrappers.render import HEADER, render, render_family

_ROOT = Path(__file__).parents[2]


def output() -> dict[Path, str]:
    """Every generated file and its text."""
    catalog = catalogs.read()
    found = wrappers(catalog)
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
    texts[_ROOT / "inst/python/kerasbridge/signatures.json"] = _signatures(found)
    return texts


def _signatures(found: list[Wrapper]) -> str:
    """One wrapper a line, so that a change of one reads as one line."""
    lines = [f"{json.dumps(w.name)}: {json.dumps(w.as_json())}" for w in found]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(arguments: list[str]) -> int:
    try:
        texts = output()
    except catalogs.Incomplete as gap:
        print(gap, file=sys.stderr)
        return 1
    stale = set((_ROOT / "R").glob("wrap-*.R")) - set(texts)
    changed = [p for p, text in texts.items() if not p.exists() or p.read_text() != text]
    if "--check" in arguments:
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
