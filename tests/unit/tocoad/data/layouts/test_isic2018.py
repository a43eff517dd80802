from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tocoad.data.importing import import_dataset
from tocoad.data.layouts.detect import read_source
from tocoad.data.layouts.source import Source
from tocoad.settings.sections import SplitSettings

WriteImage = Callable[..., Path]

DIAGNOSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")


def row(name: str, *diagnoses: str) -> str:
    return ",".join([name, *("1.0" if diagnosis in diagnoses else "0.0" for diagnosis in DIAGNOSES)])


def table(root: Path, part: str) -> Path:
    name = f"ISIC2018_Task3_{part}_GroundTruth"
    return root / name / f"{name}.csv"


def write_csv(root: Path, part: str, *rows: str) -> Path:
    file = table(root, part)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in (",".join(("image", *DIAGNOSES)), *rows)))
    return file


def read(root: Path) -> Source:
    layout, source = read_source(root, "auto")
    assert layout == "isic2018"
    return source


@pytest.fixture
def published(tmp_path: Path, write_image: WriteImage) -> Path:
    root = tmp_path / "ISIC2018"
    labels = {
        "Training": {f"ISIC_{number:07d}": "NV" for number in range(8)} | {"ISIC_0000010": "MEL", "ISIC_0000011": "DF"},
        "Validation": {f"ISIC_{20 + number:07d}": name for number, name in enumerate(("NV", *DIAGNOSES))},
    }
    for part, images in labels.items():
        write_csv(root, part, *(row(name, diagnosis) for name, diagnosis in images.items()))
        for name in images:
            write_image(root / f"ISIC2018_Task3_{part}_Input/{name}.jpg")
    return root


def test_published_set_arrives_in_the_canonical_tree(published: Path, tmp_path: Path, split: SplitSettings) -> None:
    report = import_dataset(published, tmp_path / "data/medical", "auto", split)
    assert report.layout == "isic2018"
    (category,) = report.categories
    assert category.name == "isic2018"
    assert (category.train + category.calibration, category.test_good, category.masks) == (8, 2, 0)
    assert category.defect_types == {"akiec": 1, "bcc": 1, "bkl": 1, "df": 1, "mel": 1, "vasc": 1}
    assert [warning.reason for warning in report.warnings] == [
        "2 images other than NV are not imported: training takes good ones alone"
    ]


def test_texts_and_the_test_part_are_named(published: Path) -> None:
    for part in ("Training_Input", "Training_GroundTruth"):
        (published / f"ISIC2018_Task3_{part}/LICENSE.txt").write_text("CC")
    (published / "ISIC2018_Task3_Test_Input").mkdir()
    write_csv(published, "Test", row("ISIC_0000040", "NV"))
    source = read(published)
    assert not source.problems
    assert {warning.file.name for warning in source.warnings if "not part of the layout" in warning.reason} == {
        "LICENSE.txt",
        "ISIC2018_Task3_Test_Input",
        "ISIC2018_Task3_Test_GroundTruth",
    }


def test_bad_lines_are_named(published: Path) -> None:
    file = write_csv(
        published,
        "Training",
        row("ISIC_0000000", "NV"),
        row("ISIC_0000001", "NV", "MEL"),
        row("ISIC_0000002"),
        "ISIC_0000003,0.0,0.7,0.3,0.0,0.0,0.0,0.0",
        row("ISIC_0000099", "NV"),
        row("../ISIC2018_Task3_Validation_Input/ISIC_0000020", "NV"),
        row("ISIC_0000000", "NV"),
    )
    problems = read(published).problems
    assert {problem.file for problem in problems} == {file}
    assert [
        problem.reason.removesuffix(f" in {published / 'ISIC2018_Task3_Training_Input'}") for problem in problems
    ] == [
        "line 3: exactly one diagnosis expected, found MEL and NV",
        "line 4: exactly one diagnosis expected, found none",
        "line 5: '0.7' in column NV is neither 0.0 nor 1.0",
        "line 6: no image 'ISIC_0000099'",
        "line 7: no image '../ISIC2018_Task3_Validation_Input/ISIC_0000020'",
        "line 8: 'ISIC_0000000' stands in line 2 already",
    ]


def test_missing_column_is_named(published: Path) -> None:
    file = table(published, "Validation")
    file.write_text(file.read_text().replace("VASC", "SCC", 1))
    (problem,) = read(published).problems
    assert problem.file == file
    assert problem.reason.startswith("misses the column 'VASC'")


def test_without_validation_part_there_is_a_warning(published: Path) -> None:
    shutil.rmtree(published / "ISIC2018_Task3_Validation_Input")
    shutil.rmtree(table(published, "Validation").parent)
    source = read(published)
    assert not source.problems
    assert {image.part for image in source.categories[0].images} == {"train"}
    assert source.warnings[-1].reason == "without ISIC2018_Task3_Validation_Input there is nothing to test with"


@pytest.mark.parametrize("part", ["Training", "Validation"])
def test_half_of_a_pair_is_refused(published: Path, part: str) -> None:
    shutil.rmtree(published / f"ISIC2018_Task3_{part}_Input")
    (problem,) = read(published).problems
    assert problem.reason.startswith(f"ISIC2018_Task3_{part}_Input is missing beside")
    table(published, part).parent.joinpath("x").touch()
    table(published, part).unlink()
    (published / f"ISIC2018_Task3_{part}_Input").mkdir()
    (problem,) = read(published).problems
    assert problem.reason.startswith(f"ISIC2018_Task3_{part}_GroundTruth/ISIC2018_Task3_{part}_GroundTruth.csv is miss")


def test_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    _, source = read_source(tmp_path, "isic2018")
    (problem,) = source.problems
    assert problem.reason.startswith("expected ISIC2018_Task3_Training_Input here")
