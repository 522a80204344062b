"""When R is to collect what it has let go of in Python.

R's collector starts when R's own memory fills. A tensor is a few hundred bytes there, whatever it
weighs in Python: a loop that makes one after the other fills the machine before R looks once.
A thread therefore reads what is in use, seldom while there is room and often when it runs out.
Once more than a threshold has come in since the last collection, R's main thread collects, at the
next step that it takes in Python. No call pays for this, be it one of the package's or of
reticulate's alone, and whatever holds the memory is seen: tensors, models, tapes, graphs.

A collection is quick, of what R made lately, which most often is what has piled up. A thorough one,
of all of R and, for the cycles that models are, of all of Python, takes the longer the more there
is: it comes when a quick one has left too much, and else so seldom that it takes a twentieth of
the time at most. What even that does not free is needed: the threshold doubles, and falls back once
collecting helps again.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from kerasbridge.memory import gauges, kept
from kerasbridge.memory.gauges import Gauge

#: Seconds from one look to the next, and from one look at what is free to the next.
_SOONEST: Final = 0.005
_LATEST: Final = 0.25
_FREE: Final = 1.0

#: What may come in by default: this fraction of what is free, but not less than that, and no more
#: than the gauge says is enough.
_FRACTION: Final = 1 / 16
_LOWEST: Final = 64 * 2**20

#: The threshold of a memory of which nobody says how much is free.
_UNKNOWN: Final = 1024 * 2**20

#: After how many bytes the option is read anew.
_ASK: Final = 64 * 2**20

#: How long ago, in multiples of what it took, the last thorough collection must be for one that
#: would do good, and for one that just comes along; and how many thresholds may gather meanwhile.
_NEEDED: Final = 4
_DUE: Final = 20
_GATHERED: Final = 4


class Account:
    """One gauge: what was in use after the last collection, and what may come in since."""

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge
        self.used = self.mark = self.floor = self.asked = gauge.used()
        self.free = gauge.free()
        self.option: float | None = None
        self.factor = 1

    @property
    def allowed(self) -> float:
        """The threshold. Raised by what is really needed, it still leaves half of what is free."""
        if self.option is None:
            share = _UNKNOWN if self.free is None else self.free * _FRACTION
            base = min(max(share, _LOWEST), self.gauge.enough)
        else:
            base = self.option
        most = math.inf if self.free is None else self.free / 2
        return max(base, min(base * self.factor, most))

    @property
    def grown(self) -> int:
        """What has come in since the last collection."""
        return self.used - self.mark

    @property
    def gathered(self) -> int:
        """What quick collections have left since the last thorough one."""
        return self.used - self.floor

    @property
    def unasked(self) -> int:
        """What has come in since the option was read."""
        return self.used - self.asked

    def read(self) -> None:
        """What is in use now; what has gone without a collection is taken off."""
        self.used = used = self.gauge.used()
        self.mark, self.floor = min(self.mark, used), min(self.floor, used)
        self.asked = min(self.asked, used)

    def settle(self, before: int, thorough: bool) -> None:
        """After a collection, before which so many bytes had come in."""
        if self.grown <= before / 2:
            self.factor = max(1, self.factor // 2)
        elif thorough and before > self.allowed:
            self.factor *= 2
        self.mark = self.used
        if thorough:
            self.floor = self.used


class Watch:
    """All gauges, and the way to R: `collect_r(full)` collects there, and `option()` is the
    threshold that the user has set, or ``None``."""

    def __init__(
        self,
        collect_r: Callable[[bool], Any],
        option: Callable[[], float | None],
        accounts: list[Account],
    ) -> None:
        self.accounts = accounts
        self.collections = {"quick": 0, "thorough": 0}
        self.requested = False
        self._collect_r = collect_r
        self._option = option
        self._known: set[str] = set()
        self._free_read = time.monotonic()
        self._thorough_ended = -math.inf
        self._thorough_took = 0.0
        self._collecting = False
        self._read_option()

    def look(self) -> float:
        """Ask for R's main thread where there is something to do; seconds to the next look."""
        self.accounts += map(Account, gauges.devices(self._known))
        if time.monotonic() - self._free_read > _FREE:
            self._read_free()
        pause = _LATEST
        for account in self.accounts:
            account.read()
            room = account.allowed - account.grown
            if room < 0 or account.unasked > _ASK:
                self.requested = True
            pause = min(pause, room / account.gauge.bytes_per_second)
        return max(pause, _SOONEST)

    def attend(self) -> None:
        """On R's main thread: read the option, and collect where a threshold is passed."""
        if self._collecting:
            return
        self.requested = False
        self._read_option()
        if any(account.grown > account.allowed for account in self.accounts):
            self.collect()

    def collect(self, thorough: bool = False) -> None:
        """Collect, `thorough` or as it proves to be necessary."""
        if self._collecting:
            return
        self._collecting = True
        try:
            before = [account.grown for account in self.accounts]
            self._collect_r(False)
            self.collections["quick"] += 1
            self._read()
            thorough = thorough or self._is_thorough_due(before)
            if thorough:
                self._collect_all()
                self._read()
            for account, grown in zip(self.accounts, before, strict=False):
                account.settle(grown, thorough)
        finally:
            self._collecting = False

    def _is_thorough_due(self, before: list[int]) -> bool:
        since = time.monotonic() - self._thorough_ended
        if since >= _DUE * self._thorough_took:
            return True
        left = max(
            account.gathered / account.allowed
            for account, grown in zip(self.accounts, before, strict=False)
            if grown > account.allowed
        )
        return left > _GATHERED or (left > 1 / 2 and since >= _NEEDED * self._thorough_took)

    def _collect_all(self) -> None:
        started = time.monotonic()
        self._collect_r(True)
        gc.collect()
        self._thorough_ended = time.monotonic()
        self._thorough_took = self._thorough_ended - started
        self.collections["thorough"] += 1

    def _read(self) -> None:
        for account in self.accounts:
            account.read()

    def _read_option(self) -> None:
        option = self._option()
        for account in self.accounts:
            account.option, account.asked = option, account.used

    def _read_free(self) -> None:
        self._free_read = time.monotonic()
        for account in self.accounts:
            account.free = account.gauge.free()
        process = self.accounts[0] if self.accounts else None
        if process is not None and process.gauge.name == "process" and process.free is not None:
            kept.give_back(process.used, process.free)


