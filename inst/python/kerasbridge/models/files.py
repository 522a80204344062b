"""How a file comes to its place: whole or not at all, whatever happens meanwhile.

It is written in a hidden directory beside its place, which is named after the process, and moved
when it is on the disk. What a process left that was killed, the next one removes.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import shutil
import socket
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kerasbridge import platforms
from kerasbridge.errors import ArgumentError

#: The end of a hidden directory's name: the machine, the process, and what `tempfile` adds.
_LEFT: Final = re.compile(r"^\..+-(?P<host>[0-9a-f]{8})-(?P<process>\d+)-\w+$")

#: Within it, the directory of what was replaced.
_REPLACED: Final = ".replaced"


def whole(target: Path, write: Callable[[str], object]) -> None:
    """Let `write` write under another name, beside `target`, and move the result when it is whole.

    Who reads `target` meanwhile, or after a crash, finds what was there before.
    """
    _sweep(target.parent)
    prefix = f".{target.name}-{_host()}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as aside:
        with _h5_on_disk(Path(aside)):
            write(str(Path(aside, target.name)))
        _move(Path(aside), target)


def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def is_there(target: Path) -> bool:
    """Is there such a file, or one that a process was replacing when it was killed?"""
    if not target.exists() and target.parent.is_dir():
        _sweep(target.parent)
    return target.exists()


def _sweep(folder: Path) -> None:
    """Remove what processes of this machine have left that are gone.

    What such a process had moved away, and not yet replaced, goes back to its place.
    """
    if not platforms.is_posix():  # elsewhere, to ask for a process is to end it
        return
    for left in folder.iterdir():
        named = _LEFT.match(left.name)
        if named is None or named["host"] != _host() or not left.is_dir():
            continue
        try:
            os.kill(int(named["process"]), 0)
        except ProcessLookupError:
            for old in left.glob(f"{_REPLACED}/*"):
                if not (folder / old.name).exists():
                    os.replace(old, folder / old.name)
            shutil.rmtree(left, ignore_errors=True)
        except (OSError, OverflowError):
            pass  # another user's, who is alive


def _move(aside: Path, target: Path) -> None:
    """Everything in `aside` to where `target` is, and `target` itself last."""
    listed = _shards(target) if target.name.endswith(".weights.json") else set()
    if target.name.endswith(".weights.json"):
        _list_checksums(aside / target.name)
    others = [path for path in aside.iterdir() if path.name != target.name]
    for written in [*others, aside / target.name]:
        _flush(written)
        _replace(written, target.parent / written.name)
    for name in listed - {path.name for path in others}:
        Path(target.parent, Path(name).name).unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    if not (target.is_dir() or (source.is_dir() and target.exists())):
        os.replace(source, target)
        return
    # A directory takes the place of an empty one only. The old one goes where the sweep finds it.
    old = source.parent / _REPLACED / target.name
    old.parent.mkdir()
    os.replace(target, old)
    try:
        os.replace(source, target)
    except OSError:
        os.replace(old, target)
        raise


def _flush(path: Path) -> None:
    """See that a file is on the disk before its name is."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("r+b") as opened:
                os.fsync(opened.fileno())


# Weights in several files ---------------------------------------------------------------------


def _listing(path: Path) -> dict[str, Any]:
    listing: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return listing


def _shards(listing: Path) -> set[str]:
    """The files of weights that a `.weights.json` lists."""
    found: set[str] = set()
    if not listing.exists():
        return found
    for files in _listing(listing)["weight_map"].values():
        found |= {files} if isinstance(files, str) else set(files)
    return found


def _list_checksums(listing: Path) -> None:
    """Let the list say what its files hold: Keras gives those of the next version the same names.

    The list comes to its place last. Should that not happen, the one that is there tells on load
    that its files are not its own.
    """
    content = _listing(listing)
    content["metadata"]["checksums"] = {
        name: _checksum(listing.with_name(name)) for name in sorted(_shards(listing))
    }
    listing.write_text(json.dumps(content, indent=4), encoding="utf-8")


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as opened:
        while part := opened.read(1 << 22):
            checksum = zlib.crc32(part, checksum)
    return checksum


def check_shards(listing: Path) -> None:
    """Refuse a list of weights whose files are not those that it was written with."""
    if not listing.name.endswith(".weights.json"):
        return
    for name in sorted(_shards(listing)):
        if not listing.with_name(name).is_file():
            raise ArgumentError(f'"{listing}" lists the file "{name}", which is missing.')
    for name, checksum in _listing(listing)["metadata"].get("checksums", {}).items():
        if _checksum(listing.with_name(name)) != checksum:
            raise ArgumentError(
                f'"{listing}" was written with another file "{name}": the weights would be of two '
                "models."
            )


