"""Folded networks against the networks they were made from, and what must not be folded."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from rounding import assert_same_in_double, sum_error
from torch import Tensor, nn

from tocoad.nn.decoder import Discriminator
from tocoad.nn.encoder import Encoder, EncoderSpec, build_encoder, run_small
from tocoad.nn.folding import FoldedForward, find_pairs, fold
from tocoad.settings.sections import EncoderSettings


def disturb(network: nn.Module) -> None:
    """Statistics and gains such as training leaves; the initial ones would hide half of the arithmetic."""
    generator = torch.Generator().manual_seed(0)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.3, generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
            if norm.affine:
                with torch.no_grad():
                    norm.weight.uniform_(0.5, 1.5, generator=generator)
                    norm.bias.normal_(0, 0.3, generator=generator)


def encoder(name: str) -> Encoder:
    made = build_encoder(EncoderSettings(name=name, weights="none"), None, seed=3)
    disturb(made)
    return made


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7)).to(memory_format=torch.channels_last)


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


# Left over: ResNet-50 v2's input norm and the one that each of its 3 + 4 + 6 blocks begins with.
@pytest.mark.parametrize(
    ("name", "left"),
    [("tf_efficientnet_lite0", 0), ("resnetv2_50_gluon", 14), ("resnet18", 0), ("convnext_atto", 0)],
)
def test_the_maps_stay_the_same(name: str, left: int) -> None:
    plain = encoder(name).double()
    folded = plain.folded()
    assert norms(folded) == left
    maps = folded(images(2, 3, 64, 96).double())
    for level, expected in plain(images(2, 3, 64, 96).double()).items():
        assert_same_in_double(maps[level], expected)


def test_the_network_itself_is_left_alone() -> None:
    plain = encoder("resnet18")
    plain.backbone.layer1.requires_grad_(False)
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    trained = [parameter.requires_grad for parameter in plain.parameters()]
    plain.folded()
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())
    assert [parameter.requires_grad for parameter in plain.parameters()] == trained
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in plain.modules())


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnetv2_50_gluon"])
def test_a_folded_encoder_is_rebuilt_to_the_same_bits(name: str) -> None:
    folded = encoder(name).with_levels((2, 3)).folded()
    with torch.inference_mode():  # as a caller who only predicts may have it
        rebuilt = Encoder.from_spec(EncoderSpec.model_validate_json(folded.spec.model_dump_json()))
        rebuilt.load_state_dict(folded.state_dict())
        for level, expected in folded(images(1, 3, 64, 64)).items():
            assert torch.equal(rebuilt(images(1, 3, 64, 64))[level], expected)


def test_a_spec_without_the_word_is_one_of_a_plain_encoder() -> None:
    spec = {"name": "resnet18", "levels": [2], "mean": [0.5] * 3, "std": [0.5] * 3}
    assert norms(Encoder.from_spec(EncoderSpec.model_validate(spec))) > 0


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnetv2_50_gluon"])
def test_gradients_reach_the_networks_own_parameters(name: str) -> None:
    plain = encoder(name).double().train()  # in single precision a value near an activation's kink may change sides
    for parameter in plain.stem_and_stages(1):
        parameter.requires_grad_(False)
    forward = FoldedForward(plain, run_small)
    trained = [parameter for parameter in plain.parameters() if parameter.requires_grad]

    def gradients(maps: dict[int, Tensor]) -> tuple[Tensor, ...]:
        weighted = torch.stack([(x * images(*x.shape)).sum() for x in maps.values()])
        return torch.autograd.grad(weighted.sum(), trained, allow_unused=True)

    x = images(2, 3, 64, 64).double()
    torch.testing.assert_close(gradients(forward(x)), gradients(plain(x)), rtol=1e-6, atol=1e-6)


def test_the_skeleton_follows_the_parameters() -> None:
    plain = encoder("resnet18").double()
    forward = FoldedForward(plain, run_small)
    disturbed = plain.backbone.layer1[0].bn1
    with torch.no_grad():
        disturbed.weight.mul_(3)
        x = images(1, 3, 64, 64).double()
        assert_same_in_double(forward(x)[1], plain(x)[1])


@pytest.mark.parametrize("blocks", [1, 2])
def test_d_with_its_transposed_convolutions(blocks: int) -> None:
    plain = Discriminator({2: 8, 3: 12, 4: 20}, blocks)
    plain.init_weights(0)
    disturb(plain)
    plain.double().eval()
    maps = {2: images(2, 8, 16, 16).double(), 3: images(2, 12, 8, 8).double(), 4: images(2, 20, 4, 4).double()}
    folded = plain.folded()
    assert norms(plain) > 0 and norms(folded) == 0
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    expected = plain(maps, 64)
    # Up-sampled in float32: two sums of 16 products, whose weights add up to 1.
    rounding = 2 * sum_error(2 * 16, float(expected.detach().abs().max()))
    torch.testing.assert_close(folded(maps, 64), expected, rtol=0, atol=rounding)


class Branching(nn.Module):
    """The convolution is read by the norm and by the sum; or, where `twice`, its norm is used for two maps."""

    def __init__(self, twice: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.norm, self.twice = nn.BatchNorm2d(4), twice

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return self.norm(y) + (self.norm(self.second(x)) if self.twice else y)


def run(network: nn.Module) -> Iterable[Tensor]:
    return [network(torch.zeros(1, 3, 8, 8))]


@pytest.mark.parametrize("twice", [False, True])
def test_what_is_read_twice_stays(twice: bool) -> None:
    assert find_pairs(Branching(twice).eval(), run) == ()


def test_a_map_that_is_given_out_before_its_norm_stays() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()

    def run_both(network: nn.Module) -> Iterable[Tensor]:
        assert isinstance(network, nn.Sequential)
        raw = network[0](torch.zeros(1, 3, 8, 8))
        return [raw, network[1](raw)]

    assert len(find_pairs(network, run)) == 1
    assert find_pairs(network, run_both) == ()


def test_batch_statistics_are_not_folded() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    assert find_pairs(network, run) == ()


def test_by_hand() -> None:
    """3 x - 2 through (y - 1) / sqrt(4) * 6 + 5 is 9 x - 4."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0)).eval()
    with torch.no_grad():
        for tensor, value in zip(
            (network[0].weight, network[0].bias, network[1].weight, network[1].bias), (3.0, -2.0, 6.0, 5.0), strict=True
        ):
            tensor.fill_(value)
        network[1].running_mean.fill_(1)
        network[1].running_var.fill_(4)
    folded = fold(network, lambda network: [network(torch.zeros(1, 1, 2, 2))])
    assert float(folded[0].weight) == 9
    assert float(folded[0].bias) == -4
