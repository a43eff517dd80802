"""One figure from several runs of a function."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of a table; `ratio` is the figure over that of the row it is compared with."""

    what: str
    figure: float
    unit: str
    ratio: float | None = None


def median_seconds(function: Callable[[], object], runs: int = 7, budget: float = 30.0) -> float:
    """Median over `runs` after one run to warm up; fewer, but at least one, when `budget` seconds are over.

    Seconds of the processor, of which all have one thread: what else the machine does counts less than by the clock.
    """
    begin = time.perf_counter()
    function()
    seconds: list[float] = []
    while len(seconds) < runs and (not seconds or time.perf_counter() - begin < budget):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def greatest_resident_set() -> int:
    """Of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux getrusage would give the parent's, where that is greater
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
