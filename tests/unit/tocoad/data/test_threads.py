from __future__ import annotations

import time

import pytest

from tocoad.data.threads import thread_pool


def test_results_come_in_order() -> None:
    with thread_pool(3) as pool:
        assert list(pool.map(lambda number: number * number, range(20))) == [number * number for number in range(20)]


def test_error_drops_the_work_that_has_not_begun() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.002)
        done.append(number)

    with pytest.raises(KeyboardInterrupt), thread_pool(1) as pool:
        for _ in pool.map(work, range(500)):
            raise KeyboardInterrupt
    assert len(done) < 100
    time.sleep(0.02)
    assert len(done) < 100
