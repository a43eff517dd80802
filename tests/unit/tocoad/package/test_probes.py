"""The probes of a package: of which images they are, that they are small, and that the same ones are the same bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from deep_files import packed_tiff, png16
from PIL import Image
from toys import DISC, SIZE, draw_toys

from tests.helpers.packages import save_detector
from tocoad.data.decoding import DeepImage, decode
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.files.workspace import Workspace
from tocoad.package.card import read_card
from tocoad.package.detector import load_detector
from tocoad.package.probes import map_sha256, probe_images, probe_pixels
from tocoad.settings.sections import ComputeSettings, EncoderSettings, ImageSettings, Settings, SplitSettings
from tocoad.stages.graph import detector_dir, manifest_dir
from tocoad.stages.running import run_stage, weights_sha256

NORMALS = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
SETTINGS = Settings(
    image=ImageSettings(size=SIZE),
    split=SplitSettings(train_min=2, calibration_min=4),
    encoder=EncoderSettings(name="resnet18", weights="none"),
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 500, 3), dtype=np.uint8)).save(file)
    return file


def fitted(root: Path, compute: ComputeSettings, size: int = SIZE) -> tuple[Workspace, Path]:
    workspace = draw_toys(root)
    settings = SETTINGS.model_copy(update={"compute": compute, "image": ImageSettings(size=size)})
    for stage in ("manifest", "fit"):
        run_stage(workspace, DISC, "patchcore", stage, settings)
    return workspace, detector_dir(workspace, DISC, "patchcore")


def test_they_are_a_whole_normal_a_defaced_one_and_a_piece_of_a_file(photo: Path) -> None:
    whole, defaced, piece = (probe_pixels(image, FULL_DEPTH)[0] for image in probe_images(NORMALS, [photo] * 4))
    assert np.array_equal(whole, NORMALS[0])
    changed = (defaced != NORMALS[2]).any(axis=2)
    assert changed[24:40, 24:40].mean() > 0.9  # noise may stay as it is when it is turned and inverted
    assert changed.sum() == changed[24:40, 24:40].sum()
    assert np.array_equal(piece, np.asarray(Image.open(photo))[118:182, 226:274])


def test_one_calibration_image_is_enough(photo: Path) -> None:
    assert len(probe_images(NORMALS[:1], [photo])) == 3


def test_a_grey_image_takes_a_third_of_the_bytes(photo: Path) -> None:
    grey = np.repeat(NORMALS[..., :1], 3, axis=3)
    coloured, small = probe_images(NORMALS, [photo])[0], probe_images(grey, [photo])[0]
    assert len(small) < len(coloured) / 2
    assert np.array_equal(probe_pixels(small, FULL_DEPTH)[0], grey[0])


@pytest.mark.parametrize("encoding", ["silent", "said", "packed", "colour"])
def test_a_piece_of_a_deep_file_keeps_its_values_and_its_declared_depth(tmp_path: Path, encoding: str) -> None:
    shape = (80, 90, 3) if encoding == "colour" else (80, 90)
    values = np.random.default_rng(0).integers(0, 4096, shape, dtype=np.uint16)
    if encoding == "packed":
        file = packed_tiff(tmp_path / "deep.tif", values, 12)
    else:
        file = png16(tmp_path / "deep.png", values, None if encoding == "silent" else 12)
    piece = decode(Path("piece.png"), probe_images(NORMALS, [file])[-1])
    assert isinstance(piece, DeepImage)
    assert np.array_equal(piece.values, values[8:72, 21:69])
    assert piece.declared == (None if encoding == "silent" else 12)


def test_no_probe_is_larger_than_256_pixels(photo: Path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (2, 320, 320, 3), dtype=np.uint8)
    shapes = [probe_pixels(image, FULL_DEPTH).shape for image in probe_images(large, [photo])]
    assert shapes == [(1, 256, 256, 3), (1, 256, 256, 3), (1, 256, 192, 3)]


def test_the_card_has_what_the_detector_gives_and_its_maps_lie_beside_the_images(tmp_path: Path) -> None:
    folder = save_detector(tmp_path / "detector", 0)
    detector = load_detector(folder, ComputeSettings(device="cpu"))
    assert detector.card.probes is not None
    with ZipFile(folder / "probes.zip") as file:
        for probe in detector.card.probes.images:
            prediction = detector.predict(probe_pixels(file.read(probe.image), FULL_DEPTH))
            assert float(prediction.pred_score[0]) == probe.score
            assert map_sha256(prediction.anomaly_map[0]) == probe.map_sha256
            kept = np.asarray(Image.open(BytesIO(file.read(probe.map))))
            assert np.array_equal(kept, prediction.anomaly_map[0, ::4, ::4])


def test_the_same_detector_is_the_same_package_and_probes_are_no_weights(tmp_path: Path) -> None:
    first, again, without = tmp_path / "first", tmp_path / "again", tmp_path / "without"
    save_detector(first, 0)
    save_detector(again, 0)
    save_detector(without, 0, probes=False)
    for name in ("detector.json", "model.safetensors", "probes.zip"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert weights_sha256(first) == weights_sha256(without)
    assert read_card(without)[0].probes is None


def test_a_detector_needs_no_probes_to_predict(tmp_path: Path) -> None:
    folder = save_detector(tmp_path / "detector", 0)
    expected = load_detector(folder).predict(NORMALS).pred_score
    (folder / "probes.zip").unlink()
    assert np.array_equal(load_detector(folder).predict(NORMALS).pred_score, expected)


def test_a_fit_packs_calibration_images_alone(tmp_path: Path) -> None:
    workspace, folder = fitted(tmp_path, ComputeSettings(device="cpu"))
    manifest = Manifest.load(manifest_dir(workspace, DISC) / TRAIN_FILE)
    first = workspace.data_dir(DISC) / manifest.split("calibration")[0].path
    with ZipFile(folder / "probes.zip") as file:
        assert np.array_equal(probe_pixels(file.read("0.png"), FULL_DEPTH)[0], np.asarray(Image.open(first)))
        assert file.namelist() == ["0.png", "0.tiff", "1.png", "1.tiff", "2.png", "2.tiff"]


# Smaller images are not divided among threads, and their layout changes no sum.
@pytest.mark.parametrize(
    ("size", "compute"), [(192, {"threads": 2, "channels_last": False}), (SIZE, {"autocast": True})]
)
def test_how_a_fit_computes_does_not_make_its_probes_others_than_a_loaded_package_gives(
    tmp_path: Path, size: int, compute: dict[str, object]
) -> None:
    _, folder = fitted(tmp_path, ComputeSettings.model_validate({"device": "cpu", **compute}), size)
    detector = load_detector(folder, ComputeSettings(device="cpu"))
    assert detector.card.probes is not None
    with ZipFile(folder / "probes.zip") as file:
        for probe in detector.card.probes.images:
            prediction = detector.predict(probe_pixels(file.read(probe.image), FULL_DEPTH))
            assert float(prediction.pred_score[0]) == probe.score
            assert map_sha256(prediction.anomaly_map[0]) == probe.map_sha256
