"""What differs from one platform to another, and how this one does it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any


def system() -> str:
    """``linux``, ``darwin``, ``win32`` or another, as Python names it."""
    return sys.platform


def is_posix() -> bool:
    """Have processes signals, and can one be asked for by its number without being ended?"""
    return os.name == "posix"


def c_function(name: str) -> Any:
    """A function of the C library that this process runs on; ``None`` where it lacks that."""
    return getattr(ctypes.CDLL(None), name, None) if is_posix() else None


def waking_signal() -> int | None:
    """A signal that is ignored by default, and used by neither R nor Python. Windows has none."""
    return getattr(signal, "SIGURG", None)


def mixes_libraries() -> bool:
    """Does a library loaded later get what it calls from those loaded before, as on Linux?

    macOS has namespaces for them, and Windows's libraries name the one that they want.
    """
    return system() == "linux"
