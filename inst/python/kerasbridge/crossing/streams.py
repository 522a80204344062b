"""What Python prints, written by R.

R can be called only on the main thread, and Keras prints its progress on another one, which the
main thread may be waiting for. A write from another thread therefore never waits: its text is
left for the main thread, which writes it before its next own text or between two bytecodes.
"""

from __future__ import annotations

import ctypes
import queue
import re
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

#: What only a terminal understands: colours and the like, and going back in a line.
_OF_A_TERMINAL: Final = re.compile("[\x1b\b\r]")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_REWRITE: Final = re.compile("[\b\r]+")

Write = Callable[[str], object]


class Stream:
    """A text stream that hands what is written to `write`, on the main thread alone."""

    def __init__(self, write: Write, replaced: Any, tty: bool) -> None:
        self._write = write
        self._replaced = replaced
        self._tty = tty
        self._line = ""
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
        text = "".join(parts) if self._tty else self._plain("".join(parts))
        if text:
            self._write(text)

    def _plain(self, text: str) -> str:
        """What a terminal would be left with: no colours, and of a line its last state.

        Such a line waits for its end, in `_line`.
        """
        if not self._line and not _OF_A_TERMINAL.search(text):
            return text
        text = self._line + _COLOUR.sub("", text)
        *lines, self._line = _REWRITE.sub("\r", text).split("\n")
        shown = [_last_state(line) + "\n" for line in lines]
        if "\r" in self._line:
            self._line = "\r" + _last_state(self._line)
        else:
            shown.append(self._line)
            self._line = ""
        return "".join(shown)

    def isatty(self) -> bool:
        return self._tty

    def __getattr__(self, name: str) -> Any:
        return getattr(self._replaced, name)

    def _when_pending(self, _: Any) -> int:
        self.flush()
        return 0


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2].rstrip(" ") if "\r" in line else line


def install(write_stdout: Write, write_stderr: Write, tty: bool) -> None:
    """Let R write what Python prints from now on."""
    sys.stdout = Stream(write_stdout, sys.stdout, tty)
    sys.stderr = Stream(write_stderr, sys.stderr, tty)
