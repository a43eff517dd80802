from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tocoad.errors import SettingsError
from tocoad.nn.backbone import create_backbone
from tocoad.nn.encoder import Encoder, EncoderSpec, build_encoder
from tocoad.settings.sections import EncoderSettings

IMAGENET = (0.485, 0.456, 0.406)
# name -> channels of levels 1-4 (papers' tables) and mean.
BACKBONES = {
    "resnet18": ((64, 128, 256, 512), IMAGENET),
    "wide_resnet50_2": ((256, 512, 1024, 2048), IMAGENET),
    "tf_efficientnet_lite0": ((24, 40, 112, 320), (0.5, 0.5, 0.5)),
    "convnext_atto": ((40, 80, 160, 320), IMAGENET),
}


def random_encoder(name: str, *levels: int, seed: int = 0) -> Encoder:
    return build_encoder(EncoderSettings(name=name, weights="none"), levels, seed=seed)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_a_map_per_level_with_its_own_widths(name: str) -> None:
    channels, mean = BACKBONES[name]
    encoder = random_encoder(name, 4, 1, 3, 2)
    maps = encoder(torch.rand(2, 3, 64, 96))
    assert list(maps) == [1, 2, 3, 4]
    for level, width, stride in zip((1, 2, 3, 4), channels, (4, 8, 16, 32), strict=True):
        assert maps[level].shape == (2, width, 64 // stride, 96 // stride)
        assert encoder.channels[level] == width
        assert encoder.strides[level] == stride
    assert encoder.mean == mean


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("tf_efficientnet_lite0", {2: "blocks.2", 3: "blocks.4"}), ("resnet18", {2: "layer2", 3: "layer3"})],
)
def test_maps_are_the_whole_networks_intermediate_outputs(name: str, blocks: dict[int, str]) -> None:
    whole = create_backbone(name, seed=5).eval()
    seen: dict[int, Tensor] = {}
    for level, block in blocks.items():
        whole.get_submodule(block).register_forward_hook(lambda _m, _i, out, level=level: seen.update({level: out}))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        whole(images)
        maps = random_encoder(name, *blocks, seed=5)(images)
    for level in blocks:
        assert torch.equal(maps[level], seen[level])


def test_nothing_deeper_than_the_deepest_level_is_kept() -> None:
    shallow, deep = random_encoder("resnet18", 1), random_encoder("resnet18", 1, 4)
    assert sum(p.numel() for p in shallow.parameters()) == 157_504  # stem 9,408 + 128, layer1 4 * (36,864 + 128)
    assert sum(p.numel() for p in deep.parameters()) == 11_176_512  # ResNet-18's 11,689,512 less its classifier


def test_random_weights_depend_on_the_seed_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (random_encoder("resnet18", 1, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(4), expected)
    weights = [next(encoder.parameters()) for encoder in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnetv2_50_gluon"])
def test_spec_and_state_rebuild_the_encoder_exactly(name: str) -> None:
    encoder = random_encoder(name, 2, 3, seed=7)
    rebuilt = Encoder.from_spec(EncoderSpec.model_validate_json(encoder.spec.model_dump_json()))
    rebuilt.load_state_dict(encoder.state_dict())
    images = torch.rand(1, 3, 64, 64)
    assert (rebuilt.levels, rebuilt.mean, rebuilt.std) == (encoder.levels, encoder.mean, encoder.std)
    for level, expected in encoder(images).items():
        assert torch.equal(rebuilt(images)[level], expected)


def test_with_levels_is_a_copy_that_gives_the_same_maps() -> None:
    encoder = random_encoder("resnet18", 1, 2, 3)
    cut = encoder.with_levels((2,))
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(cut(images)[2], encoder(images)[2])
    assert list(cut(images)) == [2]
    assert next(cut.parameters()).data_ptr() != next(encoder.parameters()).data_ptr()


def test_batch_norm_stays_in_eval_mode_until_asked_otherwise() -> None:
    encoder = random_encoder("resnet18", 2).train()
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    before = norms[0].running_mean.clone()
    encoder(torch.randn(2, 3, 32, 32) + 5)
    assert encoder.training
    assert torch.equal(norms[0].running_mean, before)
    encoder.bn_mode = "train"
    encoder.train()
    encoder(torch.randn(2, 3, 32, 32) + 5)
    assert not torch.equal(norms[0].running_mean, before)


# Counted by hand: ResNet-18 has 3 tensors in its stem, 12 in layer1 and 15 in each later layer (3 for the shortcut).
# EfficientNet-Lite: stem 3; level 1 = a plain block (6) and two expanding ones (9 each); level 2 two more.
@pytest.mark.parametrize(
    ("name", "stages", "tensors"),
    [
        ("resnet18", 0, 3),
        ("resnet18", 1, 15),
        ("resnet18", 3, 45),
        ("resnet18", 4, 45),
        ("tf_efficientnet_lite0", 0, 3),
        ("tf_efficientnet_lite0", 1, 27),
        ("tf_efficientnet_lite0", 2, 45),
    ],
)
def test_stem_and_stages_gives_the_parameters_up_to_a_level(name: str, stages: int, tensors: int) -> None:
    encoder = random_encoder(name, 3)
    frozen = list(encoder.stem_and_stages(stages))
    assert len(frozen) == tensors
    for parameter in frozen:
        parameter.requires_grad_(False)
    maps = encoder(torch.rand(1, 3, 32, 32))
    assert maps[3].requires_grad == (tensors < len(list(encoder.parameters())))


def test_a_level_the_backbone_lacks_is_named() -> None:
    with pytest.raises(SettingsError, match="resnetv2_50_gluon has no level 4; its levels are 1, 2, 3"):
        random_encoder("resnetv2_50_gluon", 3, 4)
