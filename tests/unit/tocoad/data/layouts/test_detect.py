from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

import pytest

from cli.data import _LAYOUTS
from tocoad.data.layouts.detect import Layout, detect, read_source
from tocoad.data.problems import DataError

WriteImage = Callable[..., Path]


@pytest.mark.parametrize(
    ("file", "layout"),
    [
        ("bottle/train/good/0.png", "mvtec"),
        ("train/good/0.png", "mvtec"),
        ("bottle/test/crack/0.png", "mvtec"),
        ("01/train/ok/0.bmp", "btad"),
        ("train/ok/0.bmp", "btad"),
        ("1cls/candle/train/good/0.JPG", "visa"),
        ("split_csv/1cls.csv", "visa"),
        ("train/NORMAL/0.jpeg", "oct2017"),
        ("OCT2017 /train/NORMAL/0.jpeg", "oct2017"),
        ("ISIC2018_Task3_Training_Input/0.jpg", "isic2018"),
        ("0.TIF", "folder"),
        ("caps/0.jpeg", "folder"),
    ],
)
def test_layout_is_told_by_the_folders(tmp_path: Path, file: str, layout: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    assert detect(tmp_path) == layout


@pytest.mark.parametrize("file", [None, "a/b/c/0.png", "a/notes.txt"])
def test_unknown_layout_is_refused_with_the_known_ones(tmp_path: Path, file: str | None) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    with pytest.raises(DataError, match=r"no known layout; expected CATEGORY/train/good \(MVTec AD\)"):
        read_source(tmp_path, "auto")


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.zip").touch()
    with pytest.raises(DataError, match="not a folder; unpack it"):
        read_source(tmp_path / "set.zip", "auto")
    with pytest.raises(DataError, match="not a folder; check the path"):
        read_source(tmp_path / "absent", "mvtec")


def test_unknown_layout_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown layout 'coco'; use auto, mvtec"):
        read_source(tmp_path, cast(Layout, "coco"))


def test_command_line_offers_every_layout() -> None:
    assert get_args(Layout) == _LAYOUTS


@pytest.mark.parametrize("layout", ["mvtec", "btad", "folder", "visa"])
def test_empty_folder_holds_no_category(tmp_path: Path, layout: Layout) -> None:
    _, source = read_source(tmp_path, layout)
    assert "holds no category" in [problem.reason for problem in source.problems]


@pytest.mark.parametrize(
    ("name", "proposal"), [("metal nut", "metal_nut"), ("pcb.v2", "pcb_v2"), ("_x", "x"), ("März", "M_rz")]
)
def test_name_that_is_no_category_is_refused_with_a_proposal(
    tmp_path: Path, write_image: WriteImage, name: str, proposal: str
) -> None:
    write_image(tmp_path / name / "train/good/0.png")
    _, source = read_source(tmp_path, "auto")
    (problem,) = source.problems
    assert problem.file == tmp_path / name
    assert problem.reason.endswith(f"rename it, for example to {proposal!r}")
