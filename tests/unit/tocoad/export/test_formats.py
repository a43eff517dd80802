"""Every kind of networks as every format: the same verdicts, in any batch, and a file that says what it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
import torch
from exportable import MODELS
from project import PROJECT
from toys import draw

from tocoad.export.agreement import agreement, probes_of
from tocoad.export.formats import FORMATS
from tocoad.export.metadata import CARD
from tocoad.export.silent_openvino import silent_openvino
from tocoad.package.card import DetectorCard
from tocoad.package.detector import load_detector
from tocoad.settings.sections import ComputeSettings

Written = dict[tuple[str, str], Path]

EVERY = pytest.mark.parametrize(("method", "name"), [(method, name) for method in MODELS for name in FORMATS])


@EVERY
def test_it_gives_the_detectors_scores_maps_and_verdicts(
    method: str, name: str, packages: dict[str, Path], written: Written
) -> None:
    detector = load_detector(packages[method], ComputeSettings(device="cpu"))
    run = FORMATS[name].opened(written[method, name])
    probes = probes_of(packages[method], detector)
    assert agreement(detector, run, probes).holds
    # Images that it was not checked with, in a batch that it was not traced with.
    images = np.stack([draw("disc", number) for number in range(60, 65)])
    images[0, 20:40, 20:40] = 255
    expected, found = detector.predict(images), run(images)
    np.testing.assert_allclose(found.pred_score, expected.pred_score, rtol=1e-5)
    low, high = detector.card.calibration.scale
    np.testing.assert_allclose(found.anomaly_map, expected.anomaly_map, rtol=0, atol=1e-4 * (high - low))
    assert found.pred_label.tolist() == expected.pred_label.tolist()
    assert expected.pred_mask.any() and not expected.pred_mask.all()


@EVERY
def test_no_file_names_a_place_of_the_machine_that_wrote_it(method: str, name: str, written: Written) -> None:
    places = {str(PROJECT), str(Path(torch.__file__).parents[1]), str(Path.home()), str(written[method, name].parent)}
    for file in written[method, name].iterdir():
        content = file.read_bytes()
        assert [place for place in places if place.encode() in content] == []


def said_by(name: str, folder: Path) -> dict[str, str]:
    """As each format's own library reads it."""
    file = folder / FORMATS[name].file
    if name == "onnx":
        return {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    if name == "openvino":
        model = silent_openvino().Core().read_model(file)
        keys = model.get_rt_info("tocoad").astype(dict)
        return {f"tocoad.{key}": model.get_rt_info(["tocoad", key]).astype(str) for key in keys}
    extra = {CARD: "", "tocoad.image_threshold": "", "tocoad.scale_high": ""}
    torch.export.load(file, extra_files=extra)
    return extra


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_says_its_thresholds_scale_and_card(name: str, packages: dict[str, Path], written: Written) -> None:
    card = load_detector(packages["tocoad"], ComputeSettings(device="cpu")).card
    said = said_by(name, written["tocoad", name])
    assert DetectorCard.model_validate_json(said[CARD]) == card
    assert float(said["tocoad.image_threshold"]) == card.image_threshold.value
    assert float(said["tocoad.scale_high"]) == card.calibration.scale[1]


def test_the_file_of_torch_holds_no_pickle(written: Written) -> None:
    with ZipFile(written["patchcore", "torch"] / "detector.pt2") as archive:
        names = archive.namelist()
        pickled = [name for name in names if archive.read(name)[:2] in (b"\x80\x02", b"PK")]
        weights = [name for name in names if "weights_config" in name]
        assert pickled == []
        assert all('"use_pickle": true' not in archive.read(name).decode() for name in weights) and weights


_OPEN = """
import os, sys
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
from tocoad.export.silent_openvino import silent_openvino
silent_openvino()
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__, asked, os.listdir(os.environ["HOME"]))
"""


def test_openvino_tells_its_makers_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    environment.pop("CI", None)  # there its reporter would be silent by itself
    done = subprocess.run([sys.executable, "-c", _OPEN], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "[]", "[]"]
