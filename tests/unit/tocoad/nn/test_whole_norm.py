"""Batch norm over the batch that workers share, beside torch's over the whole of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from ranks import run_ranks
from safetensors.torch import load_file, save_file
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from tocoad.nn.clamped_norm import clamp_batch_norms
from tocoad.nn.whole_norm import WholeBatchNorm2d, norm_whole_batches
from tocoad.parallel.exchange import sum_gradients
from tocoad.parallel.world import current_world

BATCH, STEPS = 8, 3
KINDS = {
    "affine": lambda: nn.Sequential(nn.BatchNorm2d(5)),
    "plain": lambda: nn.Sequential(nn.BatchNorm2d(5, affine=False), nn.Conv2d(5, 5, 1)),
    "with its activation": lambda: nn.Sequential(BatchNormAct2d(5, act_layer=nn.ReLU)),
    "clamped": lambda: _clamped(),
}


def _clamped() -> nn.Sequential:
    network = nn.Sequential(nn.BatchNorm2d(5))
    clamp_batch_norms(network)
    return network


def network(kind: str) -> nn.Sequential:
    made = KINDS[kind]()
    for number, parameter in enumerate(made.parameters()):
        parameter.data.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(number))
    return made


def batch(step: int) -> tuple[Tensor, Tensor]:
    """Images far from zero, of which every position in the batch has another mean and spread, and a gradient."""
    generator = torch.Generator().manual_seed(step)
    x, gradient = (torch.randn(BATCH, 5, 6, 7, generator=generator) for _ in range(2))
    return x * torch.arange(1, BATCH + 1).view(-1, 1, 1, 1) + 3 * torch.arange(BATCH).view(-1, 1, 1, 1), gradient


def run(made: nn.Sequential, rows: slice) -> dict[str, Tensor]:
    """Of these rows: what comes out, the gradient that reaches them, and what the last step leaves."""
    found: dict[str, Tensor] = {}
    for step in range(STEPS):
        x, gradient = (part[rows].contiguous(memory_format=torch.channels_last) for part in batch(step))
        made.zero_grad(set_to_none=True)
        y = made(x.requires_grad_())
        y.backward(gradient)
        assert x.grad is not None
        found |= {f"y{step}": y.detach().contiguous(), f"x{step}": x.grad.contiguous()}
    sum_gradients(made.parameters(), current_world())
    found |= {f"gradient.{name}": p.grad for name, p in made.named_parameters() if p.grad is not None}
    return found | {f"state.{name}": value for name, value in made.state_dict().items()}


def share(kind: str, folder: Path) -> None:
    made, world = network(kind), current_world()
    norm_whole_batches(made)
    assert isinstance(made[0], WholeBatchNorm2d) == (kind != "clamped")
    save_file(run(made, world.share(BATCH)), folder / f"{world.rank}.safetensors")


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_shares_of_a_batch_are_normed_as_the_batch(kind: str, size: int, tmp_path: Path) -> None:
    whole: dict[str, Any] = run(network(kind), slice(0, BATCH))
    run_ranks(size, tmp_path / "world", share, kind, tmp_path)
    ranks = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(size)]
    assert set(ranks[0]) == set(whole)
    for name, expected in whole.items():
        per_image = name[0] in "xy"
        if not per_image:
            assert all(torch.equal(rank[name], ranks[0][name]) for rank in ranks), name
        ours = torch.cat([rank[name] for rank in ranks]) if per_image else ranks[0][name]
        error = float((ours.double() - expected.double()).abs().max() / expected.double().abs().max().clamp_min(1))
        assert error < 2e-6, (name, error)


def test_a_norm_over_each_workers_share_is_another() -> None:
    """So the test above would see it: its shares differ."""
    first, whole = (run(network("affine"), slice(0, stop)) for stop in (BATCH // 2, BATCH))
    assert float((first["y0"] - whole["y0"][: BATCH // 2]).abs().max()) > 0.1


def test_a_worker_that_is_alone_keeps_torchs_batch_norms() -> None:
    made = network("affine")
    norm_whole_batches(made)
    assert type(made[0]) is nn.BatchNorm2d
