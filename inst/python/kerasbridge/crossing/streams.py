"""What Python prints, written by R.

R can be called only on the main thread, and Keras prints its progress on another one, which the
main thread may be waiting for. A write from another thread therefore never waits: its text is
left for the main thread, which writes it before its next own text or between two bytecodes.
"""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

Write = Callable[[str], object]


class Stream:
    """A text stream that hands what is written to `write`, on the main thread alone."""

    def __init__(self, write: Write, replaced: Any, tty: bool) -> None:
        self._write = write
        self._replaced = replaced
        self._tty = tty
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._pending = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self._when_pending)

    def write(self, text: str) -> int:
        if text:
            self._waiting.put(text)
            if threading.current_thread() is threading.main_thread():
                self.flush()
            else:
                # A full queue of calls refuses; the text then waits for the next write.
                ctypes.pythonapi.Py_AddPendingCall(self._pending, None)
        return len(text)

    def flush(self) -> None:
        """Write what waits; on another thread, leave it waiting."""
        if threading.current_thread() is not threading.main_thread():
            return
        parts = []
        while not self._waiting.empty():
            parts.append(self._waiting.get())
        if parts:
            self._write("".join(parts))

    def isatty(self) -> bool:
        return self._tty

    def __getattr__(self, name: str) -> Any:
        return getattr(self._replaced, name)

    def _when_pending(self, _: Any) -> int:
        self.flush()
        return 0


def install(write_stdout: Write, write_stderr: Write, tty: bool) -> None:
    """Let R write what Python prints from now on."""
    sys.stdout = Stream(write_stdout, sys.stdout, tty)
    sys.stderr = Stream(write_stderr, sys.stderr, tty)
