"""Files to predict: what is found, and that one bad file does not stop the others."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import resize_images
from tocoad.data.problems import DataError
from tocoad.errors import StageError
from tocoad.package.detector import Prediction
from tocoad.pictures.heatmap import PREDICTED, heat_overlay, outline
from tocoad.predict.files import FilePrediction, find_images, predict_files

SIZE = 16


class Brightness:
    """Scores an image, resized as a detector does, by its mean; the map is its first channel at its own size."""

    image_size = SIZE
    card: Any = SimpleNamespace(depth=FULL_DEPTH, calibration=SimpleNamespace(scale=(0.0, 255.0)))

    def predict(self, images: np.ndarray) -> Prediction:
        maps = images[..., 0].astype(np.float32)
        scores = resize_images(images, SIZE)[..., 0].astype(np.float32).mean((1, 2))
        return Prediction(scores, maps, scores > 100, maps > 100)

    def shared(self) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name, value in (("a.png", 50), ("sub/b.PNG", 200), ("sub/c.bmp", 120)):
        file = tmp_path / name
        file.write_bytes(cv2.imencode(file.suffix.lower(), np.full((20, 30, 3), value, np.uint8))[1].tobytes())
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "notes.txt").touch()
    return tmp_path


def predict(files: list[Path], out: Path | None = None, threads: int = 3) -> dict[str, FilePrediction]:
    found = find_images(files, out)
    results = predict_files(Brightness(), found.images, out, threads)  # type: ignore[arg-type]
    return {p.found.file.name: p for p in results}


def test_folders_are_searched_and_files_taken_as_they_are(folder: Path) -> None:
    found = find_images([folder / "sub", folder / "a.png", folder / "sub/b.PNG"])
    assert [image.file.name for image in found.images] == ["b.PNG", "c.bmp", "a.png"], "each once"


def test_what_is_no_image_is_told_of_and_what_systems_leave_behind_is_not(folder: Path) -> None:
    (folder / "sub/part.webp").touch()
    (folder / "sub/._b.PNG").touch()
    (folder / "sub/.ipynb_checkpoints").mkdir()
    (folder / "sub/.ipynb_checkpoints/b-checkpoint.png").touch()
    found = find_images([folder])
    assert [image.file.name for image in found.images] == ["a.png", "broken.jpg", "b.PNG", "c.bmp"]
    assert found.others == (folder / "notes.txt", folder / "sub/part.webp")


def test_what_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.png: no such file or folder"):
        find_images([folder / "nowhere.png"])
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no image in it"):
        find_images([folder / "empty"])


def test_results_are_never_taken_for_images(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/a.png.overlay.png").touch()
    assert not any("overlay" in image.file.name for image in find_images([folder], folder / "out").images)
    with pytest.raises(DataError, match="give another folder with --out"):
        find_images([folder], folder / "sub" / "..")


def test_a_broken_file_has_an_error_and_the_others_a_score(folder: Path) -> None:
    results = predict([folder])
    assert {name: p.pred_score for name, p in results.items()} == {
        "a.png": 50, "broken.jpg": None, "b.PNG": 200, "c.bmp": 120,
    }  # fmt: skip
    assert results["broken.jpg"].error
    assert [results[name].pred_label for name in ("a.png", "b.PNG")] == [False, True]


def test_scores_are_the_same_whether_or_not_files_are_written(folder: Path) -> None:
    rng = np.random.default_rng(0)
    cv2.imwrite(str(folder / "noise.png"), rng.integers(0, 256, (45, 31, 3)).astype(np.uint8))
    without, written = predict([folder]), predict([folder], folder / "out")
    assert {n: p.pred_score for n, p in written.items()} == {n: p.pred_score for n, p in without.items()}


def test_files_keep_their_order_however_many_read_ahead(tmp_path: Path) -> None:
    for number in range(40):
        side = 400 if number % 3 == 0 else 4
        cv2.imwrite(str(tmp_path / f"{number:02d}.png"), np.full((side, side, 3), number, np.uint8))
    assert [p.pred_score for p in predict([tmp_path]).values()] == list(range(40))


def test_a_score_that_is_not_finite_ends_the_work(folder: Path) -> None:
    class Broken(Brightness):
        def predict(self, images: np.ndarray) -> Prediction:
            return Prediction(np.full(1, np.nan, np.float32), *dataclasses.astuple(super().predict(images))[1:])

    with pytest.raises(StageError, match=r"a\.png: the detector's score or map is not finite"):
        list(predict_files(Broken(), find_images([folder]).images))  # type: ignore[arg-type]


def test_overlay_and_raw_map_are_written_at_the_images_size(folder: Path) -> None:
    (prediction,) = predict([folder / "sub/b.PNG"], folder / "out").values()
    written = prediction.written
    assert np.array_equal(tifffile.imread(written["anomaly_map"]), np.full((20, 30), 200, np.float32))
    assert cv2.imread(str(written["overlay"])).shape == (20, 30, 3)
    names = [str(written[kind].relative_to(folder)) for kind in ("overlay", "anomaly_map")]
    assert names == ["out/b.PNG.overlay.png", "out/b.PNG.map.tiff"]
    assert {file.name for file in (folder / "out").iterdir()} == {"b.PNG.overlay.png", "b.PNG.map.tiff"}


def test_an_overlay_that_is_drawn_in_bands_is_the_overlay(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (600, 40, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    (prediction,) = predict([tmp_path / "a.png"], tmp_path / "out").values()
    anomaly_map = image[..., 2].astype(np.float32)
    whole = heat_overlay(image, anomaly_map, Brightness.card.calibration.scale)
    expected = outline(whole, anomaly_map > 100, PREDICTED)
    assert np.array_equal(cv2.imread(str(prediction.written["overlay"])), expected)


def test_a_result_replaces_a_link_and_does_not_write_through_it(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "kept").write_bytes(b"kept")
    (folder / "out/a.png.overlay.png").symlink_to(folder / "kept")
    predict([folder / "a.png"], folder / "out")
    assert (folder / "kept").read_bytes() == b"kept"
