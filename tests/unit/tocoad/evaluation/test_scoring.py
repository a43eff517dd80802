from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tocoad.errors import StageError
from tocoad.evaluation.scoring import score_manifest


def test_images_are_scored_in_order_one_batch_at_a_time(category: Any, detector: Any) -> None:
    records = category.manifest().images
    scored = score_manifest(detector, category.data_dir, records, batch_size=4)
    first = next(scored)
    assert detector.batches == [4]
    assert [image.record for image in (first, *scored)] == list(records)
    assert detector.batches == [4, 2]
    assert first.anomaly_map.shape == (32, 32)


def test_scores_do_not_depend_on_the_batch_size(category: Any, detector: Any) -> None:
    records = category.manifest().images
    one, many = ([i.pred_score for i in score_manifest(detector, category.data_dir, records, b)] for b in (1, 16))
    assert one == many


@pytest.mark.parametrize("part", ["pred_score", "anomaly_map"])
def test_an_answer_that_is_not_finite_names_the_image(category: Any, detector: Any, part: str) -> None:
    class Broken:
        image_size = 32
        card = detector.card

        def predict(self, images: np.ndarray) -> SimpleNamespace:
            prediction = detector.predict(images)
            getattr(prediction, part)[1] = np.nan
            return prediction

    with pytest.raises(StageError, match=r"good/001\.png.*not finite"):
        list(score_manifest(Broken(), category.data_dir, category.manifest().images, batch_size=8))
