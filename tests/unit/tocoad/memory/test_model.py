"""The memory-bank model against scipy, step by step, and its way through a package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from rounding import sum_error
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from torch.nn import functional as F

from tocoad.memory.bank import MemoryBank
from tocoad.memory.model import MemoryBankModel, scaled_size
from tocoad.nn.encoder import build_encoder
from tocoad.scoring.patches import patch_features
from tocoad.settings.sections import EncoderSettings, ScoringSettings

SIZE = 64
LEVELS = (2, 3)
# Relative, of a map of distances: each the root of a sum of 128 + 256 squares, then two sums of at most 12 products
# whose weights are positive. scipy computes in double.
ROUNDING = sum_error(128 + 256 + 2 * 13)


def model(factors: tuple[float, ...] = (1.0,), **scoring: Any) -> MemoryBankModel:
    encoder = build_encoder(EncoderSettings(name="resnet18", weights="none"), LEVELS)
    with torch.inference_mode():
        normal = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(5))
        vectors = patch_features(encoder(normal), 1024).flatten(0, 2)
    banks = {factor: MemoryBank(vectors[number::3].clone()) for number, factor in enumerate(factors)}
    return MemoryBankModel.assemble(encoder, banks, SIZE, 1024, ScoringSettings(**scoring)).eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(8))


@torch.inference_mode()
def expected_map(made: MemoryBankModel, image: torch.Tensor, number: int, sigma: float) -> np.ndarray:
    """(64, 64) of one scale, by scipy, from an image of that scale."""
    patches = patch_features(made.encoder(image), 1024)[0]
    grid = patches.shape[0]
    distances = cdist(patches.flatten(0, 1).numpy(), made.bank(number).vectors.numpy()).min(1).reshape(grid, grid)
    large = F.interpolate(torch.tensor(distances)[None, None], size=SIZE, mode="bilinear", align_corners=False)
    return gaussian_filter(large[0, 0].numpy(), sigma, mode="mirror", truncate=4.0)


@torch.inference_mode()
def test_the_map_is_the_smoothed_distance(image: torch.Tensor) -> None:
    made = model(sigma=4.0)
    anomaly_map, score = made.score(image)
    assert anomaly_map.shape == (1, SIZE, SIZE)
    np.testing.assert_allclose(anomaly_map[0].numpy(), expected_map(made, image, 0, 4.0), rtol=ROUNDING)
    assert float(score) == float(anomaly_map.max())


@torch.inference_mode()
def test_of_two_scales_the_map_is_the_mean_of_both_on_their_ranges(image: torch.Tensor) -> None:
    made = model((1.0, 1.5), sigma=2.0)
    larger = F.interpolate(image, 96, mode="bilinear", align_corners=False)
    coarse, fine = expected_map(made, image, 0, 2.0), expected_map(made, larger, 1, 2.0)
    found = [scale_map[0].numpy() for scale_map in made.distance_maps(made.search(image))]
    np.testing.assert_allclose(found[0], coarse, rtol=ROUNDING)
    np.testing.assert_allclose(found[1], fine, rtol=ROUNDING)
    ranged = made.normalised_by([(1.0, 3.0), (2.0, 7.0)]).eval()
    anomaly_map, score = ranged.score(image)
    expected = ((coarse - 1) / 2 + (fine - 2) / 5) / 2
    np.testing.assert_allclose(anomaly_map[0].numpy(), expected, rtol=0, atol=ROUNDING * max(coarse.max(), fine.max()))
    assert float(score) == float(anomaly_map.max())


@torch.inference_mode()
def test_maps_that_the_caller_has_are_not_computed_again(image: torch.Tensor) -> None:
    made = model((1.0, 1.5))
    maps = made.encoder(image)
    with_maps = made.score(image, maps)
    for mine, theirs in zip(made.score(image), with_maps, strict=True):
        assert torch.equal(mine, theirs)
    blank = {level: torch.zeros_like(x) for level, x in maps.items()}
    assert not torch.equal(made.score(image, blank)[0], with_maps[0])


@pytest.mark.parametrize(("factor", "size"), [(1.0, 256), (1.5, 384), (0.7, 192), (1.1, 288), (0.01, 32)])
def test_sizes_of_scales_are_whole_in_every_level(factor: float, size: int) -> None:
    assert scaled_size(256, factor) == size


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
    vectors = made.bank(0).vectors.numpy()
    all_distances = cdist(patches, vectors)
    worst = all_distances.min(1).argmax()
    nearest = all_distances[worst].argmin()
    support = np.argsort(cdist(vectors[nearest][None], vectors)[0])[:5]
    to_support = cdist(patches[worst][None], vectors[support])[0]
    weight = 1 - np.exp(all_distances[worst].min()) / np.exp(to_support).sum()
    assert float(score) == pytest.approx(weight * all_distances[worst].min(), rel=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("factors", [(1.0,), (1.0, 1.5)])
def test_rebuilt_from_its_architecture_it_scores_the_same_bits(image: torch.Tensor, factors: tuple[float, ...]) -> None:
    made = model(factors).normalised_by([(0.5, 2.5)] * len(factors)).eval()
    again = MemoryBankModel.from_architecture(made.architecture)
    again.load_state_dict(made.state_dict())
    again.eval()
    for one, other in zip(made.score(image), again.score(image), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()


@torch.inference_mode()
def test_under_autocast_only_the_encoder_computes_in_bf16(image: torch.Tensor) -> None:
    made = model()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = made.encoder(image)
        anomaly_map, _ = made.score(image)
    assert maps[2].dtype == torch.bfloat16
    expected, _ = made.score(image, {level: x.float() for level, x in maps.items()})
    torch.testing.assert_close(anomaly_map, expected, rtol=2 * ROUNDING, atol=0)
