"""When a collection is due, how far it goes, and what it makes of the threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kerasbridge.memory.gauges import Gauge
from kerasbridge.memory.watch import Account, Watch

MB = 2**20


class Store:
    """A memory with some blocks in use, some of which a quick and a full collection can free."""

    def __init__(self) -> None:
        self.in_use = 0
        self.young = 0
        self.old = 0
        self.option: float | None = 100 * MB
        self.full: list[bool] = []

    def add(self, in_use: int = 0, young: int = 0, old: int = 0) -> None:
        self.in_use += (in_use + young + old) * MB
        self.young += young * MB
        self.old += old * MB

    def collect(self, full: bool) -> None:
        self.full.append(full)
        self.in_use -= self.young
        self.young = 0
        if full:
            self.in_use -= self.old
            self.old = 0

    def watch(self, free: int | None = None) -> tuple[Watch, Account]:
        gauge = Gauge("store", lambda: self.in_use, lambda: free)
        account = Account(gauge)
        return Watch(self.collect, lambda: self.option, [account]), account


@pytest.fixture
def store() -> Store:
    return Store()


def test_nothing_happens_below_the_threshold(store):
    watch, _ = store.watch()
    store.add(young=50)
    assert watch.look() == pytest.approx(50 * MB / 8e9, rel=1e-6)
    assert not watch.requested
    store.add(young=51)
    watch.look()
    assert watch.requested
    watch.attend()
    assert store.full[0] is False
    assert store.in_use == 0


def test_the_pause_shrinks_with_the_room_that_is_left(store):
    watch, _ = store.watch()
    store.option = 1e12
    watch.look()  # meets the devices of frameworks that other tests have loaded
    watch.attend()
    assert watch.look() == 0.25
    store.option = 1
    watch.attend()
    store.add(in_use=1)
    assert watch.look() == 0.005


def test_what_goes_without_a_collection_is_taken_off(store):
    watch, account = store.watch()
    store.add(in_use=80)
    watch.look()
    store.in_use -= 80 * MB
    watch.look()
    store.add(in_use=80)
    watch.look()
    assert account.grown == 80 * MB
    assert not watch.requested or account.unasked <= 80 * MB


def test_a_quick_collection_does_where_it_frees_enough(store):
    watch, _ = store.watch()
    watch.collect(thorough=True)
    watch._thorough_took = 1.0  # just now, and a second long
    store.full.clear()
    for _ in range(10):
        store.add(young=101)
        watch.look()
        watch.attend()
    assert store.full == [False] * 10


def test_what_quick_ones_leave_is_collected_before_it_is_four_thresholds(store):
    watch, account = store.watch()
    watch.collect(thorough=True)
    watch._thorough_took = 1000.0  # too long ago never comes
    most = 0
    for _ in range(40):
        store.add(young=10, old=91)
        watch.look()
        most = max(most, account.gathered)
        watch.attend()
    assert watch.collections["thorough"] > 1
    assert most < 5.1 * 100 * MB


def test_a_fruitless_collection_doubles_the_threshold_and_a_fruitful_one_takes_it_back(store):
    watch, account = store.watch()
    for expected in (200, 400, 800):
        store.add(in_use=round(account.allowed / MB) + 1)
        watch._thorough_took = 0.0
        watch.look()
        watch.attend()
        assert account.allowed == expected * MB
    for expected in (400, 200, 100, 100):
        store.add(young=round(account.allowed / MB) + 1)
        watch.look()
        watch.attend()
        assert account.allowed == expected * MB


@pytest.mark.parametrize(
    ("free", "allowed"),
    [(None, 256), (16 * 1024, 256), (2 * 1024, 128), (256, 64), (0, 64)],
)
def test_the_default_is_a_sixteenth_of_what_is_free_between_bounds(store, free, allowed):
    store.option = None
    _, account = store.watch(None if free is None else free * MB)
    assert account.allowed == allowed * MB


def test_a_raised_threshold_leaves_half_of_what_is_free(store):
    _, account = store.watch(free=300 * MB)
    account.factor = 64
    account.option = 100 * MB
    assert account.allowed == 150 * MB
    account.option = 200 * MB
    assert account.allowed == 200 * MB


def test_the_option_is_read_anew_and_infinity_ends_the_collecting(store):
    watch, _ = store.watch()
    store.option = float("inf")
    watch.attend()
    store.add(young=10_000)
    watch.look()
    assert watch.requested  # only for the option
    watch.attend()
    assert store.full == []
    store.option = 1.0
    store.add(young=65)
    watch.look()
    watch.attend()
    assert store.full[0] is False


def test_a_collection_within_a_collection_is_none(store):
    watch, _ = store.watch()
    collected: list[bool] = []

    def nested(full: bool) -> None:
        collected.append(full)
        watch.attend()
        watch.collect()

    inner: Callable[[bool], Any] = nested
    watch._collect_r = inner
    watch.collect(thorough=True)
    assert collected == [False, True]