_watch: Watch | None = None


def install(collect_r: Callable[[bool], Any], option: Callable[[], float | None]) -> None:
    """Watch from now on; R's two functions are called on R's main thread only."""
    global _watch
    kept.keep()
    process = gauges.process()
    _watch = Watch(collect_r, option, [] if process is None else [Account(process)])
    stopped = threading.Event()
    atexit.register(stopped.set)
    threading.Thread(
        target=_run, args=(_watch, stopped), name="kerasbridge memory", daemon=True
    ).start()


def _run(watch: Watch, stopped: threading.Event) -> None:
    pause = _LATEST
    while not stopped.wait(pause):
        pause = watch.look()
        if watch.requested:
            _ask_main_thread(_SERVE, None)


def serve(_: Any) -> int:
    """What R's main thread does at its next step in Python, wherever in Python that is.

    Not while Dynamo traces or runs what it has compiled: it would see the R functions called.
    There the thread asks again.
    """
    dynamo: Any = sys.modules.get("torch._C._dynamo.eval_frame")
    if _watch is not None and (dynamo is None or dynamo.get_eval_frame_callback() is None):
        _watch.attend()
    return 0


_PENDING: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_SERVE: Final = _PENDING(serve)
_ask_main_thread: Final = ctypes.pythonapi.Py_AddPendingCall
_ask_main_thread.argtypes = [_PENDING, ctypes.c_void_p]


def relieve() -> bool:
    """Collect thoroughly, at once; is there anything that does so?"""
    if _watch is None:
        return False
    _watch.collect(thorough=True)
    return True


def state() -> dict[str, Any]:
    """What is in use, what is allowed to come in, and how often R has collected for it."""
    if _watch is None:
        return {"memory": [], "quick": 0, "thorough": 0}
    for account in _watch.accounts:
        account.read()
    return {
        "memory": [
            {
                "name": account.gauge.name,
                "used": float(account.used),
                "grown": float(account.grown),
                "threshold": float(account.allowed),
            }
            for account in _watch.accounts
        ],
        **_watch.collections,
    }
