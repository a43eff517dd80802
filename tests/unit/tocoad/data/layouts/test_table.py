from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tocoad.data.layouts.source import Source
from tocoad.data.layouts.table import Row, labelled_images, read_rows

WriteImage = Callable[..., Path]


def label(row: Row) -> str:
    if row["label"] not in ("a", "b"):
        raise ValueError(f"label {row['label']!r} is unknown")
    return row["label"]


@pytest.fixture
def root(tmp_path: Path, write_image: WriteImage) -> Path:
    for name in ("one", "two", "three"):
        write_image(tmp_path / f"set/images/{name}.png")
    return tmp_path / "set"


def read(root: Path, text: str) -> tuple[list[tuple[str, str]], Source]:
    (root / "table.csv").write_text(text)
    source = Source(root)
    found = labelled_images(source, root / "table.csv", root / "images", ("name", "label"), label)
    return [(file.name, name) for file, name in found], source


def test_every_image_gets_the_label_of_its_line(root: Path) -> None:
    found, source = read(root, "\ufeffother,label,name\nx,b,two\n\nx,a,one\nx,a,three\n")
    assert found == [("one.png", "a"), ("three.png", "a"), ("two.png", "b")]
    assert not source.problems
    assert not source.warnings


def test_bad_lines_are_named_by_number(root: Path, write_image: WriteImage) -> None:
    write_image(root / "outside.png")
    found, source = read(root, "name,label\none,a\nabsent,a\n../outside,a\ntwo,c\none,b\nthree\n,a\n")
    assert found == [("one.png", "a")]
    assert {problem.file for problem in source.problems} == {root / "table.csv"}
    assert [problem.reason for problem in source.problems] == [
        f"line 3: no image 'absent' in {root / 'images'}",
        f"line 4: no image '../outside' in {root / 'images'}",
        "line 5: label 'c' is unknown",
        "line 6: 'one' stands in line 2 already",
        "line 7: label '' is unknown",
        f"line 8: no image '' in {root / 'images'}",
    ]


def test_images_that_no_line_lists_are_named_once_for_all(root: Path, write_image: WriteImage) -> None:
    for number in range(3):
        write_image(root / f"images/extra{number}.png")
    (root / "images/LICENSE.txt").write_text("free")
    found, source = read(root, "name,label\none,a\ntwo,a\n")
    assert [name for name, _ in found] == ["one.png", "two.png"]
    assert not source.problems
    assert [(warning.file.name, warning.reason) for warning in source.warnings] == [
        ("LICENSE.txt", "not part of the layout; not imported"),
        ("images", "4 files are not listed in table.csv; not imported: extra0.png, extra1.png, extra2.png, ..."),
    ]


def test_missing_column_is_named(root: Path) -> None:
    found, source = read(root, "name,class\none,a\n")
    assert found == []
    (problem,) = source.problems
    assert problem.reason == "misses the column 'label'; expected are name,label"


def test_images_that_differ_by_suffix_alone_are_refused(root: Path, write_image: WriteImage) -> None:
    write_image(root / "images/one.jpg")
    _, source = read(root, "name,label\none,a\ntwo,a\nthree,a\n")
    (problem,) = source.problems
    assert (problem.file.name, problem.reason) == (
        "one.png",
        "differs from one.jpg by its suffix alone; keep one of them",
    )


def test_image_that_is_a_link_leading_out_is_refused(root: Path, tmp_path: Path, write_image: WriteImage) -> None:
    (root / "images/link.png").symlink_to(write_image(tmp_path / "elsewhere.png"))
    found, source = read(root, "name,label\none,a\ntwo,a\nthree,a\nlink,a\n")
    assert "link.png" not in [name for name, _ in found]
    assert any(problem.file.name == "link.png" and "leads out" in problem.reason for problem in source.problems)


@pytest.mark.parametrize("content", [b"name,label\n\xff\xfe,a\n", b"name,label\n" + b"x" * 200_000])
def test_what_is_no_table_is_a_problem(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(content)
    source = Source(tmp_path)
    assert read_rows(source, file, ("name", "label")) == []
    (problem,) = source.problems
    assert problem.reason.startswith("not a readable table")


def test_table_that_is_absent_is_a_problem(tmp_path: Path) -> None:
    source = Source(tmp_path)
    assert read_rows(source, tmp_path / "table.csv", ("name",)) == []
    assert source.problems[0].reason.startswith("cannot be read")
