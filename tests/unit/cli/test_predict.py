"""`tocoad predict` on the files of real folders: what it takes, what it tells, and that no result is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from cli.main import main
from tests.helpers.packages import save_detector
from tocoad.evaluation.evaluate import evaluate_detector
from tocoad.evaluation.maps import save_maps

GOOD = ("2024-01-01/cam1/0001.png", "2024-01-02/cam1/0001.png", "2024-01-02/cam1/same.png", "2024-01-02/cam1/same.jpg",
        "a_b/c.png", "a/b_c.png", "2024-01-02/cam1/part[good].png", "2024-01-02/cam1/[/]:smile:.png",
        "2024-01-02/cam1/teil_\u00fc.png", "new\nline\x1b[31m.png", os.fsdecode(b"no\xfftext.png"),
        "n" * 251 + ".png")  # fmt: skip
LEFT_BEHIND = ("2024-01-02/cam1/._0001.png", "2024-01-02/.ipynb_checkpoints/x-checkpoint.png")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_detector(tmp_path_factory.mktemp("package") / "detector", 0)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for number, name in enumerate((*GOOD, *LEFT_BEHIND)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 50, 3)).astype(np.uint8)
        with file.open("wb") as stream:
            Image.fromarray(pixels).save(stream, "JPEG" if file.suffix == ".jpg" else "PNG")
    (folder / "a/part.webp").touch()
    return folder


def test_every_image_has_a_row_and_two_files_of_its_own(
    package: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "a/broken.png").write_bytes(b"\x89PNG")
    assert main(["predict", str(package), str(images), "--out", str(tmp_path / "out"), "--json"]) == 1
    told = capsys.readouterr()
    document = json.loads(told.out)
    scored = [row for row in document["predictions"] if row["pred_score"] is not None]
    assert (len(document["predictions"]), len(scored), document["images"]) == (13, 12, 13)
    written = {Path(row[kind]) for row in scored for kind in ("overlay", "anomaly_map")}
    assert len([file for file in (tmp_path / "out").rglob("*") if file.is_file()]) == 2 * len(scored)
    assert sum(file.is_file() for file in written) == 2 * (len(scored) - 1), "all but the name that is no text"
    assert (tmp_path / "out/2024-01-02/cam1/same.jpg.overlay.png").is_file()
    assert document["left_out"] == [str(images / "a/part.webp")]
    assert f"1 left out, no image of a known type (png, jpg, bmp, tif): {images}/a/part.webp" in told.err
    assert f"error: {images}/a/broken.png: not a readable png, jpg, bmp or tif image" in told.err
    assert "._0001" not in told.out + told.err and "checkpoint" not in told.out + told.err


def test_the_table_shows_names_as_they_are_and_counts_what_could_not_be_read(
    package: Path, images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (images / "a/broken.png").write_bytes(b"x")
    monkeypatch.chdir(images)
    assert main(["predict", str(package), "."]) == 1
    out = capsys.readouterr().out
    assert f" of {len(GOOD) + 1} anomalous, 1 could not be read; threshold" in out
    for name in ("part[good].png", "[/]:smile:.png", "teil_\u00fc.png", r"new\nline\x1b[31m.png", r"no\xfftext.png"):
        assert f"{name} " in out
    assert "\x1b" not in out


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_stream_that_is_not_utf8_loses_no_result(
    package: Path, images: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    written = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(written, "ascii", "strict"))
    assert main(["predict", str(package), str(images), *(["--json"] if form == "json" else [])]) == 0
    sys.stdout.flush()
    text = written.getvalue().decode("ascii")
    assert len(json.loads(text)["predictions"]) == len(GOOD) if form == "json" else f"of {len(GOOD)} anomalous" in text


def test_a_system_that_is_not_utf8_loses_no_result(package: Path, images: Path, tmp_path: Path) -> None:
    start = "import sys; from cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "predict", str(package), str(images), "--out", str(tmp_path / "out")]
    system = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **system})
    assert done.returncode == 0, done.stderr
    assert f"of {len(GOOD)} anomalous" in done.stdout.decode("ascii")
    assert len([file for file in (tmp_path / "out").rglob("*") if file.is_file()]) == 2 * len(GOOD)


def test_maps_are_those_that_an_evaluation_saves(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.helpers.toys import write
    from tocoad.data.manifest import ImageRecord, Manifest
    from tocoad.package.detector import load_detector
    from tocoad.settings.sections import Settings

    pixels = np.random.default_rng(0).integers(0, 256, (40, 160, 3)).astype(np.uint8)
    write(tmp_path / "test/good", [(0, pixels)])
    record = ImageRecord(path="test/good/000.png", sha256="0", md5="0", split="test", gt_label=0, defect_type="good",
                         width=160, height=40)  # fmt: skip
    detector = load_detector(package)
    manifest = Manifest(dataset="set", category="gear", images=(record,))
    (expected,) = save_maps(evaluate_detector(detector, manifest, tmp_path, Settings()).images, tmp_path / "evaluated")
    assert main(["predict", str(package), str(tmp_path / "test"), "--out", str(tmp_path / "out"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["predictions"]
    assert np.array_equal(tifffile.imread(row["anomaly_map"]), tifffile.imread(expected))
    with Image.open(row["overlay"]) as overlay:
        assert overlay.size == (160, 40)


def test_what_was_scored_before_an_interruption_is_told(
    package: Path, images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tocoad.package.detector import Detector

    predict, calls = Detector.predict, []

    def interrupted(self: Detector, batch: Any) -> Any:
        calls.append(batch)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return predict(self, batch)

    monkeypatch.setattr(Detector, "predict", interrupted)
    assert main(["predict", str(package), str(images), "--json", "--threads", "1"]) == 130
    document = json.loads(capsys.readouterr().out)
    assert (len(document["predictions"]), document["images"]) == (3, len(GOOD))


def test_a_result_that_cannot_be_written_loses_no_score(
    package: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("a file where a folder is wanted")
    assert main(["predict", str(package), str(images), "--out", str(tmp_path / "out"), "--json"]) == 1
    told = capsys.readouterr()
    rows = json.loads(told.out)["predictions"]
    assert all(row["pred_score"] is not None for row in rows)
    assert [Path(row["image_path"]).name for row in rows if "error" in row] == ["b_c.png"]
    assert "a/b_c.png: its results cannot be written" in told.err


@pytest.mark.parametrize("out", ["data/parts/bottle/train/good", "work/parts", "elsewhere/../data", "data"])
def test_results_are_not_written_among_what_dvc_keeps(
    package: Path,
    images: Path,
    tmp_path: Path,
    out: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["predict", str(package), str(images), "--out", f"../{out}"]) == 2
    assert "whose contents DVC keeps; give another folder with --out" in capsys.readouterr().err
    assert not (tmp_path / "data").exists() and not (tmp_path / "work").exists()


def test_threads_are_a_number(package: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predict", str(package), str(images), "--threads", "0"])
    assert "'0' is not a number of threads, 1 or more" in capsys.readouterr().err
