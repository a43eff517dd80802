from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data.layouts.detect import read_source
from tocoad.data.picking import pick
from tocoad.data.problems import DataError

CRACKS = ["bottle/test/crack/000.png", "bottle/test/crack/001.png"]
MASKS = ["bottle/ground_truth/crack/000_mask.png", "bottle/ground_truth/crack/001_mask.png"]


@pytest.fixture
def folder(
    tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    write_category(tmp_path / "data/parts/bottle", {"crack": 2})
    write_category(tmp_path / "data/parts/cable", {})
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data/parts"


def picked(folder: Path, *texts: str) -> list[str]:
    return pick(texts, read_source(folder, "mvtec")[1], folder)


@pytest.mark.parametrize("prefix", ["", "data/parts/", "./data/parts/", "{folder}/"])
def test_an_image_is_named_by_its_path_in_the_data_set_or_by_where_it_lies(folder: Path, prefix: str) -> None:
    assert picked(folder, prefix.format(folder=folder) + CRACKS[0]) == [CRACKS[0], MASKS[0]]
    assert picked(folder, prefix.format(folder=folder) + MASKS[1]) == [MASKS[1]]


def test_a_pattern_stands_for_names_of_one_folder(folder: Path) -> None:
    assert set(picked(folder, "bottle/test/crack/*")) == {*CRACKS, *MASKS}
    assert set(picked(folder, "*/test/*/000.png")) == {
        "bottle/test/good/000.png", "cable/test/good/000.png", CRACKS[0], MASKS[0],
    }  # fmt: skip
    with pytest.raises(DataError, match=r"bottle/\*: is no image"):
        picked(folder, "bottle/*")


def test_a_name_that_looks_like_a_pattern_is_first_of_all_a_name(folder: Path) -> None:
    odd = folder / "bottle/train/good/00[12].png"
    (folder / "bottle/train/good/000.png").rename(odd)
    assert picked(folder, "bottle/train/good/00[12].png") == ["bottle/train/good/00[12].png"]


def test_every_name_that_means_nothing_is_told_with_the_nearest(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        picked(folder, CRACKS[0], "bottle/test/crak/001.png", "x.png")
    assert (
        "bottle/test/crak/001.png: is no image of the data set 'parts'; did you mean 'bottle/test/crack/001.png'?"
        in str(caught.value)
    )
    assert "x.png: is no image" in str(caught.value)
