from __future__ import annotations

import numpy as np
import pytest

from tocoad.metrics.image import image_AP, image_AUROC, image_F1Max


def test_hand_calculated() -> None:
    # Descending: 1 0 1 0. Of four pairs three are in order; AP = (1/1 + 2/3) / 2; the best F1 takes three images.
    labels, scores = [0, 1, 0, 1], [0.2, 0.9, 0.8, 0.7]
    assert image_AUROC(labels, scores) == 0.75
    assert image_AP(labels, scores) == pytest.approx((1 + 2 / 3) / 2, abs=1e-15)
    assert image_F1Max(labels, scores) == pytest.approx(0.8, abs=1e-15)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_one_kind_of_image_alone_gives_no_figure(labels: list[int]) -> None:
    for metric in (image_AUROC, image_AP, image_F1Max):
        assert metric(labels, np.arange(len(labels), dtype=float)) is None


def test_the_scores_are_left_as_they_were() -> None:
    scores = np.array([3.0, 1.0, 2.0])
    image_AUROC([0, 0, 1], scores)
    assert scores.tolist() == [3.0, 1.0, 2.0]
