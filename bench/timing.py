"""Python's clock for what the benchmarks call inside R's own process."""

import time
from collections.abc import Callable


def per_call(function: Callable[[], object], times: int) -> float:
    """Seconds per call, after a warm-up."""
    for _ in range(10):
        function()
    start = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - start) / times
