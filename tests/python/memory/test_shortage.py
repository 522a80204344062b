"""Which errors say that memory is out, in each framework's own words."""

from __future__ import annotations

import pytest

from kerasbridge.errors import Failure, guarded
from kerasbridge.memory import shortage, watch

_TOO_MUCH = {
    "numpy": "import numpy as np; np.ones(2**50)",
    "jax": "import jax; jax.numpy.ones(2**46)",
    "torch": "import torch; torch.ones(2**50)",
    "tensorflow": "import tensorflow as tf; tf.ones([2**20, 2**26])",
}


@pytest.mark.parametrize("framework", _TOO_MUCH)
def test_each_framework_is_understood(python, framework):
    printed = python(f"""
from kerasbridge.memory.shortage import is_shortage
try:
    {_TOO_MUCH[framework]}
except Exception as error:
    print(is_shortage(error), type(error).__name__)
""")
    assert printed.startswith("True")


def test_other_errors_are_none():
    assert not shortage.is_shortage(ValueError("out of memory"))
    assert not shortage.is_shortage(RuntimeError("shape mismatch"))
    of_r = RuntimeError("out of memory")
    of_r.r_class = "simpleError"  # type: ignore[attr-defined]
    assert not shortage.is_shortage(of_r)


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A watch without gauges, whose collections are noted."""
    noted: list[bool] = []
    monkeypatch.setattr(watch, "_watch", watch.Watch(noted.append, lambda: None, []))
    return noted


def test_a_call_is_made_once_more_after_a_collection(collected):
    room: list[bool] = []

    def call(size: int) -> int:
        if not collected:
            raise MemoryError("no room")
        room.append(True)
        return size

    assert guarded(call)(3) == 3
    assert collected == [False, True]
    assert room == [True]


def test_a_call_that_fails_again_fails(collected):
    calls: list[int] = []

    def call(size: int) -> int:
        calls.append(size)
        raise MemoryError("no room")

    failure = guarded(call)(3)
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, MemoryError)
    assert calls == [3, 3]


def test_what_must_not_be_done_twice_is_not(collected):
    calls: list[int] = []

    @shortage.once
    def call() -> None:
        calls.append(1)
        raise MemoryError("no room")

    assert isinstance(guarded(call)(), Failure)
    assert calls == [1]
    assert collected == []
