from __future__ import annotations

import numpy as np
import pytest

from tocoad.data.manifest import ImageRecord
from tocoad.evaluation.evaluate import JudgedImage
from tocoad.evaluation.selection import spread


def _image(defect_type: str, score: float) -> JudgedImage:
    record = ImageRecord(
        path=f"test/{defect_type}/{score}.png",
        sha256="",
        md5="",
        split="test",
        gt_label=0 if defect_type == "good" else 1,
        defect_type=defect_type,
        width=4,
        height=4,
    )
    return JudgedImage(record, np.float32(score), False, np.zeros((4, 4), np.float32), None)


IMAGES = [_image("good", s) for s in (1, 5, 3, 2, 4)] + [_image("crack", s) for s in (6, 9, 7)] + [_image("hole", 8)]


def _names(count: int, extremes: bool = True) -> list[str]:
    chosen = spread(IMAGES, count, extremes=extremes)
    return [f"{image.record.defect_type} {image.pred_score:.0f}" for image in chosen]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, ["crack 6"]),
        (3, ["crack 6", "good 5", "hole 8"]),
        (5, ["crack 6", "crack 9", "good 5", "good 1", "hole 8"]),
        (7, ["crack 6", "crack 7", "crack 9", "good 5", "good 3", "good 1", "hole 8"]),
    ],
)
def test_every_type_has_its_share_and_the_worst_case_comes_first(count: int, expected: list[str]) -> None:
    assert _names(count) == expected


def test_asking_for_more_than_there_is_gives_each_once() -> None:
    assert sorted(_names(100)) == sorted(f"{i.record.defect_type} {i.pred_score:.0f}" for i in IMAGES)


def test_without_extremes_the_middle_stands_for_its_type() -> None:
    assert _names(3, extremes=False) == ["crack 7", "good 3", "hole 8"]


def test_no_images_no_choice() -> None:
    assert spread([], 5) == []
