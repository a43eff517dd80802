from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data.changes import Changes
from tocoad.data.importing import check_dataset
from tocoad.data.problems import DataError
from tocoad.data.rewriting import prepare, write
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress

WriteImage = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    write_category(tmp_path / "parts/bottle", {"crack": 2})
    write_category(tmp_path / "parts/cable", {})
    (tmp_path / "parts/bottle/licence.txt").write_text("free")
    return tmp_path / "parts"


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_new_tree_has_what_stays_and_what_comes(
    folder: Path, tmp_path: Path, split: SplitSettings, write_image: WriteImage, write_mask: WriteImage
) -> None:
    image, drawn = write_image(tmp_path / "camera/7.png"), write_mask(tmp_path / "camera/drawn.png")
    add = {"cable/test/cut/a.png": image, "cable/ground_truth/cut/a_mask.png": drawn}
    changes = Changes(
        add=add,
        replace={"bottle/train/good/000.png": write_image(tmp_path / "camera/8.png")},
        remove=["bottle/test/crack/000.png"],
    )
    before, target = contents(folder), tmp_path / "incoming"
    steps: list[Progress] = []
    target.mkdir()
    rewrite = prepare(folder, lambda _: changes, split)
    write(rewrite, folder, target, progress=steps.append)
    expected = before | {path: file.read_bytes() for path, file in changes.incoming.items()}
    del expected["bottle/test/crack/000.png"], expected["bottle/ground_truth/crack/000_mask.png"]
    assert contents(target) == expected
    assert contents(folder) == before
    assert check_dataset(target, "mvtec", split).categories == rewrite.inventory.categories
    stays = "bottle/train/good/001.png"
    assert (target / stays).stat().st_ino == (folder / stays).stat().st_ino
    assert [step.step for step in steps] == list(range(1, len(expected) + 1))


def test_what_is_changed_in_the_new_tree_is_not_changed_in_the_old_one(
    folder: Path, tmp_path: Path, split: SplitSettings, write_image: WriteImage
) -> None:
    image = "bottle/train/good/000.png"
    before, target = contents(folder), tmp_path / "incoming"
    target.mkdir()
    rewrite = prepare(folder, lambda _: Changes(replace={image: write_image(tmp_path / "8.png")}), split)
    write(rewrite, folder, target)
    assert contents(folder) == before
    assert contents(target)[image] == (tmp_path / "8.png").read_bytes()


def test_the_rules_hold_for_the_whole_as_it_will_be(folder: Path, tmp_path: Path, split: SplitSettings) -> None:
    copy = tmp_path / "camera/new.png"
    copy.parent.mkdir()
    shutil.copy(folder / "bottle/train/good/000.png", copy)
    with pytest.raises(DataError, match="duplicate between train and test") as caught:
        prepare(folder, lambda _: Changes(add={"bottle/test/crack/new.png": copy}), split)
    assert str(copy) in str(caught.value) and str(folder / "bottle/train/good/000.png") in str(caught.value)
    train = [f"cable/train/good/{number:03d}.png" for number in range(4)]
    with pytest.raises(DataError, match="too few images of cable"):
        prepare(folder, lambda _: Changes(remove=train), split)


def test_a_data_set_without_any_image_is_refused(folder: Path, split: SplitSettings) -> None:
    every = {path for path in contents(folder) if path.endswith(".png")}
    with pytest.raises(DataError, match="nothing would be left of it"):
        prepare(folder, lambda _: Changes(remove=every), split)


def test_a_file_that_changes_after_the_check_stops_it(
    folder: Path, tmp_path: Path, split: SplitSettings, write_image: WriteImage
) -> None:
    image = write_image(tmp_path / "7.png")
    rewrite = prepare(folder, lambda _: Changes(add={"cable/test/cut/a.png": image}), split)
    write_image(image)
    (tmp_path / "incoming").mkdir()
    with pytest.raises(DataError, match=r"7\.png: changed while it was imported"):
        write(rewrite, folder, tmp_path / "incoming")
