"""Packages: saved and loaded to the same scores, and refused in one line when they are not whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.helpers.damage import damages
from tocoad.calibration.conformal import conformal_threshold
from tocoad.files.sealed import SEAL
from tocoad.package import detector as module
from tocoad.package.card import Calibration, DetectorCard, Provenance, package_sha256
from tocoad.package.detector import Detector, PackageError, load_detector
from tocoad.settings.sections import ComputeSettings

SIZE = 8


class Tiny(nn.Module):
    """Scores the first channel, scaled by its one weight."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(float(gain)))

    @property
    def architecture(self) -> dict[str, Any]:
        return {"kind": "tiny"}

    @classmethod
    def from_architecture(cls, architecture: dict[str, Any]) -> Tiny:
        assert architecture == {"kind": "tiny"}
        return cls()

    def score(self, images: Tensor) -> tuple[Tensor, Tensor]:
        anomaly_map = self.gain * images[:, 0]
        return anomaly_map, anomaly_map.amax((1, 2))


def tiny_detector(gain: float) -> Detector:
    card = DetectorCard(
        dataset="d",
        category="c",
        method="patchcore",
        model="tiny",
        architecture={"kind": "tiny"},
        image_size=SIZE,
        image_threshold=conformal_threshold([0.1, 0.2, 0.5], 0.3),
        pixel_threshold=0.25,
        calibration=Calibration(scores=(0.1, 0.2, 0.5), scale=(0.0, 1.0)),
        provenance=Provenance(
            manifest_sha256="0", train_images=3, calibration_images=3, settings={"seed": 0}, versions={"torch": "x"}
        ),
    )
    return Detector(card, Tiny(gain), ComputeSettings(device="cpu"))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.MODELS, "tiny", "tiny:Tiny")
    monkeypatch.setattr(module.importlib, "import_module", lambda name: __import__("types").SimpleNamespace(Tiny=Tiny))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


def test_a_saved_detector_predicts_the_same_bits(tmp_path: Path, images: np.ndarray) -> None:
    detector = tiny_detector(1.75)
    detector.save(tmp_path / "detector")
    loaded = load_detector(tmp_path / "detector", ComputeSettings(device="cpu"))
    assert loaded.card == detector.card
    before, after = detector.predict(images), loaded.predict(images)
    assert before.pred_score.tobytes() == after.pred_score.tobytes()
    assert before.anomaly_map.tobytes() == after.anomaly_map.tobytes()
    # (channel / 255 - 0.5) / 0.5 * gain, by hand
    assert after.anomaly_map[2] == pytest.approx((images[2, ..., 0] / 255 - 0.5) / 0.5 * 1.75, abs=1e-6)


def test_labels_and_masks_are_strictly_above_the_thresholds() -> None:
    black, white = np.zeros((1, SIZE, SIZE, 3), np.uint8), np.full((1, SIZE, SIZE, 3), 255, np.uint8)
    prediction = tiny_detector(0.5).predict(np.concatenate([black, white]))
    assert prediction.pred_score.tolist() == [-0.5, 0.5]
    assert prediction.pred_label.tolist() == [False, False]  # 0.5 is the threshold itself
    assert not prediction.pred_mask[0].any() and prediction.pred_mask[1].all()


def test_no_images_give_empty_arrays() -> None:
    prediction = tiny_detector(1).predict(np.empty((0, SIZE, SIZE, 3), np.uint8))
    assert prediction.pred_score.shape == (0,) and prediction.anomaly_map.shape == (0, SIZE, SIZE)


@pytest.mark.parametrize("size", [(20, 5), (3, 40), (SIZE, 2 * SIZE)])
def test_images_of_another_size_are_scored_as_files_are_and_their_maps_come_back_at_their_own(
    size: tuple[int, int],
) -> None:
    height, width = size
    images = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), dtype=np.uint8)
    detector = tiny_detector(1)
    fitted = np.stack([Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for image in images])
    native, own = detector.predict(fitted), detector.predict(images)
    assert own.pred_score.tobytes() == native.pred_score.tobytes()
    assert own.anomaly_map.shape == own.pred_mask.shape == (3, height, width)
    for anomaly_map, mask, small in zip(own.anomaly_map, own.pred_mask, native.anomaly_map, strict=True):
        assert np.array_equal(anomaly_map, cv2.resize(small, (width, height)))
        assert np.array_equal(mask, anomaly_map > detector.card.pixel_threshold)


def test_no_images_of_another_size_give_empty_maps() -> None:
    prediction = tiny_detector(1).predict(np.empty((0, 5, 20, 3), np.uint8))
    assert prediction.pred_score.shape == (0,) and prediction.anomaly_map.shape == (0, 5, 20)


def test_the_package_holds_two_files_and_no_pickle(tmp_path: Path) -> None:
    tiny_detector(1).save(tmp_path / "detector")
    assert sorted(file.name for file in (tmp_path / "detector").iterdir()) == ["detector.json", "model.safetensors"]
    digest = package_sha256(tmp_path / "detector")
    tiny_detector(1).save(tmp_path / "again")
    tiny_detector(2).save(tmp_path / "other")
    assert package_sha256(tmp_path / "again") == digest != package_sha256(tmp_path / "other")


