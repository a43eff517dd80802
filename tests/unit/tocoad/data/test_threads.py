from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tocoad.data.threads import in_batches, thread_pool


def test_results_come_in_order() -> None:
    squares = [number * number for number in range(20)]
    with thread_pool(3) as pool:
        assert list(pool.map(lambda number: number * number, range(20))) == squares
        assert list(in_batches(pool, lambda number: number * number, range(20))) == squares
        assert list(in_batches(pool, lambda number: number * number, range(0))) == []


@pytest.mark.parametrize("spread", [lambda pool, *given: pool.map(*given), in_batches], ids=["one by one", "batches"])
def test_error_drops_the_work_that_has_not_begun(spread: Callable[..., Iterator[None]]) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.002)
        done.append(number)

    with pytest.raises(KeyboardInterrupt), thread_pool(1) as pool:
        for _ in spread(pool, work, range(500)):
            raise KeyboardInterrupt
    assert len(done) < 100
    time.sleep(0.02)
    assert len(done) < 100
