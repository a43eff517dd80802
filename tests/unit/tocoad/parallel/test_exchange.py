"""What is said of a whole batch by workers that each have a share of it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
import torch
from ranks import run_ranks
from safetensors.torch import load_file, save_file

from tocoad.errors import SettingsError
from tocoad.losses.contrastive import collapse_indicator
from tocoad.losses.reconstruction import hard_points
from tocoad.parallel.exchange import leaders_bytes, total
from tocoad.parallel.world import World, current_world

BATCH, ALPHA = 8, 0.5


def distances() -> torch.Tensor:
    """Cosine distances, of which the later images have greater ones."""
    drawn = torch.rand(BATCH, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn + torch.arange(BATCH).view(-1, 1, 1) / 4


def projections() -> torch.Tensor:
    return torch.randn(BATCH, 5, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).cumsum(0)


def tell(folder: Path) -> None:
    world = current_world()
    rows = world.share(BATCH)
    hard = hard_points(distances()[rows], ALPHA)
    spread = torch.tensor(collapse_indicator(projections()[rows]), dtype=torch.float64)
    x = torch.full((2,), float(world.rank + 1), requires_grad=True)
    total(x, world).backward(torch.tensor([1.0, 10.0]) * (world.rank + 1))
    assert x.grad is not None
    sent = leaders_bytes(b"of the first" * 3 if world.leads else None)
    assert sent == b"of the first" * 3 and leaders_bytes(None) is None
    save_file({"hard": hard, "spread": spread, "gradient": x.grad}, folder / f"{world.rank}.safetensors")


@pytest.mark.parametrize("size", [2, 3])
def test_hard_points_and_spread_are_those_of_the_whole_batch(size: int, tmp_path: Path) -> None:
    run_ranks(size, tmp_path / "world", tell, tmp_path)
    told = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(size)]
    whole = hard_points(distances(), ALPHA)
    assert torch.equal(torch.cat([rank["hard"] for rank in told]), whole)
    # Of its share alone a worker would take others for hard.
    shares = [distances()[World(rank, size).share(BATCH)] for rank in range(size)]
    assert not torch.equal(torch.cat([hard_points(share, ALPHA) for share in shares]), whole)
    spread = collapse_indicator(projections())
    assert [float(rank["spread"]) for rank in told] == [pytest.approx(spread, rel=1e-6)] * size
    of_all = sum(range(1, size + 1))
    assert all(rank["gradient"].tolist() == [of_all, 10 * of_all] for rank in told)


def test_the_shares_of_a_batch_follow_each_other_and_are_as_equal_as_can_be() -> None:
    for size in range(1, 9):
        rows = [list(range(8))[World(rank, size).share(8)] for rank in range(size)]
        assert [*chain.from_iterable(rows)] == list(range(8))
        assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_more_workers_than_samples_are_refused() -> None:
    with pytest.raises(SettingsError, match="3 cannot share a batch of 2: ask for at most 2"):
        World(0, 3).share(2)
