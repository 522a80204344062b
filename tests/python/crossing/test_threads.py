"""Calls that wait for the main thread, with functions in place of R's."""

import sys
import threading
import time
from functools import partial

import pytest

from kerasbridge.crossing import callables, threads
from kerasbridge.errors import ThreadError

pytestmark = pytest.mark.skipif(threads._SIGNAL is None, reason="no signal that wakes a wait")


@pytest.fixture(autouse=True)
def serving(monkeypatch):
    monkeypatch.setattr(threads, "_schedule", lambda: None)  # reticulate is not here
    threads.install()
    threads.set_timeout(30)


def asked(run):
    """What a thread gets that asks for `run`, while the main thread waits for it."""
    got = []

    def ask():
        try:
            got.append(threads.on_main_thread(run, "f()"))
        except BaseException as error:
            got.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return got[0]


def test_the_main_thread_runs_it_while_it_waits():
    assert asked(threading.get_ident) == threading.get_ident()
    assert not threads.elsewhere()


def test_an_error_is_the_one_of_the_thread_that_asked():
    error = asked(lambda: 1 / 0)
    assert isinstance(error, ZeroDivisionError)


def test_who_leaves_ends_what_the_main_thread_does_as_well():
    class Leaving(BaseException):
        pass

    def leave():
        raise Leaving

    def wait():
        asked(leave)
        time.sleep(5)

    with pytest.raises(Leaving):
        wait()


def test_many_threads_get_their_own_values():
    got = {}

    def ask(i):
        for j in range(50):
            got[i, j] = threads.on_main_thread(partial(tuple, (i, j)), "f()")

    workers = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert got == {key: key for key in got}
    assert len(got) == 200


def test_nothing_is_run_while_a_framework_traces(monkeypatch):
    tracing = [True]
    monkeypatch.setattr(threads, "_tracing", lambda: tracing[0])
    worker = threading.Thread(target=lambda: threads.on_main_thread(lambda: None, "f()"))
    worker.start()
    worker.join(timeout=0.3)
    assert worker.is_alive()
    tracing[0] = False
    worker.join(timeout=10)
    assert not worker.is_alive()


def test_what_is_not_served_fails_after_the_timeout(monkeypatch):
    monkeypatch.setattr(threads, "_tracing", lambda: True)
    threads.set_timeout(0.2)
    error = asked(lambda: None)
    assert isinstance(error, ThreadError)
    assert str(error).startswith("f() runs on R's main thread only")
    assert not threads._waiting


def test_a_function_without_a_name_is_told_by_what_calls_it():
    def python_function():
        return sys._getframe(0)

    def caller(f):
        return callables.name_of_frame(f())

    assert caller(python_function).endswith("caller() calls")
    assert caller(callables.coded(python_function, "my_loss")) == "my_loss()"
