"""How many threads, and a pool of them that stops soon after an error or Ctrl-C."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

# Of small files, to hand one over takes about as long as to read it; of large ones so many hold up no Ctrl-C for long.
_BATCH = 8

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def cores() -> int:
    """That this process may use: what OMP_NUM_THREADS says, else those that it may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def thread_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """When the block ends, work that has not begun is dropped, where the standard pool would do all of it first."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def in_batches(pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """As `pool.map`, but a thread gets some of the items at a time."""
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    for results in pool.map(lambda batch: [work(item) for item in batch], batches):
        yield from results


def ahead(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item], most: int
) -> Iterator[Future[_Result]]:
    """What becomes of each, in order; the pool has at most so many that are not told of yet. `items` may be endless."""
    rest = iter(items)
    working: deque[Future[_Result]] = deque()
    while True:
        working.extend(pool.submit(work, item) for item in islice(rest, most - len(working)))
        if not working:
            return
        yield working.popleft()
