"""What a piece of work takes: seconds by the clock, seconds of the processor, and the greatest memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


@dataclass(frozen=True)
class Usage:
    """`cpu_seconds` are the process's own, whatever ran beside. `peak_memory` is its greatest resident set in bytes,
    what it had before included; None where the system cannot tell (not Linux).
    """

    seconds: float
    cpu_seconds: float
    peak_memory: int | None


@contextlib.contextmanager
def measured() -> Iterator[Callable[[], Usage]]:
    """Gives a function that tells what was used since the start of the block."""
    can_reset = _reset_peak()
    started, cpu_started = time.perf_counter(), time.process_time()

    def usage() -> Usage:
        return Usage(
            seconds=time.perf_counter() - started,
            cpu_seconds=time.process_time() - cpu_started,
            peak_memory=_peak() if can_reset else None,
        )

    yield usage


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
