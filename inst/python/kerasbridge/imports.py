"""Frameworks at full speed inside R.

R loads its own BLAS globally, and a library loaded later takes BLAS's symbols from there: torch
then multiplies matrices with R's reference BLAS, several times slower than with its own. Under
``RTLD_DEEPBIND`` a library prefers its own symbols. :func:`install` arranges that for the time
of torch's import alone, whoever imports it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

#: Modules whose libraries carry a BLAS of their own under BLAS's own names.
DEEPLY_BOUND: Final = frozenset({"torch"})

#: Modules that were imported with their own symbols first.
bound: set[str] = set()


class _Loader(importlib.abc.Loader):
    """Runs a module's own loader with ``RTLD_DEEPBIND`` among the flags of `dlopen`."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        flags = sys.getdlopenflags()
        sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
        try:
            self._loader.exec_module(module)
            bound.add(module.__name__)
        finally:
            sys.setdlopenflags(flags)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of :data:`DEEPLY_BOUND` as the other finders do, with our loader."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in DEEPLY_BOUND:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def locate_headers() -> None:
    """Let `sysconfig` know where Python's headers are: torch compiles against them.

    Embedded in R, Python takes a virtual environment for the installation itself.
    """
    settings = Path(sys.prefix, "pyvenv.cfg")
    if sys.prefix != sys.base_prefix or not settings.exists():
        return
    home = re.search(r"(?m)^home\s*=\s*(.+?)\s*$", settings.read_text(encoding="utf-8"))
    if home is not None:
        base = str(Path(home[1]).parent)
        sysconfig.get_config_vars().update(installed_base=base, installed_platbase=base)


def install() -> None:
    """Arrange for the imports to come; on Linux, once, and not for what is loaded already."""
    locate_headers()
    if sys.platform != "linux" or any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
