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


def read(root: Path) -> Source:
    layout, source = read_source(root, "auto")
    assert layout == "oct2017"
    return source


def write(root: Path, write_image: WriteImage, *names: str) -> Path:
    for name in names:
        write_image(root / name)
    return root


@pytest.fixture
def published(tmp_path: Path, write_image: WriteImage) -> Path:
    root = tmp_path / "OCT2017"
    write(root, write_image, *(f"train/NORMAL/NORMAL-10-{number}.jpeg" for number in range(8)))
    write(root, write_image, "train/CNV/CNV-1-1.jpeg", "train/CNV/CNV-1-2.jpeg", "train/DME/DME-2-1.jpeg")
    write(root, write_image, "test/NORMAL/NORMAL-3-1.jpeg", "test/CNV/CNV-4-1.jpeg", "test/CNV/CNV-4-2.jpeg")
    return write(root, write_image, "test/DME/DME-5-1.jpeg", "test/DRUSEN/DRUSEN-6-1.jpeg", "val/CNV/CNV-7-1.jpeg")


def test_published_tree_arrives_in_the_canonical_one(published: Path, tmp_path: Path, split: SplitSettings) -> None:
    report = import_dataset(published, tmp_path / "data/medical", "auto", split)
    assert report.layout == "oct2017"
    (category,) = report.categories
    assert category.name == "oct2017"
    assert (category.train + category.calibration, category.test_good, category.masks) == (8, 1, 0)
    assert category.defect_types == {"cnv": 2, "dme": 1, "drusen": 1}
    copied = tmp_path / "data/medical/oct2017/test/cnv/CNV-4-1.jpeg"
    assert copied.read_bytes() == (published / "test/CNV/CNV-4-1.jpeg").read_bytes()


def test_what_is_not_used_is_named_with_its_count(published: Path) -> None:
    (published / "README.txt").write_text("retinas")
    warnings = {warning.file.name: warning.reason for warning in read(published).warnings}
    assert warnings == {
        "README.txt": "not part of the layout; not imported",
        "train": "3 defective images (CNV, DME) are not imported: training takes good ones alone",
        "val": "1 images are not imported: no part of training or test",
    }


@pytest.mark.parametrize("name", ["OCT2017 ", "OCT2017", "oct2017"])
def test_folder_of_the_data_set_is_found_in_what_was_unpacked(published: Path, tmp_path: Path, name: str) -> None:
    root = tmp_path / "archive"
    root.mkdir()
    shutil.move(published, root / name)
    (root / "chest_xray").mkdir()
    source = read(root)
    (category,) = source.categories
    assert category.name == "oct2017"
    assert len(category.images) == 13
    assert ("chest_xray", "not part of the layout; not imported") in [
        (warning.file.name, warning.reason) for warning in source.warnings
    ]


def test_two_folders_of_the_data_set_are_refused(published: Path, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    shutil.copytree(published, root / "OCT2017")
    shutil.copytree(published, root / "OCT2017 ")
    _, source = read_source(root, "oct2017")
    (problem,) = source.problems
    assert problem.reason.startswith("expected train/NORMAL here or in one folder OCT2017")


@pytest.mark.parametrize("name", ["good", "normal", "Good", "Normal ", "OK"])
def test_second_name_for_good_images_is_refused(published: Path, write_image: WriteImage, name: str) -> None:
    write_image(published / f"test/{name}/1.jpeg")
    (problem,) = read(published).problems
    assert (problem.file.name, problem.reason) == (name, "this layout calls good images 'NORMAL'; rename the folder")


def test_stray_files_and_links_that_lead_out_are_refused(
    published: Path, tmp_path: Path, write_image: WriteImage
) -> None:
    (published / "test/CNV/notes.txt").write_text("?")
    (published / "train/NORMAL/link.jpeg").symlink_to(write_image(tmp_path / "elsewhere.jpeg"))
    assert {problem.file.name for problem in read(published).problems} == {"notes.txt", "link.jpeg"}


def test_training_image_that_is_also_tested_leaves_training(published: Path) -> None:
    shutil.copy(published / "test/NORMAL/NORMAL-3-1.jpeg", published / "train/NORMAL/NORMAL-11-9.jpeg")
    source = read(published)
    paths = [image.path for image in source.categories[0].images]
    assert "test/good/NORMAL-3-1.jpeg" in paths
    assert "train/good/NORMAL-11-9.jpeg" not in paths
    assert any("copies of test images" in warning.reason for warning in source.warnings)


def test_patient_who_is_tested_leaves_training(published: Path, write_image: WriteImage) -> None:
    tested, named_otherwise = "NORMAL-4-7.jpeg", "NORMAL-4.jpeg"
    write(published / "train/NORMAL", write_image, tested, named_otherwise)
    source = read(published)
    trained = [image.file.name for image in source.categories[0].images if image.part == "train"]
    assert trained == sorted([*(f"NORMAL-10-{number}.jpeg" for number in range(8)), named_otherwise])
    assert "1 images for training are of patients who are in test; not imported: NORMAL-4-7.jpeg" in [
        warning.reason for warning in source.warnings
    ]


def test_tree_of_mvtec_with_the_same_diseases_stays_mvtec(tmp_path: Path, write_image: WriteImage) -> None:
    write(tmp_path / "oct", write_image, "train/good/1.jpeg", "test/CNV/2.jpeg")
    assert read_source(tmp_path / "oct", "auto")[0] == "mvtec"
