"""Each platform's branch, also of those that this one is not."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import SimpleNamespace

import pytest

from kerasbridge import imports, platforms
from kerasbridge.memory import gauges, kept
from kerasbridge.models import files


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(signal, "SIGURG", raising=False)


def test_this_platform_is_told_as_it_is():
    assert platforms.system() == sys.platform
    assert platforms.is_posix() == (os.name == "posix")
    if sys.platform == "linux":
        assert platforms.c_function("getpid")() == os.getpid()
        assert platforms.c_function("no_such_function") is None
        assert platforms.waking_signal() == signal.SIGURG
        assert platforms.mixes_libraries()


def test_windows_has_neither_signals_nor_a_c_library(windows):
    assert platforms.system() == "win32"
    assert not platforms.is_posix()
    assert platforms.c_function("getpid") is None
    assert platforms.waking_signal() is None
    assert not platforms.mixes_libraries()


def functions(monkeypatch, **known):
    """A C library that has these functions."""
    monkeypatch.setattr(platforms, "c_function", known.get)


def test_memory_in_use_on_macos_is_that_of_its_zones(monkeypatch):
    def statistics(zone, zones):
        assert zone is None
        zones._obj.size_in_use = 42

    monkeypatch.setattr(sys, "platform", "darwin")
    functions(monkeypatch, malloc_zone_statistics=statistics)
    assert gauges.process().used() == 42
    functions(monkeypatch)
    assert gauges.process() is None


def test_memory_in_use_on_windows_is_what_is_committed(monkeypatch, windows):
    def ask(process, counters, size):
        assert (process, size) == (7, ctypes.sizeof(gauges._Counters))
        counters._obj.private = 42

    def current():
        return 7

    kernel = SimpleNamespace(GetCurrentProcess=current, K32GetProcessMemoryInfo=ask)
    monkeypatch.setattr(ctypes, "CDLL", {"kernel32": kernel}.get)
    assert gauges.process().used() == 42


def test_memory_in_use_is_what_is_resident_without_glibc(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    functions(monkeypatch)
    assert gauges.process().used is gauges._resident


def test_memory_in_use_is_not_told_on_other_systems(monkeypatch):
    monkeypatch.setattr(sys, "platform", "sunos5")
    assert gauges.process() is None


def test_only_glibc_is_told_to_keep_freed_blocks(monkeypatch):
    told = []

    def mallopt(setting, value):
        told.append((setting, value))
        return value != 2**30  # an older glibc refuses as much

    functions(monkeypatch, mallopt=mallopt)
    kept.keep()
    assert told == []
    assert not kept.give_back(0, 0)
    functions(monkeypatch, mallopt=mallopt, gnu_get_libc_version=lambda: b"2.36")
    kept.keep()
    assert told == [(-1, 2**31 - 1), (-3, 2**30), (-3, 2**25)]


def test_what_a_crash_has_left_stays_where_asking_for_a_process_ends_it(tmp_path, monkeypatch):
    left = tmp_path / f".model.keras-{files._host()}-{2**22 + 1}-abc"
    left.mkdir()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(platforms, "is_posix", lambda: False)
        files._sweep(tmp_path)
        assert left.exists()
    files._sweep(tmp_path)
    assert left.exists() == (os.name != "posix")


def test_torch_is_loaded_in_its_own_way_only_where_libraries_mix(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr(sys, "platform", "darwin")
    imports.install()
    assert sys.meta_path == []
    monkeypatch.setattr(sys, "platform", "linux")
    imports.install()
    assert [type(finder).__name__ for finder in sys.meta_path] == ["_Finder"]


def test_without_signals_an_interrupt_is_pythons_own_and_waits_poll(python):
    printed = python("""
import os, signal
from kerasbridge import platforms
platforms.is_posix = lambda: False
platforms.waking_signal = lambda: None
from kerasbridge.crossing import interrupts, threads
before = signal.getsignal(signal.SIGINT)
with interrupts.listening(None):
    during = signal.getsignal(signal.SIGINT)
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("interrupted", end=" ")
print(interrupts._signals, threads._SIGNAL, during is before)
""")
    assert printed == "interrupted None None True"
