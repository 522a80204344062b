"""Whose an interrupt is: the work's, the caller's before and after it, or the process's."""

from __future__ import annotations

import os
import signal
import time

import pytest

from kerasbridge.crossing import interrupts


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)


def test_an_interrupt_during_work_is_the_works() -> None:
    attention = interrupts.Attention()
    assert interrupts.hold()
    with interrupts.listening(attention):
        press()
    assert attention.requests == 1
    assert interrupts.release() is False


def test_one_before_the_work_is_met_by_it_and_one_after_it_is_still_due() -> None:
    attention = interrupts.Attention()
    assert interrupts.hold()
    press()
    with interrupts.listening(attention):
        assert attention.requests == 1
    press()
    assert interrupts.release() is True


def test_only_the_outermost_call_gives_interrupts_back() -> None:
    assert interrupts.hold()
    assert interrupts.hold()
    press()
    assert interrupts.release() is False
    assert interrupts.release() is True


def test_nobody_holds_them_afterwards() -> None:
    assert interrupts.hold()
    interrupts.release()
    with pytest.raises(KeyboardInterrupt):
        press()
