"""A forked copy of the process, as `parallel::mclapply()` makes it, must not use a framework.

Of the threads that TensorFlow, JAX and PyTorch work with, a copy has none: it would wait for them
for ever. The door's C file is told by the system that R's process has been copied, and asks Python
to look, at whatever runs next, that no code of a framework is entered. Children that Python forks,
such as PyTorch's data loaders, know what they do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import warnings
from types import FrameType
from typing import Any, Final

from kerasbridge.errors import ForkError

_FRAMEWORKS: Final = ("jax", "jaxlib", "tensorflow", "torch", "keras.src.backend.torch")

_MESSAGE: Final = (
    "This R process is a forked copy, as parallel::mclapply() and multicore futures make it, of "
    "one in which {} was at work. Its threads are not copied, so it cannot be used here. Use "
    "processes that start anew: parallel::makePSOCKcluster(), future::multisession or callr."
)


def _in_child(forked_by_r: Any) -> int:
    if forked_by_r or not _by_python:
        sys.setprofile(_refuse)
    return 0


#: Called by Python when the copy runs its first code.
_pending: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_in_child)
_by_python: Final[list[int]] = []


def addresses() -> list[float]:
    """Where C finds what it needs of Python, in the order of its ``python``."""
    api = ctypes.pythonapi
    functions = (
        api.Py_AddPendingCall,
        _pending,
        api.PyGILState_Check,
        api.PyGILState_Ensure,
        api.PyGILState_Release,
        api.PyOS_BeforeFork,
        api.PyOS_AfterFork_Parent,
        api.PyOS_AfterFork_Child,
    )
    found = [ctypes.cast(function, ctypes.c_void_p).value for function in functions]
    return [float(address or 0) for address in found]


def install() -> None:
    # JAX's warning speaks of Python's fork; what is refused in the copy says more.
    warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _by_python.append(os.getpid()))


def _watch_again() -> None:
    """Python takes a profile function away that raises: a timer puts it back once it has."""
    signal.signal(signal.SIGALRM, lambda number, frame: sys.setprofile(_refuse))
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 0.002)


def _refuse(frame: FrameType, event: str, argument: Any) -> None:
    if event == "call":
        module = frame.f_globals.get("__name__")
    elif event == "c_call":
        # the method of a tensor that is written in C has no module, but its tensor has
        owner = type(getattr(argument, "__self__", None))
        module = getattr(argument, "__module__", None) or owner.__module__
    else:
        return
    name = str(module)
    for framework in _FRAMEWORKS:
        if name == framework or name.startswith(f"{framework}."):
            _watch_again()
            raise ForkError(_MESSAGE.format(framework.rpartition(".")[2]))
