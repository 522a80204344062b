"""The table of docs/scaling.md is what the calculator computes."""

from __future__ import annotations

import pytest
from conftest import ROOT

from tools.scaling import Cluster, table


def test_the_ring_s_terms():
    cluster = Cluster(parameters=1e6, bytes_per_parameter=4, compute=1, bandwidth=1e9, latency=0)
    assert cluster.exchange(1) == 0
    assert cluster.exchange(2) == pytest.approx(0.004)  # each sends half, twice, and gets as much
    assert cluster.exchange(1000) == pytest.approx(0.008 * 0.999)
    assert cluster.step(4, fixed_batch=True) == pytest.approx(0.25 + 0.006)


def test_the_page_has_the_table():
    page = (ROOT / "docs/scaling.md").read_text()
    assert table(Cluster(), [1] + [2**k for k in range(1, 13)]) in page
