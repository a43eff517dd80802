from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from packages import save_detector

from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import read_image
from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import read_tree
from tocoad.errors import StageError
from tocoad.feedback.checking import Known
from tocoad.feedback.present import present_images
from tocoad.feedback.record import Intake, Statement, last_words
from tocoad.feedback.reviewing import draw as draw_all
from tocoad.feedback.reviewing import look_through
from tocoad.package.detector import load_detector
from tocoad.stages.stage import silent

Draw = Callable[..., Path]


@pytest.fixture
def known(category: Path) -> Known:
    source = Source()
    read_tree(source, category, "gear")
    return Known(present_images(source.categories[0].images, category.with_name("memory"), silent), {})


def test_only_what_nobody_has_decided_on_is_looked_at(known: Known, draw: Draw, category: Path, line: Path) -> None:
    for name in ("a", "b", "c"):
        draw(line / f"{name}.png")
    shutil.copy(line / "a.png", line / "d.png")
    shutil.copy(category / "test/good/0.png", line / "e.png")
    (line / "f.png").write_bytes(b"no image")
    files = sorted(line.iterdir())
    first = look_through(files, known, FULL_DEPTH, None, silent)
    assert [doubt.file.name for doubt in first.doubts] == ["a.png", "b.png", "c.png"]
    assert (first.twice, first.present, first.decided) == (1, 1, 0)
    assert [problem.file.name for problem in first.problems] == ["f.png"]
    a, b, _ = first.doubts
    said = (
        Statement(given="a", sha256=a.sha256, pixels=a.pixels, verdict="unclear", path="held/a.png"),
        Statement(given="b", sha256=b.sha256, pixels=b.pixels, verdict="false reject", path="train/good/b.png"),
    )
    intake = Intake(
        number=1, category="gear", time="t", by="ann", host="", file="v.csv", before=None, after=None, statements=said
    )
    shutil.copy(line / "b.png", category / "train/good/b.png")
    source = Source()
    read_tree(source, category, "gear")
    later = Known(
        present_images(source.categories[0].images, category.with_name("memory"), silent), last_words([intake], "gear")
    )
    second = look_through(files, later, FULL_DEPTH, None, silent)
    assert [doubt.file.name for doubt in second.doubts] == ["a.png", "c.png"] and second.decided == 1


def test_the_most_doubtful_come_first_with_the_detectors_own_scores(
    known: Known, draw: Draw, line: Path, tmp_path: Path
) -> None:
    detector = load_detector(save_detector(tmp_path / "package", 0))
    files = [draw(line / f"{number}.png") for number in range(5)]
    doubts = look_through(files, known, FULL_DEPTH, detector, silent).doubts
    threshold = detector.card.image_threshold.value
    expected = {file: detector.predict(read_image(file, FULL_DEPTH)[None]) for file in files}
    assert [doubt.file for doubt in doubts] == sorted(
        files, key=lambda file: abs(float(expected[file].pred_score[0]) - threshold)
    )
    assert {d.file: (d.score, d.label) for d in doubts} == {
        file: (float(found.pred_score[0]), bool(found.pred_label[0])) for file, found in expected.items()
    }


def test_pictures_are_no_larger_than_a_screen_and_say_where_the_detector_looks(
    draw: Draw, known: Known, line: Path, tmp_path: Path
) -> None:
    file = draw(line / "a.png", size=(1280, 320))
    detector = load_detector(save_detector(tmp_path / "package", 0))
    doubts = look_through([file], known, FULL_DEPTH, detector, silent).doubts
    (image,) = draw_all(doubts, FULL_DEPTH, detector, silent)
    (bare,) = draw_all(doubts, FULL_DEPTH, None, silent)
    assert image.size == (640, 160) and bare.overlay is None and image.picture == bare.picture
    encoded = [np.frombuffer(data or b"", np.uint8) for data in (image.picture, image.overlay)]
    shown = [cv2.imdecode(data, cv2.IMREAD_COLOR) for data in encoded]
    assert [picture.shape for picture in shown] == [(160, 640, 3)] * 2 and (shown[0] != shown[1]).any()
    draw(file, size=(1280, 320))
    with pytest.raises(StageError, match="changed while it was looked at"):
        draw_all(doubts, FULL_DEPTH, None, silent)
