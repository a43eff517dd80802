"""Sizes of the networks as published, and who reads what."""

from __future__ import annotations

import pytest
import torch
from rounding import assert_same_in_double
from torch import nn

from tocoad.errors import SettingsError
from tocoad.methods.recontrast.networks import LEVELS, ReconstructionNetwork
from tocoad.nn.encoder import build_encoder
from tocoad.settings.sections import EncoderSettings

LITE0 = {1: 24, 2: 40, 3: 112}


def maps(channels: dict[int, int], count: int = 2, seed: int = 0) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        level: torch.randn(count, width, 2 ** (6 - level), 2 ** (6 - level), generator=generator)
        for level, width in channels.items()
    }


def double(maps: dict[int, torch.Tensor]) -> dict[int, torch.Tensor]:
    return {level: x.double() for level, x in maps.items()}


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize(
    ("name", "ratio", "millions"),
    # Published: 144.7 M and 74.9 M, of which 8.4 M are a convolution that is declared there and never used.
    [("wide_resnet50_2", 0.5, 136.3), ("resnet50", 0.25, 66.5)],
)
def test_the_parameter_count_is_the_papers(name: str, ratio: float, millions: float) -> None:
    with torch.device("meta"):
        encoder = build_encoder(EncoderSettings(name=name, weights="none"), LEVELS)
        assert encoder.bottleneck_ratio == ratio
        network = ReconstructionNetwork(encoder.channels, encoder.bottleneck_ratio, (3, 4, 6), "relu")
    assert count(encoder, encoder, network) / 1e6 == pytest.approx(millions, abs=0.05)


def test_widths_and_strides_follow_the_encoder() -> None:
    network = ReconstructionNetwork(LITE0, 0.5, (3, 4, 6), "relu")
    of_frozen, of_trained = network(maps(LITE0), maps(LITE0, seed=1))
    for level, x in maps(LITE0).items():
        assert of_frozen[level].shape == of_trained[level].shape == x.shape
    assert network.bottleneck(maps(LITE0)).shape == (2, 224, 4, 4)


def test_each_code_is_read_by_its_own_heads_and_by_no_other() -> None:
    """In eval mode the two halves of the batch do not touch: what comes out for a target depends on one code alone."""
    network = ReconstructionNetwork(LITE0, 0.5, (1, 1, 1), "relu").eval()
    network.init_weights(0)
    trained = {level: x.requires_grad_() for level, x in maps(LITE0).items()}
    frozen = {level: x.requires_grad_() for level, x in maps(LITE0, seed=1).items()}
    of_frozen, of_trained = network(trained, frozen)
    torch.stack([x.square().sum() for x in of_frozen.values()]).sum().backward(retain_graph=True)
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in trained.values())
    assert all(x.grad is None or not x.grad.any() for x in frozen.values())
    assert all(p.grad is None for p in network.heads_trained.parameters())
    for x in (*trained.values(), *frozen.values()):
        x.grad = None
    torch.stack([x.square().sum() for x in of_trained.values()]).sum().backward()
    assert all(x.grad is None or not x.grad.any() for x in trained.values())
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in frozen.values())


def test_in_training_the_batch_norms_see_both_codes() -> None:
    network = ReconstructionNetwork(LITE0, 0.5, (1, 1, 1), "relu").train().double()
    norm = network.bottleneck.second[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    trained, frozen = double(maps(LITE0)), double(maps(LITE0, seed=1))
    network(trained, frozen)
    both = network.bottleneck.second[0](torch.cat([trained[2], frozen[2]])).mean((0, 2, 3))
    assert_same_in_double(norm.running_mean, 0.1 * both)


def test_gelu_takes_the_place_of_relu_in_the_decoder_alone() -> None:
    network = ReconstructionNetwork(LITE0, 0.5, (1, 2, 1), "gelu")
    assert sum(isinstance(m, nn.GELU) for m in network.up.modules()) == 3 * 4
    assert not any(isinstance(m, nn.ReLU) for m in network.up.modules())
    assert not any(isinstance(m, nn.GELU) for m in network.bottleneck.modules())


def test_folding_changes_rounding_alone() -> None:
    network = ReconstructionNetwork(LITE0, 0.5, (2, 1, 1), "gelu")
    network.init_weights(1)
    network.train()(maps(LITE0, 8), maps(LITE0, 8, seed=1))  # statistics that are not 0 and 1
    network.double().eval()
    folded = network.folded()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    codes = double(maps(LITE0)), double(maps(LITE0))
    with torch.no_grad():
        for mine, theirs in zip(folded(*codes), network(*codes), strict=True):
            for level in LEVELS:
                assert_same_in_double(mine[level], theirs[level])


def test_an_encoder_without_the_three_levels_is_refused() -> None:
    with pytest.raises(SettingsError, match="level"):
        build_encoder(EncoderSettings(name="vit_tiny_patch16_224", weights="none"), LEVELS)


def test_one_and_the_same_code_goes_through_once_and_gives_what_two_give() -> None:
    """In double precision: what is left is the arithmetic."""
    once, twice = (ReconstructionNetwork(LITE0, 0.5, (1, 1, 1), "relu").train() for _ in range(2))
    passes: list[int] = []
    for network in (once, twice):
        network.init_weights(0)
        network.double().bottleneck.register_forward_hook(lambda _m, _x, y: passes.append(len(y)))
    code = double(maps(LITE0))
    for mine, theirs in zip(once(code, code), twice(code, dict(code)), strict=True):
        for level in LEVELS:
            assert_same_in_double(mine[level], theirs[level])
    assert passes == [2, 4]
    for mine, theirs in zip(norms(once), norms(twice), strict=True):
        assert_same_in_double(mine.running_mean, theirs.running_mean)


def test_of_a_code_that_goes_through_once_the_running_variances_are_those_of_half_as_many_numbers() -> None:
    """torch keeps the variance times n / (n - 1), and n is half of what it is the long way; nothing else is other."""
    network = ReconstructionNetwork(LITE0, 0.5, (1, 1, 1), "relu").train().double()
    norm, given = network.bottleneck.second[1], []
    network.bottleneck.second[0].register_forward_hook(lambda _m, _x, y: given.append(y.detach()))
    code = double(maps(LITE0))
    network(code, code)
    assert_same_in_double(norm.running_var, 0.9 + 0.1 * given[0].var((0, 2, 3)))
