"""Names of results: mirrored, one for each image whatever the names are, and never outside of their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tocoad.data.naming import NAME_MAX, name_bytes, shortened_name
from tocoad.predict.files import find_images
from tocoad.predict.result_paths import MAP_ENDING, OVERLAY_ENDING, result_stem

ROOT = Path("/images")
ENDINGS = (OVERLAY_ENDING, MAP_ENDING)


def as_name(data: bytes) -> str:
    return os.fsdecode(data.replace(b"/", b"_").replace(b"\0", b"_")[:NAME_MAX])


# Bytes of all kinds, and what is likely to meet: few letters, our own endings, and names at the file system's limit.
_parts = st.sampled_from(["a", "b", "_", ".", "a.png", OVERLAY_ENDING, MAP_ENDING, "~" + "0" * 32, "ü", "n" * 120])
_likely = st.lists(_parts, min_size=1, max_size=4).map(lambda parts: as_name(os.fsencode("".join(parts))))
_any = st.binary(min_size=1, max_size=300).map(as_name)
_long = st.integers(240, NAME_MAX).map(lambda size: "n" * (size - 4) + ".png")
_made = _likely.map(lambda name: shortened_name(name, NAME_MAX))
names = st.one_of(_likely, _any, _long, _made).filter(lambda name: name not in (".", ".."))
images = st.lists(names, min_size=1, max_size=3).map(lambda parts: ROOT.joinpath(*parts))


def results(image: Path) -> set[Path]:
    stem = result_stem(image, ROOT)
    return {stem.with_name(stem.name + ending) for ending in ENDINGS}


# By chance two names hardly meet: images that are called as another's results are, or lie in such a folder.
meeting = images.flatmap(
    lambda image: st.sampled_from(
        [ROOT / result_stem(image, ROOT), *(ROOT / result / "x.png" for result in results(image))]
    ).map(lambda other: (image, other))
)


@given(st.one_of(st.tuples(images, images), meeting))
def test_two_images_never_share_a_result_and_no_result_is_the_folder_of_another(pair: tuple[Path, Path]) -> None:
    one, two = pair
    # No file system holds an image that is another's folder.
    assume(one != two and one not in two.parents and two not in one.parents)
    first, second = results(one), results(two)
    assert not first & second
    assert not any(result in other.parents for result in first for other in second)
    assert not any(result in other.parents for result in second for other in first)


@given(images)
def test_every_result_has_a_name_that_can_be_written_below_its_folder(image: Path) -> None:
    for result in results(image):
        assert not result.is_absolute()
        assert not {".", ".."} & set(result.parts)
        assert all(0 < name_bytes(part) <= NAME_MAX for part in result.parts)


def test_results_mirror_the_path_below_the_folder_that_was_given(tmp_path: Path) -> None:
    for name in ("2024/cam1/same.jpg", "2024/cam1/same.png", "a_b/c.png", "a/b_c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_images([tmp_path])
    assert [str(image.result) for image in found.images] == [
        "2024/cam1/same.jpg", "2024/cam1/same.png", "a/b_c.png", "a_b/c.png",
    ]  # fmt: skip


def test_the_same_name_in_two_sources_gives_two_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one/x.png", "two/x.png", "two/sub/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "one")
    found = find_images([Path("x.png"), Path("../two"), Path("../two/sub/../x.png")])
    assert [str(image.result) for image in found.images] == ["one/x.png", "two/sub/x.png", "two/x.png"]
    assert [str(image.file) for image in found.images] == ["x.png", "../two/sub/x.png", "../two/x.png"]


def test_a_long_name_keeps_its_beginning(tmp_path: Path) -> None:
    name = "ü" * 125 + ".png"
    stem = result_stem(ROOT / name, ROOT).name
    assert stem.startswith("ü" * 90) and "~" in stem
    (tmp_path / (stem + OVERLAY_ENDING)).touch()
    (tmp_path / (stem + MAP_ENDING)).touch()
