from __future__ import annotations

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from rounding import assert_same_in_double
from safetensors.torch import save_file
from torch import Tensor

from tocoad.nn.backbone import create_backbone
from tocoad.nn.encoder import build_encoder
from tocoad.settings.sections import EncoderSettings

State = dict[str, Tensor]


def file_state() -> State:
    """Random weights under the names of the converted ONNX file, which has no batch counters."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, value in create_backbone("resnetv2_50_gluon").state_dict().items():
        if not key.endswith("num_batches_tracked"):
            random = torch.rand(value.shape, generator=generator)
            state[key] = 0.5 + random if value.ndim == 1 else (random - 0.5) / value[0].numel() ** 0.5
    return {key.replace("norm.", "out_norm3.") if key.startswith("norm.") else key: v for key, v in state.items()}


def reference_maps(state: State, image: Tensor) -> dict[int, Tensor]:
    """He et al. 2016, "Identity mappings": each branch begins with norm and ReLU, the sum stays as it is."""

    def norm(x: Tensor, name: str) -> Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts, eps=1e-5)

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    x = conv(norm(image, "stem.in_norm"), "stem.conv", 2)
    x = F.max_pool2d(F.relu(norm(x, "stem.norm")), 3, 2, 1)
    maps = {}
    for stage, depth in enumerate((3, 4, 6)):
        for i in range(depth):
            block, stride = f"stages.{stage}.blocks.{i}", 2 if stage > 0 and i == 0 else 1
            y = F.relu(norm(x, f"{block}.norm1"))
            shortcut = conv(y, f"{block}.downsample.conv", stride) if i == 0 else x
            y = F.relu(norm(conv(y, f"{block}.conv1"), f"{block}.norm2"))
            y = F.relu(norm(conv(y, f"{block}.conv2", stride), f"{block}.norm3"))
            x = shortcut + conv(y, f"{block}.conv3")
        maps[stage + 1] = x
    return maps


def test_the_converted_file_gives_raw_stage_sums(tmp_path: Path) -> None:
    state = file_state()
    assert "out_norm3.weight" in state
    file = tmp_path / "resnet50v2.safetensors"
    save_file(state, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    settings = EncoderSettings(name="resnetv2_50_gluon", weights="file", path=file, sha256=digest)
    encoder = build_encoder(settings, (1, 2, 3)).double()
    state = {name: value.double() for name, value in state.items()}
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        maps = encoder(image)
    assert {level: m.shape[1:] for level, m in maps.items()} == {1: (256, 16, 16), 2: (512, 8, 8), 3: (1024, 4, 4)}
    for level, expected in reference_maps(state, image).items():
        assert_same_in_double(maps[level], expected)
        assert expected.min() < 0
