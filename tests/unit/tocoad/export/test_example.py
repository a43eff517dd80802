"""The page of code in examples/, where neither torch nor this package is: the detector's own verdicts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from bare_python import bare_python
from PIL import Image
from project import PROJECT
from toys import draw

from tocoad.data.images import read_image
from tocoad.package.detector import load_detector
from tocoad.settings.sections import ComputeSettings

EXAMPLE = PROJECT / "examples" / "onnx_detector.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_python(tmp_path_factory.mktemp("bare") / "venv", "onnxruntime", "numpy", "pillow")


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """As cameras and people leave them: large, small, grey, turned, with a palette or an alpha channel."""
    tmp_path = tmp_path / "images"
    tmp_path.mkdir()
    pixels = draw("disc", 70)
    pixels[10:30, 20:50] = 250
    large = Image.fromarray(pixels).resize((200, 150))
    large.save(tmp_path / "large.jpg")
    large.save(tmp_path / "turned.jpg", exif=_turned(large))
    large.convert("L").save(tmp_path / "grey.bmp")
    large.convert("P").save(tmp_path / "palette.png")
    large.convert("RGBA").save(tmp_path / "alpha.png")
    Image.fromarray(draw("disc", 2)).save(tmp_path / "normal.png")
    for number in range(71, 74):
        Image.fromarray(draw("disc", number)).resize((40, 50)).save(tmp_path / f"{number}.tif")
    return sorted(tmp_path.iterdir())


def _turned(image: Image.Image) -> Image.Exif:
    exif = image.getexif()
    exif[0x0112] = 6
    return exif


def test_without_torch_it_gives_the_detectors_scores_and_labels(
    python: Path, images: list[Path], packages: dict[str, Path], written: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    assert subprocess.run([python, "-E", "-c", "import torch"], capture_output=True).returncode == 1
    assert subprocess.run([python, "-E", "-c", "import tocoad"], cwd=tmp_path, capture_output=True).returncode == 1
    command = [python, "-E", EXAMPLE, written["tocoad", "onnx"] / "detector.onnx", *images, "--maps", tmp_path / "maps"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    detector = load_detector(packages["tocoad"], ComputeSettings(device="cpu"))
    assert head == f"# disc: anomalous above {detector.card.image_threshold.value:.6g}"
    assert [row[2] for row in rows] == [str(file) for file in images]
    expected = [detector.predict(read_image(file, detector.card.depth)[None]) for file in images]
    np.testing.assert_allclose([float(row[0]) for row in rows], [p.pred_score[0] for p in expected], rtol=2e-5)
    labels = [row[1] for row in rows]
    assert labels == ["anomalous" if p.pred_label[0] else "normal" for p in expected]
    assert set(labels) == {"anomalous", "normal"}
    with Image.open(tmp_path / "maps" / "large.jpg.map.png") as grey:
        assert grey.size == (64, 64) and grey.getextrema()[1] > 0


def test_an_image_that_it_would_read_otherwise_is_refused(
    python: Path, written: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(tmp_path / "deep.png")
    command = [python, "-E", EXAMPLE, written["tocoad", "onnx"] / "detector.onnx", tmp_path / "deep.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("deep.png: I;16 pixels; save it with 8 bits a sample")
