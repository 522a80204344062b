"""Ctrl-C while Python works for R, as an ordinary event of that work.

Outside of such work the interrupt is R's, and an exception where Python runs. A training is not to
end between two lines of Keras, nor within a callback in R: while something listens, the signal is
only counted. It is met between two batches; a second one leaves at once.

The handler in C that is in force while something listens is Python's, which leaves R alone. It
sets a flag for the main thread, which may be busy in R, and writes a byte to a pipe, which a thread
reads at once. R's own interrupts and time limits are suspended meanwhile: R meets them anywhere,
also where it is about to be called, and would leave over Python's frames. R code that is made for
it allows them (``turns`` in ``train-progress.R``), and the thread does when a second Ctrl-C finds R
code that does not end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

from kerasbridge import platforms

#: Room for the platform's ``struct sigaction``, which is passed on as it is.
_ACTION_BYTES: Final = 512

#: Seconds between two looks at what R has been told without a signal, as by RStudio's button.
_LOOK: Final = 0.2

#: More interrupts than come.
_ANY: Final = 2**31


#: A mark for each call of R that Python is in, the last one innermost.
entered: list[object] = []


class Attention:
    """What one piece of work knows of the interrupts that were meant for it."""

    def __init__(self, patience: int = 1) -> None:
        #: Number of interrupts that only ask; the one after these leaves at once.
        self.patience = patience
        self.requests = 0
        #: Whether Python's code was left for it.
        self.left = False
        self._holding = False

    @property
    def leaving(self) -> bool:
        return self.requests > self.patience

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Work that must not be left in its middle; who leaves, leaves at its end."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        self.leave()

    @contextlib.contextmanager
    def letting_go(self) -> Iterator[None]:
        """A part of such work that may be left."""
        held, self._holding = self._holding, False
        try:
            yield
        finally:
            self._holding = held

    def close(self) -> None:
        """The work is over: what comes now is counted, and met by whoever began it."""
        self._holding = True

    def leave(self) -> None:
        """Leave at once, when that was asked for and can be done here."""
        if self.leaving and not self._holding:
            self.left = True
            raise KeyboardInterrupt


class _Signals:
    """The process's SIGINT: who listens, how often it came, and the handlers in C."""

    def __init__(self) -> None:
        self.listeners: list[Attention] = []
        #: How many calls of R hold the handler from before the work begins until after it, while
        #: arguments and results are converted; and what came then, which no work has met.
        self._held = 0
        self._unmet = Attention(patience=_ANY)
        self._previous: Callable[[int, FrameType | None], Any] | None = None
        self._action_of_python: Any = None
        self._action_of_r: Any = None
        self._lock = threading.RLock()
        self._by_thread = 0
        #: Whether an interrupt that was counted is now on its way through R.
        self._passed_to_r = False
        self._pending_in_r = _of_r("R_interrupts_pending")
        self._suspended_in_r = _of_r("R_interrupts_suspended")
        self._read = self._write = -1
        #: What was in force before: the descriptor that is written to, and R's mark.
        self._before = (-1, 0)

    def open(self) -> None:
        """Once, on the main thread: the pipe and its thread, and the handler in Python, which
        passes on what no one listens to."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        threading.Thread(target=self._watch, name="kerasbridge-interrupts", daemon=True).start()
        self._action_of_r = _sigaction()
        previous = signal.signal(signal.SIGINT, self._handle)
        self._previous = previous if callable(previous) else signal.default_int_handler
        self._action_of_python = _sigaction()
        _sigaction(self._action_of_r)

    @contextlib.contextmanager
    def listening(self, attention: Attention) -> Iterator[None]:
        if not self.hold():
            yield  # someone else's handler is in force, and stays
            return
        with self._lock:
            attention.requests += self._unmet.requests
            self._unmet.requests = 0
            self.listeners.append(attention)
        try:
            yield
        finally:
            with self._lock:
                self.listeners.pop().requests += self._drain() + self._told_to_r()
                self._by_thread = 0
                if self._passed_to_r:
                    self._set_pending_in_r(0)
            self.release()

    def hold(self) -> bool:
        """Take SIGINT over until :meth:`release`, unless someone else has."""
        if self._previous is None:
            self.open()
        elif signal.getsignal(signal.SIGINT) != self._handle:
            return False
        self._held += 1
        if self._held == 1:
            former = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
            self._before = (former, self._suspended_in_r.value)
            _sigaction(self._action_of_python)
            self._suspended_in_r.value = 1
            os.write(self._write, b"\0")  # the thread looks from now on
        return True

    def release(self) -> bool:
        """Give SIGINT back, and tell whether it came while no work was there to meet it."""
        if self._held > 1:
            self._held -= 1
            return False
        former, suspended = self._before
        _sigaction(self._action_of_r)
        signal.set_wakeup_fd(former)
        # What Python was still to handle it has, between two of these lines.
        with self._lock:
            came = self._unmet.requests + self._drain() + self._told_to_r()
            self._unmet.requests = self._by_thread = 0
            self._held = 0
            self._suspended_in_r.value = suspended
        return came > 0

    @property
    def _first(self) -> Attention | None:
        """Whose an interrupt is."""
        if self.listeners:
            return self.listeners[0]
        return self._unmet if self._held else None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """On the main thread, between two bytecodes."""
        first = self._first
        if first is not None:
            with self._lock:
                came = self._drain() or (0 if self._by_thread else 1)
                self._by_thread = 0
                self._set_pending_in_r(0)
                first.requests += came
            first.leave()
        elif self._previous is not None:
            # reticulate's, which does nothing where R has met the interrupt already.
            self._previous(number, frame)

    def _watch(self) -> None:
        waited: object = None
        passed = 0
        while True:
            select.select([self._read], [], [], _LOOK if self._held else None)
            with self._lock:
                came = self._drain()
                first = self._first
                if first is None:
                    waited, passed = None, 0
                    continue
                self._by_thread += came
                first.requests += came + self._told_to_r()
                # Python's own code leaves sooner. R may only leave within the function that Python
                # has called, which it is in when two looks find it in the same call.
                at = entered[-1] if first.leaving and entered else None
                if at is not None and at is waited and first.requests > passed:
                    passed = first.requests
                    self._passed_to_r = True
                    self._suspended_in_r.value = 0
                    self._pending_in_r.value = 1
                    self._until_r_has_met_it()
                waited = at

    def _until_r_has_met_it(self) -> None:
        for _ in range(200):
            if not self._pending_in_r.value:
                break
            time.sleep(0.0005)
        self._suspended_in_r.value = 1

    def met_in_r(self) -> bool:
        """R code was interrupted; whether it has to be left."""
        with self._lock:
            if not self.listeners:
                return True
            if not self._passed_to_r:
                self.listeners[0].requests += 1
            self._passed_to_r = False
            return self.listeners[0].leaving

    def _drain(self) -> int:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._read, 4096).count(signal.SIGINT)
        return 0

    def _told_to_r(self) -> int:
        """How many interrupts came to R without a signal; they are R's no more."""
        if not self._pending_in_r.value or self._passed_to_r:
            return 0
        self._set_pending_in_r(0)
        return 1

    def _set_pending_in_r(self, value: int) -> None:
        self._pending_in_r.value = value
        if not value:
            self._passed_to_r = False


