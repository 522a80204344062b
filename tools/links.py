"""The links that readers are given, and where: `python -m tools.links` lists the addresses."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

#: What is read, or says something to its reader while it runs.
_READ: Final = (
    "DESCRIPTION *.md man/*.Rd vignettes/**/*.Rmd docs/*.md inst/C* inst/python/**/*.py "
    "inst/view/* tools/docker/*"
)

_ADDRESS: Final = re.compile(r"\bhttps?://[^\s<>\"'`)\]}\\]+")

#: A name, not an address.
_NAMES: Final = frozenset({"http://www.w3.org/2000/svg"})

_MARKDOWN: Final = re.compile(r"\[[^]]*\]\(([^)\s%]+)\)|<img src=\"([^\"]+)\"")

_VIGNETTE: Final = re.compile(r"\bvignette\(\"([^\"]+)\"")


def read(places: str = _READ) -> Iterator[tuple[str, str]]:
    """Each file among `places`, by its path from the root, and its text."""
    for place in places.split():
        for path in sorted(ROOT.glob(place)):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def addresses() -> dict[str, list[str]]:
    """Each address on the web, and the files that have it. A host without a dot is this machine."""
    found: dict[str, list[str]] = {}
    for file, text in read():
        for match in _ADDRESS.finditer(text):
            address = match.group().rstrip(".,;:")
            if address not in _NAMES and "." in address.split("/")[2]:
                found.setdefault(address, []).append(file)
    return found


def within() -> Iterator[tuple[str, str]]:
    """A file in Markdown, and a link of its own to another place of the project."""
    for file, text in read("*.md docs/*.md vignettes/**/*.Rmd"):
        for match in _MARKDOWN.finditer(text):
            link = match.group(1) or match.group(2)
            if "://" not in link and not link.startswith("mailto:"):
                yield file, link


def vignettes() -> Iterator[tuple[str, str]]:
    """A file, and a vignette that it has its reader open."""
    for file, text in read(f"{_READ} R/*.R"):
        for match in _VIGNETTE.finditer(text):
            yield file, match.group(1)


if __name__ == "__main__":
    for address, files in sorted(addresses().items()):
        sys.stdout.write(f"{address}\t{files[0]}\n")
