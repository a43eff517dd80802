"""Two detectors that take turns: what is told of them is theirs, and not the machine's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.calibrated import draw_calibrated
from tests.helpers.packages import save_detector
from tocoad.evaluation import duel as module
from tocoad.evaluation.duel import duel, take_turns
from tocoad.settings.sections import Settings

IMAGE = np.zeros((1, 8, 8, 3), np.uint8)


class Clock:
    """What `perf_counter` says on a machine on which every call takes by the share `drift` longer than the one before;
    `first` is what a detector's first call takes beside.
    """

    def __init__(self, drift: float = 0.0, first: float = 0.0) -> None:
        self.now, self._slowness, self._drift, self._first = 0.0, 1.0, drift, first

    def __call__(self) -> float:
        return self.now

    def detector(self, seconds: float) -> module.Detect:
        called: list[int] = []

        def detect(image: module.Image) -> None:
            self.now += seconds * self._slowness + (0.0 if called else self._first)
            self._slowness *= 1.0 + self._drift
            called.append(1)

        return detect


def turns(clock: Clock, one: float, other: float, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(module.time, "perf_counter", clock)
    return take_turns(clock.detector(one), clock.detector(other), [(IMAGE, IMAGE)] * 3)


def test_of_equals_neither_is_told_as_slower_by_a_machine_that_becomes_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = turns(Clock(drift=0.05), 0.01, 0.01, monkeypatch)
    assert np.median(seconds[:, 0] / seconds[:, 1]) == pytest.approx(1.0, abs=0.003)
    assert seconds[-1].mean() > 20 * seconds[0].mean(), "it does"


def test_the_ratio_is_that_of_the_detectors_and_their_first_calls_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = turns(Clock(drift=0.02, first=5.0), 0.03, 0.01, monkeypatch)
    assert len(seconds) == 20 and np.median(seconds[:, 0] / seconds[:, 1]) == pytest.approx(3.0, rel=0.03)


def test_slow_detectors_are_timed_a_few_times_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    assert len(turns(clock, 4.0, 2.0, monkeypatch)) == 5
    assert clock.now == 5 * 12.0 + 2 * 6.0


def test_a_challenger_that_sees_larger_images_is_told_as_slower_and_bytes_are_those_of_the_folders(
    tmp_path: Path,
) -> None:
    large, small = (save_detector(tmp_path / str(size), 1, size, probes=size == 96) for size in (96, 32))
    folders = draw_calibrated(tmp_path / "workspace", large) | {"challenger": large, "champion": small}
    found = duel(folders, Settings().model_dump_json())
    assert found.ratio > 1.2 and found.challenger_ms > found.champion_ms > 0
    assert (found.images, found.device) == (20, "cpu")
    sizes = [sum(file.stat().st_size for file in folder.iterdir()) for folder in (large, small)]
    assert [found.challenger_bytes, found.champion_bytes] == sizes and sizes[0] > sizes[1]