def test_only_networks_of_several_categories_are_said_to_serve_them(tmp_path: Path) -> None:
    own = tiny_detector(1)
    own.save(tmp_path / "own")
    assert "serves" not in json.loads((tmp_path / "own" / "detector.json").read_text())
    assert load_detector(tmp_path / "own").card.serves == ()
    own.card = own.card.model_copy(update={"serves": ("b", "c")})
    own.save(tmp_path / "shared")
    assert load_detector(tmp_path / "shared").card == own.card


@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("asked", [None, False, True])
def test_the_scores_are_in_the_precision_of_the_calibration(
    calibrated: bool, asked: bool | None, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score, in_bf16 = Tiny.score, []

    def watched(model: Tiny, images: Tensor) -> tuple[Tensor, Tensor]:
        in_bf16.append(torch.is_autocast_enabled("cpu"))
        return score(model, images)

    monkeypatch.setattr(Tiny, "score", watched)
    made = tiny_detector(1)
    made.card = made.card.model_copy(update={"autocast": calibrated})
    made.save(tmp_path / "detector")
    assert ("autocast" in json.loads((tmp_path / "detector" / "detector.json").read_text())) == calibrated
    load_detector(tmp_path / "detector", ComputeSettings(device="cpu", autocast=asked)).predict(images)
    assert set(in_bf16) == {calibrated}


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def no_card(folder: Path) -> None:
    (folder / "detector.json").unlink()


def broken_json(folder: Path) -> None:
    (folder / "detector.json").write_text("{")


def rewrite(folder: Path, **changes: Any) -> None:
    """As a version before the seal would have written the card."""
    document = json.loads((folder / "detector.json").read_text())
    del document["sha256"], document["model_sha256"]
    (folder / "detector.json").write_text(json.dumps({**document, **changes}))


def unknown_model(folder: Path) -> None:
    rewrite(folder, model="oracle")


def newer_format(folder: Path) -> None:
    rewrite(folder, format=9)


def truncated_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-2])


def test_a_package_cut_at_any_byte_or_altered_is_refused(tmp_path: Path, images: np.ndarray) -> None:
    made = tiny_detector(1)
    made.save(tmp_path / "detector")
    expected = made.predict(images).pred_score
    for file in sorted((tmp_path / "detector").iterdir()):
        whole = file.read_bytes()
        for damaged in damages(whole, places=60):
            file.write_bytes(damaged)
            try:
                loaded = load_detector(tmp_path / "detector")
            except PackageError as error:
                assert str(tmp_path / "detector") in str(error)
                assert "\n" not in str(error)
            else:  # white space of the card
                assert loaded.card == made.card
                assert np.array_equal(loaded.predict(images).pred_score, expected)
        file.write_bytes(whole)


def test_a_package_of_a_version_before_the_seal_still_loads(tmp_path: Path) -> None:
    made = tiny_detector(1)
    made.save(tmp_path / "detector")
    rewrite(tmp_path / "detector")
    assert load_detector(tmp_path / "detector").card == made.card


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("pixel_threshold", float("nan"), "pixel_threshold: Input should be a finite number"),
        ("pixel_threshold", float("inf"), "pixel_threshold: Input should be a finite number"),
        ("image_threshold.value", float("nan"), "image_threshold.value: Input should be a finite number"),
        ("calibration.scale", [0.5, 0.5], "calibration.scale: Value error, the lower end 0.5 is not below the upper"),
        ("calibration.scale", [1.0, 0.25], "calibration.scale: Value error, the lower end 1 is not below the upper"),
        ("calibration.scale", [0.0, float("inf")], "calibration.scale.1: Input should be a finite number"),
        ("calibration.scores", [0.5, float("nan")], "calibration.scores.1: Input should be a finite number"),
    ],
)
def test_thresholds_and_scales_that_label_nothing_are_refused_in_one_line(
    tmp_path: Path, path: str, value: Any, message: str
) -> None:
    tiny_detector(1).save(tmp_path / "detector")
    file = tmp_path / "detector" / "detector.json"
    document = json.loads(file.read_text())
    *sections, key = path.split(".")
    place = document
    for section in sections:
        place = place[section]
    place[key] = value
    del document[SEAL]  # or the alteration alone would be refused
    file.write_text(json.dumps(document))
    with pytest.raises(PackageError) as caught:
        load_detector(tmp_path / "detector")
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_weights, "is not a detector package: model.safetensors is missing"),
        (no_card, "is not a detector package: detector.json is missing"),
        (broken_json, "detector.json: Expecting property name"),
        (unknown_model, "unknown model 'oracle'; known are memory_bank, fused, recontrast, tiny"),
        (newer_format, "detector.json is of format 9, and tocoad "),
        (truncated_weights, "model.safetensors does not fit detector.json or is damaged"),
    ],
)
def test_a_damaged_package_is_refused_in_one_line(tmp_path: Path, damage: Any, message: str) -> None:
    tiny_detector(1).save(tmp_path / "detector")
    damage(tmp_path / "detector")
    with pytest.raises(PackageError) as caught:
        load_detector(tmp_path / "detector")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
