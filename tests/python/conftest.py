"""One process tests every framework's tensors; Keras itself runs on one backend, JAX."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hypothesis
import numpy as np
import pytest

from kerasbridge.tensors import frameworks

ROOT = Path(__file__).parents[2]

#: What processes of their own start from: R, once it runs in this one, adds to the environment.
ENVIRONMENT = dict(os.environ)

FRAMEWORKS = ("numpy", "jax", "torch", "tensorflow")

# A framework compiles or loads something at its first calls: no example has a deadline.
hypothesis.settings.register_profile("kerasbridge", deadline=None, print_blob=True)
hypothesis.settings.load_profile("kerasbridge")


@dataclass(frozen=True)
class Native:
    """A framework's own tensors, made from and read as NumPy arrays."""

    name: str

    def tensor(self, array: Any) -> Any:
        array = np.array(array, order="C")
        return frameworks.named(self.name).from_numpy(array)

    def writable(self, array: Any) -> Any:
        """What can be assigned to: TensorFlow's constants cannot."""
        if self.name == "tensorflow":
            return importlib.import_module("tensorflow").Variable(np.array(array))
        return self.tensor(array)

    @staticmethod
    def array(x: Any) -> Any:
        framework = frameworks.of(x)
        return framework.to_numpy(framework.value(x))


@pytest.fixture(params=FRAMEWORKS, scope="session")
def native(request: pytest.FixtureRequest) -> Native:
    return Native(request.param)


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """Run a script in a process of its own, with its own backend; what it printed."""

    def run(script: str, **environment: str) -> str:
        path = os.pathsep.join([str(ROOT / "inst/python"), str(ROOT)])
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**ENVIRONMENT, "PYTHONPATH": path, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.strip()

    return run


def r_array(values: Any, dtype: str | None = None) -> Any:
    """An array as R's arrives: read-only and column-major."""
    array = np.array(values, dtype=dtype, order="F")
    array.flags.writeable = False
    return array
