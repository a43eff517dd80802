"""What a piece of work takes: seconds by the clock, seconds of the processor and of what type, the greatest memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tocoad.parallel.world import current_world

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


@dataclass(frozen=True)
class Usage:
    """`cpu_seconds` are the process's own, whatever ran beside. `peak_memory` is its greatest resident set in bytes,
    what it had before included; None where the system cannot tell (not Linux). `processors` are the types of those
    that trained, each once, in order. Of several `workers` that shared it seconds and memory are the leading one's.
    """

    seconds: float
    cpu_seconds: float
    peak_memory: int | None
    processors: tuple[str, ...] = ()
    workers: int = 1


def mixed(processors: Sequence[str]) -> str | None:
    """Says that a training ran on several types of processor; None where it did not."""
    if len(processors) < 2:
        return None
    types = ", then ".join(processors)
    where = f"in parts on different types of processor ({types})"
    return f"trained {where}, which round differently: no other run gives its bytes"


class Meter:
    """What a piece of work takes from here on, and took before it was interrupted."""

    def __init__(self) -> None:
        self._can_reset = _reset_peak()
        self._started, self._cpu_started = time.perf_counter(), time.process_time()
        self._before: list[Usage] = []
        self._processors: tuple[str, ...] = ()

    def resume(self, before: Usage) -> None:
        """The work goes on where an earlier process left it; its share counts."""
        self._before.append(before)

    def trains_on(self, *processors: str) -> None:
        """Their types, a worker's each: two of one type round alike."""
        self._processors = processors

    def read(self) -> Usage:
        now = Usage(
            seconds=time.perf_counter() - self._started,
            cpu_seconds=time.process_time() - self._cpu_started,
            peak_memory=_peak() if self._can_reset else None,
            processors=self._processors,
            workers=current_world().size,
        )
        parts = [*self._before, now]
        peaks = [part.peak_memory for part in parts if part.peak_memory is not None]
        return Usage(
            seconds=sum(part.seconds for part in parts),
            cpu_seconds=sum(part.cpu_seconds for part in parts),
            peak_memory=max(peaks, default=None),
            processors=tuple(dict.fromkeys(name for part in parts for name in part.processors)),
            workers=max(part.workers for part in parts),
        )


def _reset_peak() -> bool:
    """A worker process that is used again would tell the peak of its whole life."""
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def _peak() -> int | None:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
