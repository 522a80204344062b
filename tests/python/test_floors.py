"""A wing of the shim imports only what stands below it, and the drawing of the floors is true."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from conftest import ENVIRONMENT, ROOT

SHIM = ROOT / "inst/python"
CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of the shim in `folder`."""
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [linter, "--no-cache", "--config", ROOT / "pyproject.toml"],
        env={**ENVIRONMENT, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_run_down():
    done = linted(SHIM)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_import_that_runs_up_is_named(tmp_path):
    shutil.copytree(SHIM / "kerasbridge", tmp_path / "kerasbridge")
    module = tmp_path / "kerasbridge/tensors/shapes.py"
    module.write_text(module.read_text() + "\nfrom kerasbridge.models import training\n")
    done = linted(tmp_path)
    assert done.returncode != 0
    assert "kerasbridge.tensors.shapes -> kerasbridge.models.training" in done.stdout


def test_a_wing_is_more_than_one_module():
    for wing in (SHIM / "kerasbridge").iterdir():
        if wing.is_dir() and wing.name != "__pycache__":
            modules = [module for module in wing.glob("*.py") if module.name != "__init__.py"]
            assert len(modules) > 1, wing.name


def test_the_drawing_shows_the_floors():
    """Each line of the drawing is a floor: the names at its start are the rooms on it."""
    text = (ROOT / "docs/architecture.md").read_text()
    drawing = re.search(r"<!-- floors -->\n```text\n(.*?)```", text, re.DOTALL)
    assert drawing is not None
    drawn = [set(re.findall(r"[a-z]+(?=/|\.py)", line[:34])) for line in drawing[1].splitlines()]
    floors = [set(re.findall("[a-z]+", layer)) for layer in CONTRACT["contracts"][0]["layers"]]
    assert drawn == floors
