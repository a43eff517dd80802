"""The memory-bank model against scipy, step by step, and its way through a package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from torch.nn import functional as F

from tocoad.config import EncoderSettings, ScoringSettings
from tocoad.memory.bank import MemoryBank
from tocoad.memory.model import MemoryBankModel
from tocoad.nn.encoder import build_encoder
from tocoad.scoring.patches import patch_features

SIZE = 64
LEVELS = (2, 3)


def model(**scoring: Any) -> MemoryBankModel:
    encoder = build_encoder(EncoderSettings(name="resnet18", weights="none"), LEVELS)
    with torch.inference_mode():
        normal = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(5))
        vectors = patch_features(encoder(normal), 1024).flatten(0, 2)[::3]
    bank = MemoryBank(vectors.clone())
    return MemoryBankModel.assemble(encoder, bank, SIZE, 1024, ScoringSettings(**scoring)).eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(8))


@torch.inference_mode()
def distances(made: MemoryBankModel, image: torch.Tensor) -> np.ndarray:
    """(8, 8), by scipy."""
    patches = patch_features(made.encoder(image), 1024)[0]
    flat = cdist(patches.flatten(0, 1).numpy(), made.bank.vectors.numpy())
    return flat.min(1).reshape(8, 8)


@torch.inference_mode()
def test_the_map_is_the_smoothed_distance(image: torch.Tensor) -> None:
    made = model(sigma=4.0)
    anomaly_map, score = made.score(image)
    large = F.interpolate(
        torch.tensor(distances(made, image))[None, None], size=SIZE, mode="bilinear", align_corners=False
    )
    expected = gaussian_filter(large[0, 0].numpy(), 4.0, mode="mirror", truncate=4.0)
    assert anomaly_map.shape == (1, SIZE, SIZE)
    np.testing.assert_allclose(anomaly_map[0].numpy(), expected, rtol=1e-4)
    assert float(score) == float(anomaly_map.max())


@torch.inference_mode()
def test_the_mean_of_the_top_percent(image: torch.Tensor) -> None:
    made = model(image_score="top_mean", top_percent=10.0)
    anomaly_map, score = made.score(image)
    values = np.sort(anomaly_map.numpy().ravel())[::-1]
    assert float(score) == pytest.approx(values[: SIZE * SIZE // 10].mean(), rel=1e-5)


@torch.inference_mode()
def test_re_weighting_is_equation_7(image: torch.Tensor) -> None:
    made = model(reweight=True, reweight_neighbours=5)
    _, score = made.score(image)
    patches = patch_features(made.encoder(image), 1024)[0].flatten(0, 1).numpy()
    vectors = made.bank.vectors.numpy()
    all_distances = cdist(patches, vectors)
    worst = all_distances.min(1).argmax()
    nearest = all_distances[worst].argmin()
    support = np.argsort(cdist(vectors[nearest][None], vectors)[0])[:5]
    to_support = cdist(patches[worst][None], vectors[support])[0]
    weight = 1 - np.exp(all_distances[worst].min()) / np.exp(to_support).sum()
    assert float(score) == pytest.approx(weight * all_distances[worst].min(), rel=1e-4)


@torch.inference_mode()
def test_rebuilt_from_its_architecture_it_scores_the_same_bits(image: torch.Tensor) -> None:
    made = model()
    again = MemoryBankModel.from_architecture(made.architecture)
    again.load_state_dict(made.state_dict())
    again.eval()
    for one, other in zip(made.score(image), again.score(image), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
