"""Which tensor gets gradient, what the options do, and that a killed training goes on to the same bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rounding import assert_same_in_double, sum_error
from torch import nn

from tocoad.losses.reconstruction import mining_alpha
from tocoad.methods.recontrast import train as recontrast_train
from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.methods.recontrast.train import (
    Networks,
    batch_norm_mode,
    build_optimizer,
    crossed_loss,
    load_networks,
    lr_factor,
    start_afresh,
    train,
)
from tocoad.nn.clamped_norm import EPS, ClampedBatchNorm2d
from tocoad.nn.device import compute_context
from tocoad.settings.sections import ComputeSettings
from tocoad.stages.stage import Progress, StageContext, StageRecord

Context = Callable[..., StageContext]


def networks(context: StageContext) -> Networks:
    with compute_context(ComputeSettings()) as compute:
        return Networks.build(context, compute)


def images(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(3))


def gradient(*modules: nn.Module) -> float:
    return sum(float(p.grad.abs().sum()) for m in modules for p in m.parameters() if p.grad is not None)


def test_the_encoder_learns_as_the_source_of_a_code_and_never_as_a_target(context: Context) -> None:
    made = networks(context("a", "train"))
    trained = made.trained(images())
    with torch.no_grad():
        frozen = made.frozen(images())
    of_frozen, of_trained = made.network(trained, frozen)
    # The second line of the pairing alone: E's maps are its targets, E0's code its source.
    from tocoad.losses.reconstruction import mined_cosine_loss

    made.network.eval()  # the batch norms would tie the two codes together
    _, of_trained = made.network({level: x.detach() for level, x in trained.items()}, frozen)
    torch.stack([mined_cosine_loss(trained[level], of_trained[level], 0.0) for level in trained]).sum().backward()
    assert gradient(made.trained) == 0 and gradient(made.network) > 0
    made.network.zero_grad()
    # The first line alone: gradient reaches E through bottleneck and decoder.
    of_frozen, _ = made.network(trained, frozen)
    torch.stack([mined_cosine_loss(frozen[level], of_frozen[level], 0.0) for level in trained]).sum().backward()
    assert gradient(made.trained) > 0


def test_the_whole_loss_trains_e_and_the_network_and_leaves_e0_alone(context: Context) -> None:
    made = networks(context("a", "train"))
    made.frozen.requires_grad_(True)  # even if somebody switched it on
    with torch.no_grad():
        frozen = made.frozen(images())
    crossed_loss(made.network, made.trained(images()), frozen, 0.0).backward()
    assert gradient(made.frozen) == 0
    # E's gradient is that of the first line: the target of the second is cut off.
    assert all(p.grad is not None for p in made.trained.parameters())
    assert all(p.grad is not None for p in made.network.parameters())


def test_swapping_targets_or_sources_would_be_another_loss(context: Context) -> None:
    made = networks(context("a", "train"))
    made.network.eval()
    with torch.no_grad():
        # As if trained for a while: else E equals E0 and every pairing is the same.
        for parameter in made.trained.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        trained, frozen = made.trained(images()), made.frozen(images())
        of_frozen, of_trained = made.network(trained, frozen)
        value = float(crossed_loss(made.network, trained, frozen, 0.0))
        expected = 0.0
        for level in (1, 2, 3):
            for target, prediction in ((frozen, of_frozen), (trained, of_trained)):
                t, r = target[level].flatten(1).double(), prediction[level].flatten(1).double()
                expected += 0.5 * float((1 - (t * r).sum(1) / (t.norm(dim=1) * r.norm(dim=1))).mean())
        assert value == pytest.approx(expected, rel=sum_error(2 * 24 * 16 * 16))  # the largest maps' products
        assert float(crossed_loss(made.network, frozen, trained, 0.0)) != pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("mode", ["eval", "train", "clamped"])
def test_batch_norms_of_e_are_in_the_mode_asked_for_and_those_of_e0_in_eval(mode: str, context: Context) -> None:
    options = {"iterations": 2, "batch_size": 3, "decoder_blocks": [1, 1, 1], "encoder_batch_norm": mode}
    made = networks(context("a", "train", train=options))
    norms = [m for m in made.trained.modules() if isinstance(m, nn.BatchNorm2d | ClampedBatchNorm2d)]
    assert norms and all(m.training == (mode != "eval") for m in norms)
    assert {isinstance(m, ClampedBatchNorm2d) for m in norms} == {mode == "clamped"}
    assert not any(m.training for m in made.frozen.modules() if isinstance(m, nn.BatchNorm2d))
    before = {name: x.clone() for name, x in made.trained.state_dict().items() if "running" in name}
    made.trained(images())
    moved = any(not torch.equal(before[name], made.trained.state_dict()[name]) for name in before)
    assert moved == (mode != "eval")


def test_the_papers_choice_of_batch_norm_by_category() -> None:
    paper = TrainSettings(encoder_batch_norm="paper")
    assert [batch_norm_mode(paper, name) for name in ("screw", "bottle", "pcb1", "oct2017")] == [
        "eval", "train", "eval", "eval",
    ]  # fmt: skip
    assert batch_norm_mode(TrainSettings(), "bottle") == "eval"


def test_the_clamped_norms_eps_reaches_the_detectors_encoder(context: Context) -> None:
    options = {"iterations": 2, "batch_size": 3, "decoder_blocks": [1, 1, 1], "encoder_batch_norm": "clamped"}
    made = context("a", "train", train=options)
    train(made)
    loaded = load_networks(context("a", "fit", train=options))
    assert loaded.trained.spec.norm_eps == EPS
    assert {m.eps for m in loaded.trained.modules() if isinstance(m, nn.BatchNorm2d)} == {EPS}
    assert loaded.frozen.spec.norm_eps is None


def test_two_groups_with_rates_of_their_own(context: Context) -> None:
    made = networks(context("a", "train"))
    decoder, encoder = build_optimizer(made, TrainSettings()).param_groups
    assert (decoder["base_lr"], encoder["base_lr"]) == (2e-3, 1e-5)
    assert decoder["betas"] == encoder["betas"] == (0.9, 0.999)
    assert decoder["weight_decay"] == encoder["weight_decay"] == 1e-5
    assert len(decoder["params"]) == len(list(made.network.parameters()))
    assert len(encoder["params"]) == len(list(made.trained.parameters()))


def test_the_decoders_optimiser_starts_afresh_and_the_encoder_rests(context: Context) -> None:
    made = networks(context("a", "train"))
    settings = TrainSettings(reset_every=500, rest=100)
    optimizer = build_optimizer(made, settings)
    for parameter in (*made.network.parameters(), *made.trained.parameters()):
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    known = len(optimizer.state)
    rests = [number for number in range(1200) if start_afresh(optimizer, settings, number)]
    assert rests == [*range(500, 600), *range(1000, 1100)]
    assert len(optimizer.state) == known - len(list(made.network.parameters()))
    assert all(parameter in optimizer.state for parameter in made.trained.parameters())
    assert not any(start_afresh(optimizer, TrainSettings(), number) for number in range(1200))


def test_a_resting_encoder_does_not_move(context: Context) -> None:
    """Steps 0 and 1 train it, 2 and 3 rest: the weights after 2 and after 4 steps are the same."""
    options = {"batch_size": 3, "decoder_blocks": [1, 1, 1], "reset_every": 2, "rest": 2, "mining_ramp": 0.0}
    states = []
    for iterations in (2, 4):
        made = context(str(iterations), "train", train={**options, "iterations": iterations})
        train(made)
        states.append(made.output_dir)
    encoders = [(folder / "encoder.safetensors").read_bytes() for folder in states]
    assert encoders[0] == encoders[1]
    assert (states[0] / "network.safetensors").read_bytes() != (states[1] / "network.safetensors").read_bytes()


def test_the_rates_drop_once() -> None:
    settings = TrainSettings(iterations=10, drop_at=0.8, drop_to=0.2)
    assert [lr_factor(settings, number) for number in range(10)] == [1.0] * 8 + [0.2] * 2
    assert {lr_factor(TrainSettings(), number) for number in range(2000)} == {1.0}


def test_alpha_of_the_default_reaches_one() -> None:
    settings = TrainSettings()
    assert mining_alpha(settings.iterations - 1, settings.iterations, settings.mining_ramp) == 1.0


class KilledError(Exception):
    pass


@pytest.mark.parametrize(
    "options", [{}, {"encoder_batch_norm": "clamped", "reset_every": 2, "rest": 1, "amsgrad": True}]
)
def test_a_killed_training_goes_on_to_the_same_bits(options: dict[str, object], context: Context) -> None:
    sections = {"iterations": 6, "batch_size": 3, "decoder_blocks": [1, 1, 1], **options}
    whole = context("whole", "train", train=sections)
    record: StageRecord = train(whole)

    def kill(progress: Progress) -> None:
        if progress.step == 4:
            raise KilledError

    killed = context("killed", "train", kill, train=sections)
    with pytest.raises(KilledError):
        train(replace(killed, checkpoint_seconds=0))
    steps: list[int] = []
    resumed = context("killed", "train", lambda progress: steps.append(progress.step), train=sections)
    assert train(resumed).metrics == record.metrics
    assert steps == [4, 5, 6]
    for name in ("encoder.safetensors", "network.safetensors", "curves.csv", "metrics.json"):
        assert (resumed.output_dir / name).read_bytes() == (whole.output_dir / name).read_bytes(), name


def test_the_loss_falls_and_the_figures_are_written(context: Context) -> None:
    made = context("a", "train", train={"iterations": 25, "batch_size": 4, "decoder_blocks": [1, 1, 1]})
    train(made)
    rows = (made.output_dir / "curves.csv").read_text().splitlines()[1:]
    losses = [float(row.split(",")[1]) for row in rows]
    assert len(losses) == 25 and losses[-1] < 0.8 * losses[0]
    assert json.loads((made.output_dir / "metrics.json").read_text())["loss"] == pytest.approx(losses[-1], rel=1e-5)


def test_only_the_training_part_is_opened(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    from tocoad.data import images as reading

    original = reading.decode
    monkeypatch.setattr(reading, "decode", lambda path, data=None: opened.append(path) or original(path, data))
    made = context("a", "train")
    train(made)
    document = json.loads((made.inputs["manifest"] / "train.json").read_text())
    training = {entry["path"] for entry in document["images"] if entry["split"] == "train"}
    assert {path.relative_to(made.data_dir).as_posix() for path in opened} == training


def test_in_the_warm_up_the_encoder_is_not_computed_unless_its_batch_norms_learn(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {}
    whole = recontrast_train._forward
    for mode in ("eval", "train"):
        calls: list[int] = []

        def counted(networks: Networks, calls: list[int] = calls) -> Callable[[torch.Tensor], Any]:
            forward = whole(networks)

            def run(x: torch.Tensor) -> Any:
                calls.append(len(x))
                return forward(x)

            return run

        monkeypatch.setattr(recontrast_train, "_forward", counted)
        options = {"iterations": 5, "batch_size": 3, "decoder_blocks": [1, 1, 1], "warm_up": 0.6}
        train(context(mode, "train", train={**options, "encoder_batch_norm": mode}))
        counts[mode] = len(calls)
    assert counts == {"eval": 2, "train": 5}


def test_a_warm_up_of_the_whole_budget_leaves_the_encoder_as_it_was_pretrained(context: Context) -> None:
    options = {"iterations": 3, "batch_size": 3, "decoder_blocks": [1, 1, 1], "warm_up": 1}
    train(context("a", "train", train=options))
    loaded = load_networks(context("a", "fit", train=options))
    for name, tensor in loaded.frozen.state_dict().items():
        assert torch.equal(tensor, loaded.trained.state_dict()[name]), name


@pytest.mark.parametrize("alpha", [-3.0, 0.0])
def test_the_short_cut_of_the_warm_up_has_the_loss_and_the_gradients_of_the_long_way(
    alpha: float, context: Context
) -> None:
    """In double precision, where rounding is some 1e-14 of the largest gradient on any processor; of one step, as Adam
    divides by small numbers in its first.
    """
    made = networks(context("a", "train", train={"batch_size": 3, "decoder_blocks": [1, 1, 1]}))
    with torch.no_grad():
        code = {level: x.double() for level, x in made.frozen(images()).items()}
    short, long = (deepcopy(made.network).double() for _ in range(2))
    losses = crossed_loss(short, code, code, alpha), crossed_loss(long, dict(code), code, alpha)
    assert float(losses[0].detach()) == pytest.approx(float(losses[1].detach()), rel=1e-6)  # both are float32
    torch.stack(losses).sum().backward()
    for mine, theirs in zip(short.parameters(), long.parameters(), strict=True):
        assert mine.grad is not None and theirs.grad is not None
        assert_same_in_double(mine.grad, theirs.grad)
