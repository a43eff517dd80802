"""Files to predict: what is found, and that one bad file does not stop the others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from tocoad.data.depth import FULL_DEPTH
from tocoad.data.problems import DataError
from tocoad.package.detector import Prediction
from tocoad.package.files import find_images, predict_files, save_prediction

SIZE = 16


class Brightness:
    """Scores an image by its mean; the map is its first channel."""

    image_size = SIZE
    card: Any = SimpleNamespace(depth=FULL_DEPTH, calibration=SimpleNamespace(scale=(0.0, 255.0)))

    def predict(self, images: np.ndarray) -> Prediction:
        maps = images[..., 0].astype(np.float32)
        scores = maps.mean((1, 2))
        return Prediction(scores, maps, scores > 100, maps > 100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name, value in (("a.png", 50), ("sub/b.PNG", 200), ("sub/c.bmp", 120)):
        file = tmp_path / name
        file.write_bytes(cv2.imencode(file.suffix.lower(), np.full((20, 30, 3), value, np.uint8))[1].tobytes())
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_folders_are_searched_and_files_taken_as_they_are(folder: Path) -> None:
    found = find_images([folder / "sub", folder / "a.png"])
    assert [file.name for file in found] == ["b.PNG", "c.bmp", "a.png"]


def test_what_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.png: no such file or folder"):
        find_images([folder / "nowhere.png"])
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no image in it"):
        find_images([folder / "empty"])


def test_a_broken_file_has_an_error_and_the_others_a_score(folder: Path) -> None:
    results = {p.file.name: p for p in predict_files(Brightness(), find_images([folder]))}  # type: ignore[arg-type]
    assert {name: p.pred_score for name, p in results.items()} == {
        "a.png": 50, "broken.jpg": None, "b.PNG": 200, "c.bmp": 120,
    }  # fmt: skip
    assert results["broken.jpg"].error
    assert [results[name].pred_label for name in ("a.png", "b.PNG")] == [False, True]


def test_overlay_and_raw_map_are_written(folder: Path) -> None:
    (prediction,) = predict_files(Brightness(), [folder / "sub/b.PNG"])  # type: ignore[arg-type]
    written = save_prediction(prediction, Brightness.card, folder / "out")
    assert np.array_equal(tifffile.imread(written["anomaly_map"]), np.full((SIZE, SIZE), 200, np.float32))
    assert cv2.imread(written["overlay"]).shape == (SIZE, SIZE, 3)
    assert Path(written["overlay"]).name == "sub_b_overlay.png"
