"""How far the number of threads changes a detector's answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.packages import save_detector
from tocoad.config import ComputeSettings
from tocoad.package.detector import Prediction, load_detector

# Another number of threads sums the same float32 products in another order. That changes a sum of K products by about
# sqrt(K) 2^-24 of their size, and what L layers make of each other by sqrt(L) times that; EfficientNet-Lite0 has K up
# to 1,152 and 50 layers, so sqrt(K L) 2^-24 = 1.4e-5. A distance changes by no more than its features. Seen were 3e-7.
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_detector(tmp_path_factory.mktemp("package") / "detector", 0, size=256, weights="wheel")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 16, 16, 3)).astype(np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    return np.clip(coarse + rng.normal(0, 5, coarse.shape), 0, 255).astype(np.uint8)


def predict(package: Path, images: np.ndarray, threads: int) -> Prediction:
    return load_detector(package, ComputeSettings(device="cpu", threads=threads)).predict(images)


@pytest.mark.parametrize("threads", [2, 4])
def test_scores_and_maps_hang_on_the_number_of_threads_by_rounding_alone(
    package: Path, images: np.ndarray, threads: int
) -> None:
    one, several = predict(package, images, 1), predict(package, images, threads)
    assert one.pred_score.max() > 1.02 * one.pred_score.min() > 0, "there is something to compare"
    np.testing.assert_allclose(several.pred_score, one.pred_score, rtol=TOLERANCE, atol=0)
    greatest = one.anomaly_map.max()
    np.testing.assert_allclose(several.anomaly_map, one.anomaly_map, rtol=0, atol=TOLERANCE * greatest)


def test_the_same_number_of_threads_gives_the_same_bits(package: Path, images: np.ndarray) -> None:
    first, again = predict(package, images, 2), predict(package, images, 2)
    assert first.anomaly_map.tobytes() == again.anomaly_map.tobytes()
    assert first.pred_score.tobytes() == again.pred_score.tobytes()
