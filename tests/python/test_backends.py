"""The one table of backends, and what else must agree with it."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import metadata
from typing import Any

import pytest
from conftest import ROOT

from kerasbridge import backends

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def requirements(backend: str, build: str) -> list[str]:
    """What pip installs without knowing the machine: GPU builds are those of common Linux."""
    platforms = backends.table()["backends"][backend]["requirements"][build]
    found: list[str] = platforms.get("Linux-x86_64", platforms["any"])
    return found if build == "gpu" else platforms["any"]


def test_the_package_needs_what_every_backend_needs():
    assert PROJECT["dependencies"] == backends.table()["requirements"]
    assert PROJECT["requires-python"] == backends.table()["python"]


@pytest.mark.parametrize("backend", backends.table()["backends"])
def test_an_extra_for_each_backend_asks_for_its_requirements(backend):
    assert EXTRAS[backend] == requirements(backend, "cpu")
    if backend != "numpy":
        assert EXTRAS[f"{backend}-gpu"] == requirements(backend, "gpu")


def test_codemeta_tells_the_package_as_description_does():
    told = json.loads((ROOT / "codemeta.json").read_text())
    description = (ROOT / "DESCRIPTION").read_text()
    assert f"Version: {told['version']}\n" in description
    assert f"Package: {told['identifier']}\n" in description
    needs = {need["name"]: need["version"] for need in told["softwareRequirements"]}
    assert f"R ({needs['R']})" in description
    assert f"reticulate ({needs['reticulate']})" in description
    assert needs["Python"].replace(" ", "") == backends.table()["python"]


def test_there_are_no_other_extras():
    known = {f"{name}{build}" for name in backends.table()["backends"] for build in ("", "-gpu")}
    assert set(EXTRAS) == known - {"numpy-gpu"}


@pytest.mark.parametrize("backend", backends.table()["backends"])
def test_every_backend_is_described_alike(backend):
    entry = backends.table()["backends"][backend]
    assert set(entry) == {"module", "requirements", "environment", "trains"}
    for build in ("cpu", "gpu"):
        assert "any" in entry["requirements"][build]
        assert all(isinstance(value, str) for value in entry["environment"][build].values())


@pytest.mark.parametrize(
    ("backend", "name"), [("tensorflow", "TensorFlow"), ("jax", "JAX"), ("torch", "PyTorch")]
)
def test_the_oldest_framework_is_the_one_that_keras_supports(backend, name):
    about = metadata("keras").get_payload()
    (oldest,) = re.findall(rf"^\| {name} +\| ([\d.]+) +\|$", about, re.MULTILINE)
    for build in backends.table()["backends"][backend]["requirements"].values():
        for needed in (build["any"][0], build.get("Linux-x86_64", build["any"])[0]):
            assert needed.endswith(f">={oldest}")


def test_only_numpy_does_not_train():
    untrained = [name for name in backends.table()["backends"] if not backends.trains(name)]
    assert untrained == ["numpy"]


def test_the_loaded_backend(python):
    script = """
from kerasbridge import backends
print(backends.loaded())
import keras
print(backends.loaded(), backends.version_of("keras") == keras.__version__)
print(backends.version_of("no-such-package"))
"""
    assert python(script, KERAS_BACKEND="numpy").split() == ["None", "numpy", "True", "None"]
