"""One seed for every generator of random numbers on Python's side."""

from __future__ import annotations

import importlib


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and the backend. R seeds its own generator."""
    importlib.import_module("keras").utils.set_random_seed(seed)
