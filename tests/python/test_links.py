"""Every address is one that a browser opens at once, and each link of our own leads somewhere."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from tools.links import ROOT, addresses, read, vignettes, within
from tools.wrappers.describe import FAMILIES_AT, page_of

#: Where addresses have moved for good, by how they begin.
MOVED = (
    "https://dx.doi.org/",
    "https://keras.rstudio.com/",
    "https://pytorch.org/docs/",
    "https://tensorflow.org/",
    "https://www.arxiv.org/",
)

SIGNATURES = json.loads((ROOT / "inst/python/kerasbridge/signatures.json").read_text())


def test_addresses_are_well_formed_and_have_not_moved() -> None:
    found = addresses()
    assert "https://arxiv.org/abs/2106.09685" in found
    wrong = {
        address: files
        for address, files in found.items()
        if not re.fullmatch(r"https://([a-z0-9-]+\.)+[a-z]{2,}(/[\w./~%#?=&:+,;@-]*)?", address)
        or address.startswith(MOVED)
        or urlsplit(address).path.count("//")
    }
    assert wrong == {}


def pages_of_concepts() -> set[str]:
    """The pages of the objects by whose names help is found; a method is on its class's page."""
    found = set()
    for _, text in read("man/*.Rd"):
        for name in re.findall(r"^\\concept\{(keras[\w.]*)\}$", text, re.MULTILINE):
            owner, _, member = name.rpartition(".")
            found |= {page_of(name), page_of(owner), f"{page_of(owner)}#{member}"}
    return found


def test_links_to_keras_are_those_of_its_objects() -> None:
    objects = {page_of(entry["python"]) for entry in SIGNATURES.values()} | pages_of_concepts()
    others = {
        address
        for address in addresses()
        if "keras" in address
        and urlsplit(address).netloc in ("keras.io", "www.tensorflow.org")
        and address not in objects
        and not re.fullmatch(rf"{re.escape(FAMILIES_AT)}([a-z0-9_]+/)*", address)
    }
    assert others == {"https://keras.io/"}


def anchors(path: str) -> set[str]:
    """The places of a document in Markdown that can be linked to: its headings."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(file: str, link: str) -> bool:
    parts = urlsplit(link)
    if file.startswith("vignettes/"):
        # Articles are pages beside each other on the site. A vignette is read without it.
        name = parts.path.removesuffix(".html")
        folders = ("vignettes", "vignettes/articles") if "/articles/" in file else ()
        return any((ROOT / folder / f"{name}.Rmd").exists() for folder in folders)
    target = ROOT / file if not parts.path else (ROOT / file).parent / parts.path
    if not target.exists():
        return False
    return not parts.fragment or parts.fragment in anchors(str(target.relative_to(ROOT)))


def test_links_within_the_project_lead_somewhere() -> None:
    found = list(within())
    assert ("README.md", "vignettes/articles/data.Rmd") in found
    assert [link for link in found if not leads_somewhere(*link)] == []


def test_vignettes_that_are_named_are_in_the_package() -> None:
    found = list(vignettes())
    assert ("vignettes/getting-started.Rmd", "install") in found
    there = {path.stem for path in (ROOT / "vignettes").glob("*.Rmd")}
    assert [(file, name) for file, name in found if name not in there] == []
