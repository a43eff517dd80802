from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from tocoad.evaluation.evaluate import JudgedImage, evaluate_detector
from tocoad.evaluation.gallery import read_gallery, worst_first, write_gallery
from tocoad.evaluation.overlay import PANEL
from tocoad.settings.sections import Settings


def _judged(specs: dict[str, tuple[int, bool, float]]) -> list[JudgedImage]:
    """name -> (gt_label, pred_label, score)."""
    return [
        JudgedImage(
            record=SimpleNamespace(path=name, gt_label=label, defect_type="hole" if label else "good"),  # type: ignore[arg-type]
            pred_score=np.float32(score),
            pred_label=predicted,
            native_map=np.zeros((2, 2), np.float32),
            packed_mask=None,
        )
        for name, (label, predicted, score) in specs.items()
    ]


IMAGES = _judged(
    {
        "miss-near": (1, False, 0.9),
        "miss-far": (1, False, 0.1),
        "reject-near": (0, True, 1.1),
        "reject-far": (0, True, 5.0),
        "caught": (1, True, 3.0),
        "caught-just": (1, True, 1.05),
        "passed": (0, False, 0.2),
    }
)


def _names(images: list[JudgedImage]) -> list[str]:
    return [image.record.path for image in images]


def test_the_worst_mistakes_come_first_then_the_hard_cases_of_the_rest() -> None:
    assert _names(worst_first(IMAGES, 10)) == [
        *("miss-far", "miss-near", "reject-far", "reject-near", "passed", "caught-just", "caught")
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, ["miss-far"]),
        (2, ["miss-far", "reject-far"]),
        (3, ["miss-far", "miss-near", "reject-far"]),
        (4, ["miss-far", "miss-near", "reject-far", "reject-near"]),
    ],
)
def test_where_not_all_mistakes_fit_both_kinds_have_their_share(count: int, expected: list[str]) -> None:
    assert _names(worst_first(IMAGES, count)) == expected


def test_the_index_tells_what_each_picture_shows(category: Any, detector: Any, tmp_path: Path) -> None:
    evaluation = evaluate_detector(detector, category.manifest(), category.data_dir, Settings())
    written = write_gallery(evaluation.images, 10, category.data_dir, detector.card, tmp_path / "gallery")
    entries = read_gallery(tmp_path / "gallery")
    assert entries == written
    assert [(entry.image_path, entry.outcome) for entry in entries] == [
        ("test/scratch/001.png", "miss"),
        ("test/good/002.png", "false reject"),
        ("test/good/001.png", "passed"),
        ("test/good/000.png", "passed"),
        ("test/scratch/000.png", "caught"),
        ("test/stain/000.png", "caught"),
    ]
    assert entries[0].size == (PANEL, PANEL * 40 // 64)
    for entry in entries:
        known = ["truth"] if entry.defect_type != "stain" else []
        assert list(entry.pictures) == ["image", *known, "heat_map", "overlay"]
        for name in entry.pictures.values():
            picture = cv2.imread(str(tmp_path / "gallery" / name))
            assert picture.shape[:2] == entry.size[::-1]


def test_a_category_without_masks_has_no_pictures_of_a_truth(images: Any, detector: Any, tmp_path: Path) -> None:
    images.add("good/000", 20)
    images.add("cnv/000", 250)
    evaluation = evaluate_detector(detector, images.manifest(), images.data_dir, Settings())
    entries = write_gallery(evaluation.images, 10, images.data_dir, detector.card, tmp_path / "gallery")
    assert [list(entry.pictures) for entry in entries] == [["image", "heat_map", "overlay"]] * 2
    assert not list((tmp_path / "gallery").glob("*truth*"))


def test_no_gallery_is_an_empty_one(tmp_path: Path) -> None:
    assert read_gallery(tmp_path) == []
