"""Every type of R vector survives the way to a tensor and back, on every backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, ROOT
from conversion import WIDTHS

pytestmark = pytest.mark.oracle

#: Cases of each type: 800 over all backends, and of strings where there are tensors of these.
EACH = 200
STRINGS = {"tensorflow": 800}


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch", "numpy"])
def test_r_vectors_survive(backend):
    """Each backend has a process of its own: R, and a Python that has one backend."""
    counts = dict.fromkeys(WIDTHS, EACH) | {"character": STRINGS.get(backend, 100)}
    done = subprocess.run(
        [
            sys.executable,
            Path(__file__).with_name("conversion.py"),
            *[f"{type}={count}" for type, count in counts.items()],
        ],
        env={
            **ENVIRONMENT,
            "KERAS_BACKEND": backend,
            "R_LIBS": os.environ.get("R_LIBS", str(ROOT / ".r-lib")),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    checked = dict(line.split() for line in done.stdout.splitlines() if line.split()[0] in counts)
    assert {type: int(count) for type, count in checked.items()} == counts
