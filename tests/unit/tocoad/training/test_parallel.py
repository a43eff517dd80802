"""A shared training that is killed goes on from the leading worker's checkpoint, to the same bits."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from ranks import run_ranks
from safetensors.torch import load_file, save_file
from torch import nn

from tocoad.nn.whole_norm import norm_whole_batches
from tocoad.parallel.world import current_world
from tocoad.stages.resources import Meter
from tocoad.stages.stage import silent
from tocoad.training.checkpoint import TrainingState
from tocoad.training.loop import train
from tocoad.training.parallel import Share

BATCH, STEPS, KILLED_AT = 5, 9, 4


class KilledError(Exception):
    pass


class Run:
    """A small regression with batch norm; every rank starts from other weights, as other processors might."""

    def __init__(self) -> None:
        torch.manual_seed(current_world().rank)
        self.network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1)).train()
        norm_whole_batches(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-2)
        self.share = Share.of_batches(BATCH)
        self.state = TrainingState("run", {"network": self.network}, self.optimizer, Meter())
        self.steps: list[int] = []

    def step(self, number: int, kill_at: int | None = None) -> dict[str, float]:
        if number == kill_at:
            raise KilledError
        self.steps.append(number)
        x = torch.randn(BATCH, 3, 4, 4, generator=torch.Generator().manual_seed(number))[self.share.rows]
        loss = (self.network(x) - x.sum(1, keepdim=True)).square().mean()
        self.optimizer.zero_grad()
        self.share.backward(loss, self.optimizer)
        self.optimizer.step()
        return self.share.of_the_batch({"loss": float(loss.detach())})


def be_killed_and_go_on(folder: Path) -> None:
    world = current_world()
    checkpoint = folder / f"checkpoint-{world.rank}"
    whole = Run()
    expected = train(whole.step, STEPS, whole.state, folder / f"none-{world.rank}", silent)
    killed = Run()
    with suppress(KilledError):
        train(lambda n: killed.step(n, KILLED_AT), STEPS, killed.state, checkpoint, silent, checkpoint_seconds=0)
    assert checkpoint.exists() == world.leads
    resumed = Run()
    assert train(resumed.step, STEPS, resumed.state, checkpoint, silent) == expected
    assert resumed.steps == list(range(KILLED_AT, STEPS))
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
    save_file(resumed.network.state_dict(), folder / f"{world.rank}.safetensors")


def test_a_killed_shared_training_goes_on_from_the_leading_workers_checkpoint(tmp_path: Path) -> None:
    run_ranks(2, tmp_path / "world", be_killed_and_go_on, tmp_path)
    first, second = (load_file(tmp_path / f"{rank}.safetensors") for rank in range(2))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
