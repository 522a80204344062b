"""Torch is imported with its own BLAS first, whoever imports it."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has RTLD_DEEPBIND")

IMPORTERS = {
    "the shim": "from kerasbridge.tensors import frameworks; frameworks.named('torch').library()",
    "Keras": "import keras; assert keras.backend.backend() == 'torch'",
    "the user": "import torch",
}

IMPORT = """
import sys
from kerasbridge import imports
imports.install()
imports.install()
flags = sys.getdlopenflags()
{importer}
assert imports.bound == {{"torch"}}, imports.bound
assert sys.getdlopenflags() == flags
assert "torch" in sys.modules
print(sum(type(finder) is imports._Finder for finder in sys.meta_path))
"""


@pytest.mark.parametrize("importer", IMPORTERS)
def test_torch_is_bound_deeply_by(python, importer):
    script = IMPORT.format(importer=IMPORTERS[importer])
    assert python(script, KERAS_BACKEND="torch").splitlines()[-1] == "1"


STAND_IN = """
import os, sys
sys.path.insert(0, {folder!r})
from kerasbridge import imports
imports.install()
flags = sys.getdlopenflags()
try:
    import torch
except ImportError:
    print("failed")
import colorsys
print(sys.getdlopenflags() == flags, sorted(imports.bound))
"""


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("print(bool(sys.getdlopenflags() & os.RTLD_DEEPBIND))", ["True", "True ['torch']"]),
        ("raise ImportError", ["failed", "True []"]),
    ],
)
def test_only_its_import_has_the_flag(python, tmp_path, source, printed):
    (tmp_path / "torch.py").write_text(f"import os, sys\n{source}\n")
    assert python(STAND_IN.format(folder=str(tmp_path))).splitlines() == printed


def test_what_is_not_installed_is_not_found(python):
    script = """
import sys
from kerasbridge import imports
imports.install()
sys.path[:] = []
try:
    import torch
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert python(script) == "torch"
