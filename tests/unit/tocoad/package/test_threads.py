"""Scores and maps do not hang on the number of threads: each image has one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers.packages import save_detector
from tocoad.package.detector import Detector, load_detector


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return load_detector(save_detector(tmp_path_factory.mktemp("package") / "detector", 0, size=96, weights="wheel"))


@pytest.mark.parametrize("size", [(96, 96), (40, 130)])
@pytest.mark.parametrize("threads", [2, 4])
def test_any_number_of_threads_gives_the_same_bytes(detector: Detector, threads: int, size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, *size, 3), dtype=np.uint8)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    one, several = detector.predict(images), detector.predict_on(threads, images)
    for name in ("pred_score", "anomaly_map", "pred_label", "pred_mask"):
        assert getattr(one, name).tobytes() == getattr(several, name).tobytes()
        assert getattr(one, name).shape == getattr(several, name).shape
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_no_images_need_no_threads(detector: Detector) -> None:
    assert detector.predict_on(4, np.empty((0, 5, 20, 3), np.uint8)).anomaly_map.shape == (0, 5, 20)
