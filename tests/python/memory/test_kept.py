"""Freed blocks stay with the process until the system runs short."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc's")
def test_freed_blocks_are_kept_and_given_back(python):
    printed = python("""
import os
import numpy as np
from kerasbridge.memory import gauges, kept

def resident():
    pages = open("/proc/self/statm").read().split()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE") // 2**20

kept.keep()
before = resident()
array = np.ones(512 * 2**20, dtype="uint8")
del array
stays = resident() - before > 500
used = gauges.process().used()
much = kept.give_back(used, 64 * 2**30), resident() - before > 500
little = kept.give_back(used, 2**30), resident() - before < 100
print(stays, much, little)
""")
    assert printed == "True (False, True) (True, True)"
