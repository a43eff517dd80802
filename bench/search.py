"""How long does an image's search in a bank of wide vectors take, by bounds, by the whole product and by torch's cdist?

Patches of 1,024 numbers (ResNet-50 without trained weights, levels 2 and 3) of rendered images of 256 x 256; one
thread. Every tenth patch of 30 images makes the bank. The first two find the same vectors; cdist's sums lose digits.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from bench.timing import Row, median_seconds
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images
from tocoad.memory.bank import MemoryBank
from tocoad.memory.bounds import AXES
from tocoad.nn.device import compute_context
from tocoad.nn.encoder import build_encoder
from tocoad.sample.render import SampleCounts, render_sample
from tocoad.scoring.patches import patch_features
from tocoad.settings.sections import ComputeSettings, EncoderSettings
from tocoad.training.tensors import image_tensor

IMAGES, EVERY, WIDTH, SIZE = 30, 10, 1024, 256
LEVELS = (2, 3)


def run() -> list[Row]:
    with compute_context(ComputeSettings(device="cpu")), torch.inference_mode():
        *normal, query = _patches()
        vectors = torch.cat(normal)[::EVERY]
        bank, image = MemoryBank(vectors), query[None]
        if not torch.equal(bank.nearest(image)[1][0], bank._by_product(query)):
            raise AssertionError("bounds and product do not agree")
        seconds = [
            median_seconds(way)
            for way in (
                lambda: _by_cdist(vectors, query),
                lambda: bank._by_product(query),
                lambda: bank.nearest(image),
            )
        ]
    case = f"{len(query)} patches in a bank of {len(vectors)} x {WIDTH}"
    names = ("torch.cdist and min", "the whole product", f"bounds on {AXES} axes")
    return [Row(f"{case}: {name}", s, "s", s / seconds[0]) for name, s in zip(names, seconds, strict=True)]


def _patches() -> list[Tensor]:
    """(P, WIDTH) of each image."""
    encoder = build_encoder(EncoderSettings(name="resnet50", weights="none"), LEVELS).eval()
    with compute_context(ComputeSettings(device="cpu")) as compute, tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "sample")
        render_sample(target, size=SIZE, counts=SampleCounts(train=IMAGES + 1, test_good=0, test_defective=0))
        files = sorted(target.glob("gear/train/good/*.png"))
        images = load_images(files, SIZE, FULL_DEPTH)
        tensors = (image_tensor(images[i : i + 1], encoder.mean, encoder.std, compute) for i in range(len(images)))
        return [patch_features(encoder(x), WIDTH).flatten(0, 2) for x in tensors]


def _by_cdist(vectors: Tensor, query: Tensor) -> Tensor:
    return torch.cdist(query, vectors).min(1).indices
