from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data.layouts.source import Source, SourceImage
from tocoad.data.layouts.tree import read_tree
from tocoad.data.problems import DataError
from tocoad.feedback import present
from tocoad.feedback.present import present_images
from tocoad.stages.stage import silent

Draw = Callable[..., Path]


def look(category: Path) -> Mapping[str, SourceImage]:
    source = Source()
    read_tree(source, category, "gear")
    return present_images(source.categories[0].images, category.with_name("memory"), silent)


def decoded(category: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that a look decodes."""
    real, seen = present.decode, list[str]()

    def noted(file: Path) -> object:
        seen.append(file.relative_to(category).as_posix())
        return real(file)

    with monkeypatch.context() as patch:
        patch.setattr(present, "decode", noted)
        look(category)
    return sorted(seen)


def test_only_what_is_new_or_has_changed_is_decoded_again(
    category: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(decoded(category, monkeypatch)) == 4
    assert decoded(category, monkeypatch) == []
    draw(category / "train/good/2.png")
    os.link(category / "train/good/0.png", category / "train/good/3.png")  # how a data set is written anew
    draw(category / "train/good/1.png")
    assert decoded(category, monkeypatch) == ["train/good/1.png", "train/good/2.png"]
    assert {image.path for image in look(category).values()} == {
        *(f"train/good/{number}.png" for number in range(3)),
        "test/good/0.png",
        "test/scratch/0.png",
    }


def test_a_memory_that_was_altered_is_not_believed(category: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, memory = look(category), category.with_name("memory")
    memory.write_bytes(memory.read_bytes().replace(next(iter(before)).encode(), b"0" * 64))
    assert len(decoded(category, monkeypatch)) == 4 and look(category) == before


def test_an_image_that_cannot_be_read_is_named(category: Path) -> None:
    (category / "train/good/0.png").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"train/good/0\.png: not a readable"):
        look(category)
