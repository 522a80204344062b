"""Files on a full disk, what a process that was killed leaves, and weights in several files."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasbridge.errors import ArgumentError, Failure
from kerasbridge.models import files, saving


def net(units: int) -> keras.Model:
    return keras.Sequential([keras.Input((100,)), keras.layers.Dense(units)])


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files can have 100 kB, as on a disk that has no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize(
    ("name", "shards"),
    [
        ("net.weights.h5", None),
        ("net.weights.json", 0.0005),
        ("née/né.weights.json", 0.0005),
        ("net.keras", None),
        ("net.h5", None),
        ("net.hdf5", None),
        ("net", None),
    ],
)
def test_a_full_disk_is_an_error_and_leaves_what_was_there(
    tmp_path: Path, small_files: None, name: str, shards: float | None
) -> None:
    target = tmp_path / name
    target.parent.mkdir(exist_ok=True)
    model, large = net(2), net(1000)

    def found() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def save(model: keras.Model) -> None:
        if ".weights." in name:
            saving.save_weights(model, str(target), True, shards)
        else:
            zipped = "." in name
            saving.save_model(
                model, str(target), True, zipped, None, lambda one, other: one is other
            )

    save(model)
    before = found()
    with pytest.raises(OSError, match=r"\[Errno") as raised:
        save(large)
    assert raised.value.errno == errno.EFBIG
    assert "nothing is changed" in Failure(raised.value).message
    assert found() == before
    assert [path.name for path in tmp_path.rglob(".*")] == []


def run_python(code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )


KILLED = """
import os, signal
from pathlib import Path
from kerasbridge.models import files
def write(path):
    Path(path).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
files.whole(Path({target!r}), write)
"""


def test_what_a_process_left_that_was_killed_goes_with_the_next_write(tmp_path: Path) -> None:
    killed = run_python(KILLED.format(target=str(tmp_path / "one")))
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".one-")
    # Of a process that lives, of another machine, of something else.
    other = f".one-{files._host()}-{os.getppid()}-abc", ".one-00000000-999999999-abc", ".one-abc"
    for name in other:
        (tmp_path / name).mkdir()
    saving.write_text(str(tmp_path / "two"), False, "two")
    assert {path.name for path in tmp_path.iterdir()} == {"two", *other}


KILLED_BETWEEN = """
import os, signal
from pathlib import Path
from kerasbridge.models import files
replace, moved = os.replace, []
def killing(source, target):
    if moved:
        os.kill(os.getpid(), signal.SIGKILL)
    moved.append(target)
    replace(source, target)
def write(path):
    Path(path).mkdir()
    Path(path, "version").write_text("new")
os.replace = killing
files.whole(Path({target!r}), write)
"""


@pytest.mark.parametrize("restores", ["save", "load"])
def test_a_directory_that_was_being_replaced_comes_back(tmp_path: Path, restores: str) -> None:
    target = tmp_path / "net"
    target.mkdir()
    (target / "version").write_text("old")
    killed = run_python(KILLED_BETWEEN.format(target=str(target)))
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    if restores == "save":
        saving.write_text(str(tmp_path / "two"), False, "two")
    else:
        with pytest.raises(ValueError, match="File format not supported"):
            saving.load_model(str(target), {}, True, True, "load_model")
        assert os.listdir(tmp_path) == ["net"]
    assert (target / "version").read_text() == "old"

    def write(path: str) -> None:
        Path(path).mkdir()
        Path(path, "version").write_text("new")

    files.whole(target, write)
    assert (target / "version").read_text() == "new"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("old_is_directory", [True, False])
def test_a_directory_and_a_file_replace_each_other(tmp_path: Path, old_is_directory: bool) -> None:
    target = tmp_path / "net"
    if old_is_directory:
        target.mkdir()
        (target / "version").write_text("old")
        files.whole(target, lambda path: Path(path).write_text("new"))
        assert target.read_text() == "new"
    else:
        target.write_text("old")
        files.whole(target, lambda path: Path(path).mkdir())
        assert target.is_dir()
    assert os.listdir(tmp_path) == ["net"]


def test_shards_of_two_versions_never_mix(tmp_path: Path) -> None:
    target = tmp_path / "net.weights.json"
    model = net(2)
    saving.save_weights(model, str(target), False, 1)
    listing = target.read_text()
    (shard,) = files._shards(target)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    saving.save_weights(model, str(target), True, 1)
    again = net(2)
    saving.load_weights(again, str(target), False)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])

    # As after a write that ended between the files and their list.
    target.write_text(listing)
    with pytest.raises(ArgumentError, match="of two models"):
        saving.load_weights(again, str(target), False)
    (tmp_path / shard).unlink()
    with pytest.raises(ArgumentError, match="which is missing"):
        saving.load_weights(again, str(target), False)
    assert set(json.loads(listing)["metadata"]["checksums"]) == {shard}


def test_keras_reads_what_lists_several_files(tmp_path: Path) -> None:
    target = tmp_path / "net.weights.json"
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(10), keras.layers.Dense(20)])
    saving.save_weights(model, str(target), False, 4e-6)
    assert len(files._shards(target)) > 1
    again = keras.models.clone_model(model)
    again.load_weights(target)
    np.testing.assert_array_equal(again.get_weights()[2], model.get_weights()[2])
