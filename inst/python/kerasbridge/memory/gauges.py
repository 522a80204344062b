"""What is in use: of the process's memory, and of each device that a framework has started.

A framework is asked only when it is loaded and its devices have been started, by whomever:
looking must neither import nor start anything.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kerasbridge import platforms

#: Bytes that a processor, and a GPU, may fill in a second: how soon one has to look again.
_PROCESSOR: Final = 8e9
_GPU: Final = 4e11

#: What may come in at most between two collections, by default. In a processor's memory more would
#: gain nothing, as what has just been freed is in the caches; a GPU fills this in no time.
_ENOUGH: Final = 256 * 2**20


@dataclass(frozen=True)
class Gauge:
    """One memory: how many of its bytes are `used`, and how many are `free` (``None``: unknown)."""

    name: str
    used: Callable[[], int]
    free: Callable[[], int | None]
    bytes_per_second: float = _PROCESSOR
    enough: float = _ENOUGH


def process() -> Gauge | None:
    """The process's own memory, or ``None`` on a system that does not tell it."""
    used = {"linux": _of_malloc, "darwin": _of_zones, "win32": _committed}.get(platforms.system())
    reader = None if used is None else used()
    return None if reader is None else Gauge("process", reader, available)


def devices(known: set[str]) -> Iterator[Gauge]:
    """Gauges of the devices that have been started, of frameworks that are not yet `known`."""
    finders = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}
    for name, find in finders.items():
        if name in known or not _is_imported(name):
            continue
        gauges = find(sys.modules[name])
        if gauges is not None:
            known.add(name)
            yield from gauges


def _is_imported(name: str) -> bool:
    """Is the module there as a whole? The main thread may just be importing it."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
        )
    ]


def _of_malloc() -> Callable[[], int] | None:
    """What glibc's `malloc` has given out, in pages of its own or not; elsewhere what is resident.

    Not what is resident there too: `malloc` keeps what it was given back for the next request.
    """
    mallinfo2 = platforms.c_function("mallinfo2")
    if mallinfo2 is None:
        return _resident
    mallinfo2.restype = _Mallinfo2

    def used() -> int:
        info = mallinfo2()
        return int(info.uordblks + info.hblkhd)

    return used


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class _ZoneStatistics(ctypes.Structure):
    _fields_ = [
        ("blocks_in_use", ctypes.c_uint),
        ("size_in_use", ctypes.c_size_t),
        ("max_size_in_use", ctypes.c_size_t),
        ("size_allocated", ctypes.c_size_t),
    ]


def _of_zones() -> Callable[[], int] | None:
    """What macOS's `malloc` has given out, of all of its zones."""
    statistics = platforms.c_function("malloc_zone_statistics")
    if statistics is None:
        return None
    statistics.argtypes = [ctypes.c_void_p, ctypes.POINTER(_ZoneStatistics)]
    statistics.restype = None

    def used() -> int:
        zones = _ZoneStatistics()
        statistics(None, ctypes.byref(zones))
        return int(zones.size_in_use)

    return used


class _Counters(ctypes.Structure):
    _fields_ = [
        ("cb", ctypes.c_uint32),
        ("page_faults", ctypes.c_uint32),
        *((f"size_{number}", ctypes.c_size_t) for number in range(8)),
        ("private", ctypes.c_size_t),
    ]


def _committed() -> Callable[[], int] | None:
    """What Windows has committed to this process alone."""
    kernel: Any = ctypes.CDLL("kernel32")
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    ask = kernel.K32GetProcessMemoryInfo
    ask.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Counters), ctypes.c_uint32]

    def used() -> int:
        counters = _Counters(cb=ctypes.sizeof(_Counters))
        ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
        return int(counters.private)

    return used


def available() -> int | None:
    """What the system, or the container that this is, has left for new memory."""
    found = [number for number in (_of_system(), _of_container()) if number is not None]
    return min(found, default=None)


def _of_system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(number) * 1024 for number in kilobytes), None)


#: The limit and the use of a container, as the two versions of Linux's control groups tell them.
_CONTAINER: Final = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def _of_container() -> int | None:
    for limit, usage in _CONTAINER:
        try:
            return max(0, int(Path(limit).read_text()) - int(Path(usage).read_text()))
        except (OSError, ValueError):  # none, or "max"
            continue
    return None


def _torch(torch: Any) -> list[Gauge] | None:
    """torch's GPUs: what its tensors have, of what its allocator holds."""
    if not torch.cuda.is_initialized():
        return None

    def gauge(device: int) -> Gauge:
        def used() -> int:
            return int(torch.cuda.memory_allocated(device))

        def free() -> int:
            held = int(torch.cuda.memory_reserved(device)) - used()
            return int(torch.cuda.mem_get_info(device)[0]) + held

        return Gauge(f"cuda:{device}", used, free, _GPU, math.inf)

    return [gauge(device) for device in range(torch.cuda.device_count())]


def _jax(jax: Any) -> list[Gauge] | None:
    """JAX's devices that have a memory of their own; its processor takes the process's."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is None or not bridge.backends_are_initialized():
        return None

    def gauge(device: Any) -> Gauge:
        def used() -> int:
            return int(device.memory_stats()["bytes_in_use"])

        def free() -> int | None:
            stats = device.memory_stats()
            limit = stats.get("bytes_limit")
            return None if limit is None else int(limit) - int(stats["bytes_in_use"])

        return Gauge(str(device), used, free, _GPU, math.inf)

    return [gauge(device) for device in jax.local_devices() if device.memory_stats()]


def _tensorflow(tf: Any) -> list[Gauge] | None:
    """TensorFlow's devices. On the processor too it may have an allocator that keeps what it got
    (oneDNN's), whose tensors the process's memory does not show."""
    context = sys.modules.get("tensorflow.python.eager.context")
    started = None if context is None else context.context_safe()
    if started is None or not getattr(started, "_initialized", False):
        return None

    def gauge(name: str) -> Gauge | None:
        def used() -> int:
            return int(tf.config.experimental.get_memory_info(name)["current"])

        try:
            used()
        except ValueError:
            return None
        if name.startswith("CPU"):
            return Gauge(name, used, available)
        return Gauge(name, used, lambda: None, _GPU, math.inf)

    names = [
        device.name.partition("device:")[2]
        for kind in ("CPU", "GPU")
        for device in tf.config.list_logical_devices(kind)
    ]
    return [found for found in map(gauge, names) if found is not None]
