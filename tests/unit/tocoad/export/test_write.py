"""The folder of an export: what is checked before it is there, and what is refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from tocoad.export.agreement import MAP_TOLERANCE, SCORE_TOLERANCE, agreement, probes_of
from tocoad.package.card import PROBES_FILE, read_card, write_card
from tocoad.package.detector import Prediction, load_detector
from tocoad.settings.sections import ComputeSettings


def export(package: Path, out: Path, *options: str, form: str = "torch") -> int:
    return main(["export", str(package), "--format", form, "--out", str(out), *options])


def test_the_command_writes_a_checked_folder_in_the_place_of_an_earlier_one(
    packages: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "disc"
    for name in ("export.json", "detector.onnx"):  # an earlier one, of another format
        out.mkdir(exist_ok=True)
        (out / name).write_text("earlier")
    assert export(packages["patchcore"], out, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["category"] == "disc" and Path(document["file"]) == out / "detector.pt2"
    differs = document["differs_from_the_detector_by"]
    assert differs["images"] == 3 and differs["labels"] == differs["pixels"] == 0
    assert differs["score"] <= SCORE_TOLERANCE and differs["map"] <= MAP_TOLERANCE
    assert {file.name for file in out.iterdir()} == {"detector.pt2", "export.json"}


def altered(package: Path, folder: Path, **card: object) -> Path:
    shutil.copytree(package, folder)
    found, _ = read_card(folder)
    write_card(folder, found.model_copy(update=card))
    return folder


def test_an_export_that_differs_is_refused_with_the_figures_and_nothing_is_written(
    packages: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card, _ = read_card(packages["patchcore"])
    # On a scale this narrow rounding is a difference.
    narrow = card.calibration.model_copy(update={"scale": (0.0, 1e-7)})
    package = altered(packages["patchcore"], tmp_path / "package", calibration=narrow)
    assert export(package, tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "as torch the detector of disc differs on its 3 probes, scores by" in told
    assert "of the scale (at most 0.0001)" in told and told.endswith("nothing is written\n")
    assert [file.name for file in tmp_path.iterdir()] == ["package"]


def test_a_detector_that_scores_in_bf16_is_refused(
    packages: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = altered(packages["patchcore"], tmp_path / "package", autocast=True)
    assert export(package, tmp_path / "out") == 1
    assert "train it with compute.autocast=false to export it" in capsys.readouterr().err


def test_probes_that_are_not_those_that_were_packaged_are_refused(
    packages: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = altered(packages["patchcore"], tmp_path / "package")
    (package / PROBES_FILE).write_bytes(b"other")
    assert export(package, tmp_path / "out") == 1
    assert "probes.zip is missing, or not the one that was packaged" in capsys.readouterr().err


def test_a_folder_with_something_else_is_not_replaced(
    packages: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.tex").write_text("a year of work")
    (tmp_path / "disc").mkdir()
    for name in ("export.json", "detector.onnx", "our notes.txt"):
        (tmp_path / "disc" / name).write_text("ours")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for out, reason in (("../thesis", "something else lies in it"), ("../disc", "something else lies in it"),
                        (".", "the current folder would be replaced"),
                        ("../thesis/chapter.tex", "not a folder")):  # fmt: skip
        assert export(packages["patchcore"], Path(out)) == 2
        assert reason in capsys.readouterr().err
    assert (tmp_path / "thesis/chapter.tex").read_text() == "a year of work"
    assert (tmp_path / "disc/our notes.txt").read_text() == "ours"


@pytest.mark.parametrize("out", ["data/parts", "work"])
def test_nothing_is_exported_into_what_dvc_keeps(
    out: str,
    packages: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert export(packages["patchcore"], Path(out)) == 2
    assert "whose contents DVC keeps; give another folder with --out" in capsys.readouterr().err


def test_what_is_not_installed_is_one_line_with_the_way_out(
    packages: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert export(packages["patchcore"], tmp_path / "out", form="onnx") == 1
    told = capsys.readouterr().err
    assert told == "error: --format onnx needs onnxruntime: pip install 'tocoad[export]'\n"


@pytest.mark.parametrize(
    ("output", "change", "figure"),
    [
        ("pred_score", lambda scores: scores * np.float32(1 + 2e-5), "score"),
        ("anomaly_map", lambda maps: maps * np.float32(1.01), "map"),
        ("pred_label", np.logical_not, "labels"),
        ("pred_mask", np.logical_not, "pixels"),
    ],
)
def test_no_output_may_differ(
    output: str, change: Callable[[np.ndarray], np.ndarray], figure: str, packages: dict[str, Path]
) -> None:
    package = packages["patchcore"]
    detector = load_detector(package, ComputeSettings(device="cpu"))

    def run(batch: np.ndarray) -> Prediction:
        found = detector.predict(batch)
        return replace(found, **{output: change(getattr(found, output))})

    found = agreement(detector, run, probes_of(package, detector))
    assert not found.holds
    assert [name for name in ("score", "map", "labels", "pixels") if getattr(found, name)] == [figure]


def test_a_verdict_may_differ_only_where_the_score_is_the_threshold_but_for_rounding(packages: dict[str, Path]) -> None:
    package = packages["patchcore"]
    detector = load_detector(package, ComputeSettings(device="cpu"))
    images = probes_of(package, detector)
    expected = detector.predict(images)

    def flipped(batch: np.ndarray) -> Prediction:
        found = detector.predict(batch)
        return Prediction(found.pred_score, found.anomaly_map, ~found.pred_label, found.pred_mask)

    assert agreement(detector, flipped, images).labels == 6
    at = detector.card.image_threshold.model_copy(update={"value": float(expected.pred_score[0])})
    on_the_edge = detector.with_card(detector.card.model_copy(update={"image_threshold": at}))
    assert agreement(on_the_edge, flipped, images).labels == 3
