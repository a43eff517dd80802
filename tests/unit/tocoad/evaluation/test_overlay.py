from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from tocoad.data.depth import FULL_DEPTH
from tocoad.evaluation.evaluate import JudgedImage, evaluate_detector
from tocoad.evaluation.overlay import PANEL, contact_sheet, draw_strip
from tocoad.pictures.heatmap import png
from tocoad.settings.sections import Settings

GREEN, CYAN = (80, 200, 60), (255, 220, 0)


def card(pixel_threshold: float) -> Any:
    """What the drawing reads of a detector's card: scale 0..1, image threshold 0.3."""
    calibration, image_threshold = SimpleNamespace(scale=(0.0, 1.0)), SimpleNamespace(value=0.3)
    return SimpleNamespace(
        calibration=calibration, image_threshold=image_threshold, pixel_threshold=pixel_threshold, depth=FULL_DEPTH
    )


def _images(category: Any, detector: Any) -> dict[str, JudgedImage]:
    evaluation = evaluate_detector(detector, category.manifest(), category.data_dir, Settings())
    return {image.record.path: image for image in evaluation.images}


def _panels(strip: np.ndarray) -> list[np.ndarray]:
    """Of an image that is not higher than wide."""
    width = PANEL + 4
    return [strip[22:, start : start + PANEL] for start in range(0, strip.shape[1], width)]


def _has(panel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((panel == colour).all(axis=2).any())


def test_four_panels_with_the_truth_in_the_second_and_the_prediction_in_the_fourth(
    category: Any, detector: Any
) -> None:
    image = _images(category, detector)["test/scratch/001.png"]
    strip = draw_strip(image, category.data_dir, card(0.2), masks=True)
    assert strip.shape == (22 + PANEL * 40 // 64, 4 * (PANEL + 4), 3)
    assert [_has(panel, GREEN) for panel in _panels(strip)] == [False, True, False, False]
    assert [_has(panel, CYAN) for panel in _panels(strip)] == [False, False, False, True]


def test_nothing_is_outlined_where_there_is_neither_mask_nor_finding(category: Any, detector: Any) -> None:
    strip = draw_strip(_images(category, detector)["test/good/000.png"], category.data_dir, card(0.4), masks=True)
    assert not _has(strip, GREEN)
    assert not _has(strip, CYAN)


@pytest.mark.parametrize(
    ("path", "masks", "panels"),
    [
        ("test/scratch/000.png", True, 4),
        ("test/good/000.png", True, 4),
        ("test/stain/000.png", True, 3),
        ("test/good/000.png", False, 3),
    ],
)
def test_no_truth_is_drawn_where_none_is_known(
    category: Any, detector: Any, path: str, masks: bool, panels: int
) -> None:
    strip = draw_strip(_images(category, detector)[path], category.data_dir, card(0.4), masks)
    assert len(_panels(strip)) == panels


def test_a_defect_smaller_than_a_pixel_of_the_panel_is_still_outlined(images: Any, detector: Any) -> None:
    images.add("scratch/0", 250, size=(1200, 1200))
    (image,) = _images(images, detector).values()
    mask = np.zeros((1200, 1200), bool)
    mask[601, 603] = True
    strip = draw_strip(replace(image, packed_mask=np.packbits(mask)), images.data_dir, card(0.4), masks=True)
    assert _has(_panels(strip)[1], GREEN)


def test_colours_mean_the_same_score_in_every_image(category: Any, detector: Any) -> None:
    """The scale is not stretched to the image: the background of all is equal, and brighter patches score higher."""
    images = _images(category, detector)
    heat = [
        _panels(draw_strip(images[path], category.data_dir, card(0.4), masks=True))[-2]
        for path in ("test/good/000.png", "test/scratch/000.png", "test/stain/000.png")
    ]
    assert len({tuple(panel[-1, -1]) for panel in heat}) == 1
    peaks = [int(panel.astype(int).sum(axis=2).max()) for panel in heat]
    assert peaks[0] < peaks[2] < peaks[1]


@pytest.mark.parametrize("size", [(1, 300), (300, 1), (2000, 10)])
def test_extreme_aspect_ratios_are_drawn(images: Any, detector: Any, size: tuple[int, int]) -> None:
    images.add("scratch/0", 250, mask=True, size=size)
    (image,) = _images(images, detector).values()
    assert draw_strip(image, images.data_dir, card(0.4), masks=True).size > 0


def test_a_contact_sheet_stacks_strips_of_different_width(tmp_path: Path) -> None:
    sheet = contact_sheet([np.zeros((10, 40, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)])
    assert sheet.shape == (10 + 20 + 2 * 4, 40, 3)
    (tmp_path / "sheet.png").write_bytes(png(sheet))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "sheet.png")), sheet)
