"""The arrays of a batch that another R process has made, where they lie: nothing is copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: How R writes the values of its vectors.
_DTYPES = {"double": "float64", "integer": "int32", "logical": "int32"}


def mapped(path: str, r_type: str, dim: Sequence[int], offset: float) -> Any:
    """R's array of `r_type` and `dim` at `offset` bytes in a file that R wrote."""
    sizes = tuple(int(size) for size in dim)
    if 0 in sizes:
        return np.empty(sizes, _DTYPES[r_type])
    values = np.memmap(path, _DTYPES[r_type], "r", int(offset), sizes, "F")
    return values.astype(bool) if r_type == "logical" else values
