"""The kept maps are those of each image alone, computed once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tocoad.methods.recontrast.frozen import FrozenMaps
from tocoad.nn.device import compute_context
from tocoad.nn.encoder import build_encoder
from tocoad.settings.sections import ComputeSettings, EncoderSettings
from tocoad.training.tensors import image_tensor

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("autocast", [False, True])
def test_a_batch_has_the_maps_of_its_images_in_order(autocast: bool, tmp_path: Path) -> None:
    with compute_context(ComputeSettings(autocast=autocast)) as compute:
        encoder = compute.place(build_encoder(EncoderSettings(name="resnet18", weights="none"), (1, 2, 3)).folded())
        maps = FrozenMaps(encoder, IMAGES, compute, tmp_path)
        for indices in ([3, 0], [0, 4, 3], [3, 3]):
            batch = maps.batch(indices)
            for place, index in enumerate(indices):
                x = image_tensor(IMAGES[[index]], encoder.mean, encoder.std, compute)
                with torch.no_grad(), compute.autocast():
                    expected = encoder(x)
                for level in (1, 2, 3):
                    assert batch[level].dtype == expected[level].dtype
                    assert torch.equal(batch[level][place], expected[level][0])
                    assert not batch[level].requires_grad
    assert not list(tmp_path.iterdir())


def test_an_image_is_computed_once(tmp_path: Path) -> None:
    with compute_context(ComputeSettings()) as compute:
        encoder = compute.place(build_encoder(EncoderSettings(name="resnet18", weights="none"), (1, 2, 3)).folded())
        seen: list[int] = []
        encoder.register_forward_hook(lambda _m, x, _y: seen.append(len(x[0])))
        maps = FrozenMaps(encoder, IMAGES, compute, tmp_path)
        for indices in ([0, 1], [1, 2], [2, 0], [0, 1, 2]):
            maps.batch(indices)
    assert seen == [1, 1, 1]
