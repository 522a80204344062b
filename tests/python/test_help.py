"""Help pages: what each says, and under which of Keras's names it is found."""

from __future__ import annotations

import operator
import re

import keras
import pytest

from tools import links

PAGES = {path[len("man/") : -len(".Rd")]: text for path, text in links.read("man/*.Rd")}

#: Pages of Rd that document no object of their own.
_INDEXES = {
    name
    for name, text in PAGES.items()
    if r"\keyword{internal}" in text or (r"\usage{" not in text and r"\tabular{lll}" in text)
}

#: Pages of what is this package's alone, or of a framework: no object of Keras is behind them.
_OWN = set(
    """active_property as_dataset can_run_keras dataset_batch dataset_collect dataset_from
    dataset_from_function dataset_map dataset_prepare dataset_shuffle datasets destructure
    grapes-py_class-grapes install_keras keras3-names kerasbridge_interrupts kerasbridge_options
    kerasbridge_sitrep kerasbridge_workers launch memory_in_use output_types py_help record_specs
    shape skip_if_no_keras stored_r_source subset-tensors tensorboard tf_function
    until_out_of_range with_backend""".split()
)


def section(text: str, name: str) -> str:
    found = re.search(rf"^\\{name}\{{\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


@pytest.mark.parametrize("part", ["value", "examples"])
def test_every_page_has_a_value_and_examples(part):
    assert len(_INDEXES) < len(PAGES) / 10
    lacking = {name for name, text in PAGES.items() if not section(text, part)}
    assert lacking <= _INDEXES


def test_every_page_links_what_it_stands_for_in_keras_and_is_found_under_that_name():
    for page in sorted(PAGES.keys() - _INDEXES - _OWN):
        linked = re.findall(r"\\code\{(keras[\w.]*)\}", section(PAGES[page], "source"))
        found = re.findall(r"^\\concept\{(keras(?:\.[\w.]+)?)\}$", PAGES[page], re.MULTILINE)
        assert linked, page
        assert sorted(linked) == sorted(found), page
        for name in linked:
            _, _, within = name.partition(".")
            assert not within or operator.attrgetter(within)(keras) is not None, name


def test_the_pages_without_an_object_of_keras_name_none():
    assert not _OWN - PAGES.keys()
    assert not {page for page in _OWN if re.search(r"^\\concept\{keras\.", PAGES[page], re.M)}


def test_layers_tell_shapes():
    layers = [page for page in PAGES if page.startswith(("layer_", "rnn_cell"))]
    assert len(layers) > 100
    assert not [page for page in layers if "shape" not in PAGES[page].lower()]
