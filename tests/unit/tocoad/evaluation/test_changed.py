from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.helpers.packages import save_detector
from tocoad.evaluation.changed import draw_changed
from tocoad.package.card import read_card, write_card
from tocoad.settings.sections import Settings


def test_each_image_is_drawn_with_what_both_detectors_see_and_the_truth_where_a_mask_tells_it(
    category: Any, tmp_path: Path
) -> None:
    (tmp_path / "manifest").mkdir()
    category.manifest().save(tmp_path / "manifest" / "test.json")
    folders = {
        "manifest": tmp_path / "manifest",
        "images": category.data_dir,
        "champion": save_detector(tmp_path / "champion", 1),
        "challenger": save_detector(tmp_path / "challenger", 2),
    }
    card, _ = read_card(folders["challenger"])
    calm = card.calibration.model_copy(update={"scale": (0.0, 1e6)})
    write_card(folders["challenger"], card.model_copy(update={"calibration": calm}))
    names = json.dumps(["test/scratch/001.png", "test/good/001.png", "test/gone.png"])
    drawn = draw_changed(folders, Settings().model_dump_json(), names)
    assert {name: list(one.pictures) for name, one in drawn.items()} == {
        "test/good/001.png": ["image", "champion", "challenger"],
        "test/scratch/001.png": ["image", "truth", "champion", "challenger"],
    }
    scratch = drawn["test/scratch/001.png"]
    assert scratch.size == (256, 160)
    pictures = {name: cv2.imdecode(np.frombuffer(one, np.uint8), 1) for name, one in scratch.pictures.items()}
    assert {one.shape for one in pictures.values()} == {(160, 256, 3)}
    changed = {name: np.abs(one.astype(int) - pictures["image"]).mean() for name, one in pictures.items()}
    assert changed["champion"] > 50 > 10 > changed["challenger"], "each map is on its own detector's scale"
