"""Frameworks at full speed inside R, and without what they say at their start.

R loads its own BLAS globally, and a library loaded later takes BLAS's symbols from there: torch
then multiplies matrices with R's reference BLAS, several times slower than with its own. Under
``RTLD_DEEPBIND`` a library prefers its own symbols. :func:`install` arranges that for the time
of torch's import alone, whoever imports it.

TensorFlow's libraries write lines to the console when they are loaded and whenever an operation
fails, whose error says the same. Who sets ``TF_CPP_MIN_LOG_LEVEL`` to 0 or 1 gets them.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

from kerasbridge import platforms

#: Modules whose libraries carry a BLAS of their own under BLAS's own names.
DEEPLY_BOUND: Final = frozenset({"torch"})

#: Modules whose libraries write to the console when they are loaded.
TALKATIVE: Final = frozenset({"tensorflow"})

#: What these lines look like: of absl, before and after it is set up, and what belongs to them.
_TALK: Final = re.compile(
    rb"^(?:WARNING: All log messages before absl|[IWE]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] |"
    rb"To enable the following instructions)"
)

#: Modules that were imported with their own symbols first.
bound: set[str] = set()


class _Loader(importlib.abc.Loader):
    """Runs a module's own loader, as its libraries need it."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        with _deeply_bound(name), _quiet(name in TALKATIVE and not _asked()):
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)


@contextmanager
def _deeply_bound(name: str) -> Iterator[None]:
    """``RTLD_DEEPBIND`` among the flags of `dlopen`, for a module that needs it."""
    if name not in DEEPLY_BOUND:
        yield
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        yield
        bound.add(name)
    finally:
        sys.setdlopenflags(flags)


def _asked() -> bool:
    return os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")


@contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    """What libraries write to the error stream is held, and only what is no log line passes."""
    if not wanted:
        yield
        return
    real = os.dup(2)
    failed = True
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
            failed = False
        finally:
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held:
                if failed or not _TALK.match(line):
                    os.write(2, line)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of both sets as the other finders do, with our loader."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in DEEPLY_BOUND | TALKATIVE:
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
    # JAX logs what ends a function that it calls back, which comes out of the call as well.
    logging.getLogger("jax._src.callback").addFilter(lambda record: record.exc_info is None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not _asked():
        # Of retracing, of devices: nothing that a user of R can act on.
        logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
    installed = any(isinstance(finder, _Finder) for finder in sys.meta_path)
    if platforms.mixes_libraries() and not installed:
        sys.meta_path.insert(0, _Finder())
