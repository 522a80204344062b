"""R functions that other threads of Python call: R's main thread runs them.

R can run on its main thread only, which is Python's as well. A thread that needs R leaves a request
and waits. The main thread serves it wherever it runs Python, or waits in it: a wait for a lock, a
queue, another thread, a file or a process ends early when a signal comes, Python then looks whether
its own handler of the signal is to be called, and goes on waiting. The handler serves. The signal
is one that nobody else uses, and it is sent until the request is under way, since one that arrives
just before the main thread begins to wait does not end that wait.

Nothing of Python runs on the main thread while it waits in C++, as for TensorFlow's executor: the
request is withdrawn after `timeout` seconds.
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from kerasbridge import platforms
from kerasbridge.errors import ThreadError

#: What ends the main thread's waits. Where there is none, these poll.
_SIGNAL: Final = platforms.waking_signal()

#: Seconds between two signals for the same request, at first and at most.
_SHORTEST, _LONGEST = 0.0001, 0.02

#: Seconds until a request is withdrawn that the main thread has not begun to serve, where R's
#: option says nothing else.
_USUAL: Final = 60.0
timeout = _USUAL

_main: Final = threading.main_thread().ident or 0
_waiting: Final[deque[_Request]] = deque()

Run = Callable[[], Any]


class _Request:
    """A call of R, and the thread that waits for it."""

    def __init__(self, run: Run, name: str) -> None:
        self._run = run
        self._name = name
        self._ended = threading.Lock()
        self._ended.acquire()
        self.value: Any = None
        self.error: BaseException | None = None

    def serve(self) -> None:
        """Run on the main thread: an error is the caller's, but who leaves R leaves here too."""
        try:
            self.value = self._run()
        except Exception as error:
            self.error = error
        except BaseException as leaving:
            self.error = SystemExit("R has left what had started this thread.")
            raise leaving from None
        finally:
            self._ended.release()

    def give_up(self) -> None:
        self.error = ThreadError(
            f"{self._name} runs on R's main thread only, which did not come to it within "
            f"{timeout:g} seconds: it is at work in R, or waits for another thread in C++, as "
            "TensorFlow does for the data of `tf$data` and for `tf$py_function()`. Use a data set "
            "written in R, a class with the parent keras$utils$PyDataset, or arrays. "
            "`options(kerasbridge.thread_timeout = )` sets how long to wait."
        )
        self._ended.release()

    def wait(self, seconds: float) -> bool:
        return self._ended.acquire(timeout=seconds)

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


def install() -> None:
    """Serve from now on; on the main thread."""
    if _SIGNAL is not None:
        signal.signal(_SIGNAL, lambda number, frame: serve())


def set_timeout(seconds: float | None) -> None:
    """What R's option says, ``None`` where it is not set."""
    global timeout
    timeout = _USUAL if seconds is None else float(seconds)


def elsewhere() -> bool:
    """Is this a thread that R cannot run on?"""
    return threading.get_ident() != _main


def on_main_thread(run: Run, name: str) -> Any:
    """The value of `run`, which calls the R function `name`, from the main thread."""
    request = _Request(run, name)
    _waiting.append(request)
    _wake(request)
    return request.result()


def pull_on_main_thread(generator: Any) -> None:
    """Have the R functions behind reticulate's iterators, of this class, wait here as well: another
    thread would wait for them without an end."""
    pull = generator.__next__

    def following(self: Any) -> Any:
        if elsewhere():
            name = "The R function of an iterator, as of `py_iterator()`,"
            return on_main_thread(lambda: pull(self), name)
        return pull(self)

    generator.__next__ = following


def serve() -> None:
    """On the main thread: run what waits, unless the code under way is being traced, of which it
    would become a part."""
    while _waiting and not _tracing():
        try:
            request = _waiting.popleft()
        except IndexError:
            return
        request.serve()


def _wake(request: _Request) -> None:
    """Return when `request` has been served; withdraw it when it is not for too long."""
    end = time.monotonic() + timeout
    pause = _SHORTEST
    _schedule()
    while True:
        if _SIGNAL is not None:
            signal.pthread_kill(_main, _SIGNAL)
        if request.wait(pause):
            return
        pause = min(2 * pause, _LONGEST)
        if time.monotonic() > end:
            _withdraw(request)
            pause, end = _LONGEST, float("inf")


def _withdraw(request: _Request) -> None:
    """Take `request` back, if nobody runs it yet, and say so to the thread that waits."""
    try:
        _waiting.remove(request)
    except ValueError:
        return
    request.give_up()


_scheduled = False


def _schedule() -> None:
    """Let R's own event loop serve, where the main thread runs no Python."""
    global _scheduled
    if not _scheduled:
        _scheduled = True
        calls: Any = importlib.import_module("rpycall")
        calls.schedule_python_function_on_main_thread(_scheduled_serve, None)


def _scheduled_serve() -> None:
    global _scheduled
    _scheduled = False
    serve()


def _tracing() -> bool:
    """Does a framework record what the main thread does?"""
    return any(
        records(module)
        for name, records in _RECORDS.items()
        if (module := sys.modules.get(name)) is not None
    )


_RECORDS: Final[dict[str, Callable[[Any], bool]]] = {
    "jax._src.core": lambda core: not core.trace_state_clean(),
    "tensorflow.python.eager.context": lambda context: not context.executing_eagerly(),
    "torch._C._functorch": lambda functorch: functorch.peek_interpreter_stack() is not None,
    "torch.utils._python_dispatch": lambda dispatch: (
        dispatch._get_current_dispatch_mode() is not None
    ),
    "keras.src.backend.common.stateless_scope": lambda scope: scope.in_stateless_scope(),
}