# HDF5 on a full disk ---------------------------------------------------------------------------


class _Disk(io.BytesIO):
    """A file whose writes never fail for HDF5: what failed is kept in `error`.

    HDF5 cannot close a file that it could not write, and ends the process over it later.
    """

    def __init__(self, path: str, mode: str) -> None:
        super().__init__()
        self._path = path
        # Not buffered, so that what was written is there for who opens it again.
        self._file = open(path, "w+b" if mode == "w" else "r+b", buffering=0)  # noqa: SIM115
        self.error: OSError | None = None

    def __repr__(self) -> str:
        """What HDF5 takes for the file's name, and Keras lists."""
        return self._path

    def _try(self, act: Callable[[], Any], otherwise: Any) -> Any:
        if self.error is None:
            try:
                return act()
            except OSError as error:
                self.error = error
        return otherwise

    def write(self, data: Any, /) -> int:
        self._try(lambda: self._write_all(memoryview(data)), None)
        return len(data)

    def _write_all(self, data: memoryview) -> None:
        while data:
            data = data[self._file.write(data) :]

    def readinto(self, buffer: Any, /) -> int:
        return int(self._try(lambda: self._file.readinto(buffer), len(buffer)))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return int(self._try(lambda: self._file.seek(offset, whence), offset))

    def tell(self) -> int:
        return int(self._try(self._file.tell, 0))

    def truncate(self, size: int | None = None, /) -> int:
        return int(self._try(lambda: self._file.truncate(size), size or 0))

    def flush(self) -> None:
        """Nothing is held back."""

    def finish(self) -> None:
        """Close the file, where a network's disk may still find itself full."""
        try:
            self._file.close()
        except OSError as error:
            self.error = self.error or error


@contextmanager
def _h5_on_disk(folder: Path) -> Iterator[None]:
    """Within it, HDF5 files that are written into `folder` are so by way of :class:`_Disk`."""
    h5: Any = importlib.import_module("h5py")
    parent: Any = h5.File
    disks: list[tuple[_Disk, Any]] = []

    class File(parent):  # type: ignore[misc]
        """HDF5 keeps the name of a file that Python writes in ASCII: here it is its path."""

        def __init__(self, name: Any, mode: str = "r", *values: Any, **options: Any) -> None:
            if mode == "r" or not _is_in(name, folder):
                super().__init__(name, mode, *values, **options)
                return
            # HDF5 may end the process over a file that it could not write and then opens again.
            _raise_failed(disks)
            self._path = os.fsdecode(name)
            disk = _Disk(self._path, mode if os.path.exists(name) else "w")
            super().__init__(disk, mode, *values, **options)
            disks.append((disk, self))

        @property
        def filename(self) -> str:
            return getattr(self, "_path", None) or str(super().filename)

    h5.File = File
    try:
        yield
    except Exception as error:
        _finish(disks, error)
        raise
    finally:
        h5.File = parent
    _finish(disks, None)


def _is_in(name: Any, folder: Path) -> bool:
    """Is it a path in the folder, and not a file in memory?"""
    is_path = isinstance(name, (str, bytes, os.PathLike))
    return is_path and Path(os.fsdecode(name)).is_relative_to(folder)


def _finish(disks: list[tuple[_Disk, Any]], error: Exception | None) -> None:
    """Close the files, those too that Keras left open, and raise what one of them could not do."""
    for disk, file in disks:
        if file:
            file.close()
        disk.finish()
    _raise_failed(disks, error)


def _raise_failed(disks: list[tuple[_Disk, Any]], error: Exception | None = None) -> None:
    for disk, _ in disks:
        if disk.error is not None:
            raise disk.error from error


def add_attribute(path: str, name: str, text: str) -> None:
    """Give an HDF5 file that :func:`whole` is writing an attribute."""
    h5: Any = importlib.import_module("h5py")
    with h5.File(path, "a") as file:
        file.attrs[name] = text


def attribute(path: Path, name: str) -> str | None:
    """An attribute of an HDF5 file; ``None`` where it has none of that name."""
    h5: Any = importlib.import_module("h5py")
    with h5.File(path, "r") as file:
        found = file.attrs.get(name)
        return None if found is None else str(found)