def _of_r(name: str) -> ctypes.c_int:
    """One of R's marks; in a process without R, a mark that nobody reads."""
    with contextlib.suppress(ValueError, TypeError, OSError):
        return ctypes.c_int.in_dll(ctypes.CDLL(None), name)
    return ctypes.c_int(0)


def _sigaction(action: Any = None) -> Any:
    """Set what the platform does at a SIGINT, or tell what it does."""
    told = ctypes.create_string_buffer(_ACTION_BYTES)
    ctypes.CDLL(None).sigaction(int(signal.SIGINT), action, None if action else told)
    return told


_signals = _Signals() if platforms.is_posix() else None


@contextlib.contextmanager
def listening(attention: Attention) -> Iterator[None]:
    """Interrupts are `attention`'s, or those of the work that this one is a part of.

    Where signals do not work so (Windows, another thread than the main one), an interrupt is the
    ``KeyboardInterrupt`` that it always was.
    """
    if _signals is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if _signals.listeners:
        _signals.listeners.append(attention)
        try:
            yield
        finally:
            _signals.listeners.remove(attention)
        return
    with _signals.listening(attention):
        try:
            yield
        finally:
            attention.close()


@contextlib.contextmanager
def staying() -> Iterator[None]:
    """Work that was left is interrupted, whatever native code that was left with it says: it knows
    no interrupt, and may make an error of its own of it. Python's code may do so on purpose."""
    try:
        yield
    except Exception as error:
        first = _signals.listeners[0] if _signals is not None and _signals.listeners else None
        if first is None or not first.left or _comes_from_interrupt(error):
            raise
        raise KeyboardInterrupt from error


def _comes_from_interrupt(error: BaseException) -> bool:
    """Was it raised while an interrupt was handled, whatever its cause is said to be?"""
    context = error.__context__
    return context is not None and (
        isinstance(context, KeyboardInterrupt) or _comes_from_interrupt(context)
    )


def is_part(attention: Attention) -> bool:
    """Whether the work that `attention` belongs to is a part of other work."""
    return _signals is not None and attention in _signals.listeners[1:]


def met_in_r() -> bool:
    """For R's handler of interrupts: whether R code under Python is left, or goes on."""
    return True if _signals is None else _signals.met_in_r()


def ask_again() -> None:
    """An interrupt was lost on its way through Python: it is due again, as R's."""
    _of_r("R_interrupts_pending").value = 1


def hold() -> bool:
    """For R, before it calls something that listens: interrupts are no longer R's."""
    return _signals is not None and _signals.hold()


def release() -> bool:
    """For R, once it has the result: interrupts are R's, and whether one of them is still due."""
    return _signals is not None and _signals.release()
