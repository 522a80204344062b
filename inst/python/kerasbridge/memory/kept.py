"""What the C library keeps of freed memory, so that the next request need not ask the kernel.

A fresh page costs more than the work on it: the kernel clears it first. glibc returns a large
block as soon as it is freed, and a loop over large tensors pays for their pages again and again.
Told once to keep them, it does, and so do R's own vectors; :func:`give_back` is for when the
system runs short.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from kerasbridge import platforms

#: glibc's numbers of these two settings, and what they become, which must fit an `int`.
_TRIM_THRESHOLD: Final = (-1, 2**31 - 1)
_MMAP_THRESHOLD: Final = (-3, 2**30)

#: What older versions allow at most, the half of an arena.
_MMAP_THRESHOLD_OLDER: Final = (-3, 2**25)

#: The part of the system's free memory that may be kept here, and what is not worth the work.
_FRACTION: Final = 1 / 4
_LITTLE: Final = 256 * 2**20


def keep() -> None:
    """Have freed blocks kept, where the C library is glibc."""
    if platforms.c_function("gnu_get_libc_version") is None:
        return
    mallopt = platforms.c_function("mallopt")
    mallopt(*_TRIM_THRESHOLD)
    if not mallopt(*_MMAP_THRESHOLD):
        mallopt(*_MMAP_THRESHOLD_OLDER)


def give_back(used: int, free: int) -> bool:
    """Return what is kept beyond what is `used`, when that is much of what the system has `free`.

    `used` is what `malloc` has given out; what is resident besides is kept, or Python's own.
    """
    trim = platforms.c_function("malloc_trim")
    if trim is None:
        return False
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    private = (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")
    if private - used < max(_LITTLE, free * _FRACTION):
        return False
    trim(0)
    return True
