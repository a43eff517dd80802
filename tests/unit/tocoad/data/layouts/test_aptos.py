from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tocoad.data.importing import import_dataset
from tocoad.data.layouts.detect import read_source
from tocoad.data.layouts.source import Source
from tocoad.settings.sections import SplitSettings

WriteImage = Callable[..., Path]

# Eighteen of grade 0, of which five ninths are ten, and one or two of every other grade.
GRADES = {f"{number:012x}": 0 for number in range(18)} | {"a1": 1, "a2": 2, "b2": 2, "a3": 3, "a4": 4}


def read(root: Path) -> Source:
    layout, source = read_source(root, "auto")
    assert layout == "aptos"
    return source


def write_csv(root: Path, *rows: str, header: str = "id_code,diagnosis") -> Path:
    file = root / "train.csv"
    file.write_text("".join(f"{row}\n" for row in (header, *rows)))
    return file


@pytest.fixture
def published(tmp_path: Path, write_image: WriteImage) -> Path:
    root = tmp_path / "APTOS"
    for name in GRADES:
        write_image(root / f"train_images/{name}.png")
    write_csv(root, *(f"{name},{grade}" for name, grade in GRADES.items()))
    return root


def test_published_set_arrives_in_the_canonical_tree(published: Path, tmp_path: Path, split: SplitSettings) -> None:
    report = import_dataset(published, tmp_path / "data/medical", "auto", split)
    assert report.layout == "aptos"
    assert report.warnings == ()
    (category,) = report.categories
    assert category.name == "aptos"
    assert (category.train + category.calibration, category.test_good, category.masks) == (10, 8, 0)
    assert category.defect_types == {"mild": 1, "moderate": 2, "proliferative": 1, "severe": 1}
    copied = tmp_path / "data/medical/aptos/test/proliferative/a4.png"
    assert copied.read_bytes() == (published / "train_images/a4.png").read_bytes()


def test_training_takes_the_normal_images_of_the_lowest_sha256(published: Path) -> None:
    normal = [name for name, grade in GRADES.items() if grade == 0]
    lowest = sorted(normal, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:10]
    images = read(published).categories[0].images
    assert {image.file.stem for image in images if image.part == "train"} == set(lowest)


def test_order_of_the_table_moves_no_image(published: Path) -> None:
    before = read(published).categories[0].images
    write_csv(published, *(f"{name},{grade}" for name, grade in reversed(GRADES.items())))
    assert read(published).categories[0].images == before


def test_images_without_labels_are_named(published: Path, write_image: WriteImage) -> None:
    write_image(published / "test_images/t1.png")
    (published / "test.csv").write_text("id_code\nt1\n")
    (published / "notes.md").write_text("")
    source = read(published)
    assert not source.problems
    assert [(warning.file.name, warning.reason) for warning in source.warnings] == [
        ("notes.md", "not part of the layout; not imported"),
        ("test.csv", "has no labels; not imported"),
        ("test_images", "has no labels; not imported"),
    ]


@pytest.mark.parametrize("grade", ["5", "", "mild", "0.0", "-1"])
def test_unknown_grade_is_named_by_line(published: Path, grade: str) -> None:
    file = write_csv(published, "a1,1", f"a2,{grade}")
    (problem,) = read(published).problems
    assert (problem.file, problem.reason) == (file, f"line 3: diagnosis {grade!r} is unknown; grades are 0 to 4")


def test_bad_lines_are_named(published: Path, write_image: WriteImage) -> None:
    write_image(published / "test_images/t1.png")
    write_csv(published, "a1,1", "absent,0", "../test_images/t1,0", "a1,1")
    assert [problem.reason.split(" in ")[0] for problem in read(published).problems] == [
        "line 3: no image 'absent'",
        "line 4: no image '../test_images/t1'",
        "line 5: 'a1' stands",
    ]


def test_missing_column_is_named(published: Path) -> None:
    write_csv(published, "a1,1", header="id_code,level")
    assert "misses the column 'diagnosis'" in read(published).problems[0].reason


def test_image_that_no_line_lists_is_named(published: Path, write_image: WriteImage) -> None:
    write_image(published / "train_images/extra.png")
    assert [warning.reason for warning in read(published).warnings] == [
        "1 files are not listed in train.csv; not imported: extra.png"
    ]


def test_image_graded_both_ways_is_left_out(published: Path) -> None:
    (published / "train_images/a1.png").write_bytes((published / f"train_images/{0:012x}.png").read_bytes())
    source = read(published)
    assert not {"a1", f"{0:012x}"} & {image.file.stem for image in source.categories[0].images}
    assert any("labelled good in one copy and defective in another" in warning.reason for warning in source.warnings)


def test_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id_code,diagnosis\n")
    _, source = read_source(tmp_path, "aptos")
    (problem,) = source.problems
    assert problem.reason == "expected train.csv and train_images here; give the folder that holds them"
