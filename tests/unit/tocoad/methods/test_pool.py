"""The pool of stage 1: what a step gets, after a resume as well, and what the file costs."""

from __future__ import annotations

import errno
import os
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from tocoad.errors import StageError
from tocoad.methods.tocoad.pool import MapBatch, MapPool
from tocoad.nn.device import Compute, compute_context
from tocoad.settings.sections import ComputeSettings
from tocoad.stages.stage import Progress, silent
from tocoad.training.parallel import Share

BATCH = 4


@pytest.fixture
def compute() -> Compute:
    with compute_context(ComputeSettings(device="cpu")) as made:
        return made


class Samples:
    """Every sample is a number: maps and mask say which one it is. Remembers what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def __call__(self, step: int) -> MapBatch:
        self.drawn.append(step)
        numbers = torch.arange(step * BATCH, (step + 1) * BATCH)
        maps = {level: numbers.float().view(-1, 1, 1, 1).expand(-1, 3, size, size) for level, size in ((1, 4), (2, 2))}
        gt_mask = (numbers % 2).float().view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
        return MapBatch(maps, gt_mask)


def pool(draw: Samples, size: int, compute: Compute, folder: Path, progress: list[Progress] | None = None) -> MapPool:
    return MapPool(
        draw, size, Share.of_batches(BATCH), 5, compute, folder, silent if progress is None else progress.append
    )


def numbers(batch: MapBatch) -> list[int]:
    found = [int(x) for x in batch.maps[1][:, 0, 0, 0]]
    for level, size in ((1, 4), (2, 2)):
        assert batch.maps[level].shape == (BATCH, 3, size, size) and batch.maps[level].dtype == torch.float32
        assert all(bool((batch.maps[level][i] == number).all()) for i, number in enumerate(found))
    assert batch.gt_mask.shape == (BATCH, 1, 8, 8)
    assert [int(x) for x in batch.gt_mask[:, 0, 3, 3]] == [number % 2 for number in found]
    return found


def test_the_first_steps_are_drawn_and_the_others_shuffled_epoch_by_epoch(compute: Compute, tmp_path: Path) -> None:
    draw = Samples()
    made = pool(draw, 12, compute, tmp_path)
    steps = [numbers(made.batch(step)) for step in range(9)]
    assert draw.drawn == [0, 1, 2]
    epochs = [list(chain(*steps[first : first + 3])) for first in (0, 3, 6)]
    assert epochs[0] == list(range(12))
    assert sorted(epochs[1]) == sorted(epochs[2]) == list(range(12))
    assert epochs[1] != epochs[2] != epochs[0]


def test_a_size_between_is_rounded_up_to_whole_batches(compute: Compute, tmp_path: Path) -> None:
    made = pool(draw := Samples(), 9, compute, tmp_path)
    assert sorted(chain(*(numbers(made.batch(step)) for step in range(3, 6)))) == list(range(12))
    assert sorted(draw.drawn) == [0, 1, 2]


@pytest.mark.parametrize("done", [2, 4])
def test_a_resumed_training_gets_the_same_batches(done: int, compute: Compute, tmp_path: Path) -> None:
    unbroken = pool(Samples(), 12, compute, tmp_path)
    expected = [numbers(unbroken.batch(step)) for step in range(8)][done:]
    seen: list[Progress] = []
    resumed = pool(draw := Samples(), 12, compute, tmp_path, seen)
    assert [numbers(resumed.batch(step)) for step in range(done, 8)] == expected
    assert sorted(draw.drawn) == [0, 1, 2]
    assert [update.total for update in seen] == [min(done, 3)] * min(done, 3)


def test_nothing_is_left_in_the_folder(compute: Compute, tmp_path: Path) -> None:
    made = pool(Samples(), 12, compute, tmp_path)
    made.batch(0)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_the_training(
    compute: Compute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StageError, match=r"stage1.pool needs 0 MiB in .*: No space left on device"):
        pool(Samples(), 12, compute, tmp_path).batch(0)


def test_maps_are_kept_to_half_precision(compute: Compute, tmp_path: Path) -> None:
    def draw(step: int) -> MapBatch:
        x = torch.randn(BATCH, 3, 4, 4, generator=torch.Generator().manual_seed(step)) * 20
        return MapBatch({1: x}, torch.zeros(BATCH, 1, 8, 8))

    made = MapPool(draw, BATCH, Share.of_batches(BATCH), 0, compute, tmp_path, silent)
    first, later = made.batch(0).maps[1], made.batch(1).maps[1]
    order = np.abs(later.numpy()[:, None] - first.numpy()[None]).max((2, 3, 4)).argmin(1)
    assert sorted(order) == list(range(BATCH))
    torch.testing.assert_close(later, first[order], rtol=2**-11, atol=0)


def test_maps_of_autocast_are_kept(compute: Compute, tmp_path: Path) -> None:
    def draw(step: int) -> MapBatch:
        maps = torch.linspace(-3, 3, BATCH * 12).view(BATCH, 3, 2, 2).to(torch.bfloat16)
        return MapBatch({1: maps}, torch.zeros(BATCH, 1, 8, 8))

    made = MapPool(draw, BATCH, Share.of_batches(BATCH), 0, compute, tmp_path, silent)
    kept = made.batch(0).maps[1].float().flatten(1).sort(0).values
    assert torch.equal(made.batch(1).maps[1].flatten(1).sort(0).values, kept)  # bf16 of this size fits half precision
