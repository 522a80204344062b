"""Python's clock for the benchmarks, in R's own process and in one of its own."""

import statistics
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


def median_seconds(function: Callable[[], object], runs: int) -> float:
    """The median of `runs`, after one run that is not counted."""
    function()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
