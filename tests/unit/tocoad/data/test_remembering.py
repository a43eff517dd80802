from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocoad.data.changes import Changes
from tocoad.data.importing import import_dataset
from tocoad.data.problems import DataError
from tocoad.data.rewriting import Rewrite, prepare, write
from tocoad.settings.sections import SplitSettings

WriteImage = Callable[..., Path]
OLD, CRACK = "bottle/train/good/003.png", "bottle/test/crack/000.png"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "services/checked/parts"


@pytest.fixture
def folder(
    tmp_path: Path, split: SplitSettings, memory: Path, write_category: Callable[[Path, Mapping[str, int]], Path]
) -> Path:
    """A data set that was brought in, with all that a look at it may find: deep images, masks that are odd."""
    bottle = write_category(tmp_path / "source/bottle", {"crack": 3})
    Image.fromarray(np.full((8, 12), 900, np.uint16)).save(bottle / "train/good/deep.png")
    (bottle / "ground_truth/crack/000_mask.png").unlink()
    Image.fromarray(np.full((8, 12), 255, np.uint8)).save(bottle / "ground_truth/crack/000_mask.jpg")
    Image.fromarray(np.zeros((8, 12), np.uint8)).save(bottle / "ground_truth/crack/001_mask.png")
    import_dataset(tmp_path / "source", tmp_path / "parts", "auto", split, memory=memory)
    return tmp_path / "parts"


def spoil(file: Path) -> None:
    """Nobody who decodes it takes it for an image any more."""
    known = file.stat()
    file.write_bytes(b"x" * known.st_size)
    os.utime(file, ns=(known.st_atime_ns, known.st_mtime_ns))


def change(folder: Path, split: SplitSettings, memory: Path, changes: Changes) -> Rewrite:
    """As a service does it: the new tree takes the old one's place."""
    rewrite = prepare(folder, lambda _: changes, split, memory=memory)
    target = folder.with_name("incoming")
    target.mkdir()
    write(rewrite, folder, target, memory)
    shutil.rmtree(folder)
    target.rename(folder)
    return rewrite


def test_what_has_not_changed_since_the_last_look_is_not_decoded_again(
    folder: Path, tmp_path: Path, split: SplitSettings, memory: Path, write_image: WriteImage
) -> None:
    new = {"bottle/train/good/new.png": write_image(tmp_path / "new.png")}
    change(folder, split, memory, Changes(add=new))
    for image in folder.rglob("*.png"):
        spoil(image)
    prepare(folder, lambda _: Changes(remove=[CRACK]), split, memory=memory)
    with pytest.raises(DataError, match="problems"):
        prepare(folder, lambda _: Changes(remove=[CRACK]), split)


@pytest.mark.parametrize("name", [OLD, "bottle/ground_truth/crack/002_mask.png"])
def test_a_file_with_another_time_is_looked_at_again(
    folder: Path, split: SplitSettings, memory: Path, name: str
) -> None:
    spoil(folder / name)
    os.utime(folder / name, ns=(1, 1))
    with pytest.raises(DataError, match=f"{name}: not a readable"):
        prepare(folder, lambda _: Changes(remove=[CRACK]), split, memory=memory)


def test_what_is_remembered_is_what_a_new_look_finds(
    folder: Path, tmp_path: Path, split: SplitSettings, memory: Path, write_image: WriteImage, write_mask: WriteImage
) -> None:
    add = {
        "bottle/test/hole/9.png": write_image(tmp_path / "camera/a.png"),
        "bottle/ground_truth/hole/9_mask.png": write_mask(tmp_path / "camera/b.png"),
        "bottle/test/crack/moved.png": folder / OLD,
    }
    change(folder, split, memory, Changes(add=add, remove=[OLD]))
    nothing = Changes(remove=["bottle/train/good/002.png"])
    remembered, looked = (prepare(folder, lambda _: nothing, split, memory=file) for file in (memory, None))
    assert remembered == looked
    assert len(remembered.inventory.warnings) >= 4


@pytest.mark.parametrize("damage", [b"", b"1 abc\n", None])
def test_a_damaged_memory_is_none(folder: Path, split: SplitSettings, memory: Path, damage: bytes | None) -> None:
    expected = prepare(folder, lambda _: Changes(remove=[CRACK]), split)
    kept = memory.read_bytes()
    memory.write_bytes(
        damage if damage is not None else kept.replace(b"[12, 8", b"[13, 8").replace(b"12, 8,", b"13, 8,")
    )
    assert memory.read_bytes() != kept
    assert prepare(folder, lambda _: Changes(remove=[CRACK]), split, memory=memory) == expected
