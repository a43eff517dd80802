from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data import importing
from tocoad.data.importing import check_dataset, import_dataset
from tocoad.data.problems import DataError
from tocoad.errors import StageError
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress

WriteCategory = Callable[[Path, Mapping[str, int]], Path]
WriteImage = Callable[..., Path]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_mvtec_tree_is_copied_byte_for_byte(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    write_category(tmp_path / "source/bottle", {"crack": 2, "hole": 1})
    write_category(tmp_path / "source/cable", {})
    report = import_dataset(tmp_path / "source", tmp_path / "data/parts", "auto", split)
    assert files(tmp_path / "data/parts") == files(tmp_path / "source")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["parts"]
    assert report.layout == "mvtec"
    assert report.warnings == ()
    bottle, cable = report.categories
    assert (bottle.train + bottle.calibration, bottle.test_good) == (8, 2)
    assert bottle.calibration >= 2
    assert (bottle.test_defective, bottle.masks, bottle.defect_types) == (3, 3, {"crack": 2, "hole": 1})
    assert (cable.test_defective, cable.masks, cable.defect_types) == (0, 0, {})


def test_single_category_keeps_its_folder_s_name(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    write_category(tmp_path / "bottle", {"crack": 1})
    import_dataset(tmp_path / "bottle", tmp_path / "data/parts", "auto", split)
    assert files(tmp_path / "data/parts/bottle") == files(tmp_path / "bottle")


def test_btad_arrives_in_the_canonical_tree(
    tmp_path: Path, split: SplitSettings, write_image: WriteImage, write_mask: WriteImage
) -> None:
    for number in range(8):
        write_image(tmp_path / f"btad/01/train/ok/{number}.{('bmp', 'png')[number % 2]}")
    write_image(tmp_path / "btad/01/test/ok/0.bmp")
    image = write_image(tmp_path / "btad/01/test/ko/1.bmp")
    mask = write_mask(tmp_path / "btad/01/ground_truth/ko/1.png")
    report = import_dataset(tmp_path / "btad", tmp_path / "data/btad", "auto", split)
    assert report.layout == "btad"
    copied = files(tmp_path / "data/btad/01")
    assert copied["test/ko/1.bmp"] == image.read_bytes()
    assert copied["ground_truth/ko/1_mask.png"] == mask.read_bytes()
    assert set(copied) == {
        *(f"train/good/{number}.{('bmp', 'png')[number % 2]}" for number in range(8)),
        "test/good/0.bmp",
        "test/ko/1.bmp",
        "ground_truth/ko/1_mask.png",
    }


def test_visa_arrives_in_the_canonical_tree(
    tmp_path: Path, split: SplitSettings, write_image: WriteImage, write_mask: WriteImage
) -> None:
    root = tmp_path / "visa"
    rows = ["object,split,label,image,mask"]
    for number in range(7):
        write_image(root / f"candle/Data/Images/Normal/{number:04d}.JPG")
        rows.append(f"candle,{'train' if number < 6 else 'test'},normal,candle/Data/Images/Normal/{number:04d}.JPG,")
    write_image(root / "candle/Data/Images/Anomaly/000.JPG")
    write_mask(root / "candle/Data/Masks/Anomaly/000.png")
    rows.append("candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png")
    (root / "split_csv").mkdir()
    (root / "split_csv/1cls.csv").write_text("\n".join(rows))
    report = import_dataset(root, tmp_path / "data/visa", "visa", split)
    assert report.layout == "visa"
    assert set(files(tmp_path / "data/visa/candle")) == {
        *(f"train/good/{number:04d}.JPG" for number in range(6)),
        "test/good/0006.JPG",
        "test/bad/000.JPG",
        "ground_truth/bad/000_mask.png",
    }


def test_plain_folder_has_training_images_alone(tmp_path: Path, split: SplitSettings, write_image: WriteImage) -> None:
    for number in range(6):
        write_image(tmp_path / f"caps/{number}.JPG")
    report = import_dataset(tmp_path / "caps", tmp_path / "data/caps", "folder", split)
    (caps,) = report.categories
    assert caps.train + caps.calibration == 6
    assert (caps.name, caps.test_good, caps.test_defective, caps.defect_types) == ("caps", 0, 0, {})
    assert set(files(tmp_path / "data/caps")) == {f"caps/train/good/{number}.JPG" for number in range(6)}


def test_new_version_replaces_the_earlier_one_as_a_whole(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    write_category(tmp_path / "one/bottle", {"crack": 1})
    write_category(tmp_path / "two/cable", {})
    for source in ("one", "two"):
        import_dataset(tmp_path / source, tmp_path / "data/parts", "auto", split)
    assert files(tmp_path / "data/parts") == files(tmp_path / "two")


def test_failed_import_leaves_the_earlier_data_set_untouched(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    source, target = tmp_path / "source", tmp_path / "data/parts"
    write_category(source / "bottle", {"crack": 1})
    import_dataset(source, target, "auto", split)
    before = files(target)
    (source / "bottle/train/good/000.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"source/bottle/train/good/000\.png: not a readable"):
        import_dataset(source, target, "auto", split)
    assert files(target) == before
    assert [path.name for path in target.parent.iterdir()] == ["parts"]


def test_file_that_changes_during_the_import_stops_it(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    source, target = tmp_path / "source", tmp_path / "data/parts"
    write_category(source / "bottle", {})

    def half_way(progress: Progress) -> None:
        if progress.step == progress.total // 2:
            (source / "bottle/test/good/000.png").write_bytes(b"other")

    with pytest.raises(DataError, match=r"000\.png: changed while it was imported"):
        import_dataset(source, target, "auto", split, half_way)
    assert list(target.parent.iterdir()) == []


def test_disk_that_fills_up_leaves_nothing(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_category(tmp_path / "source/bottle", {})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(importing, "copy_file", full)
    with pytest.raises(StageError, match=r"data/parts: no room on its disk \(No space left on device\)"):
        import_dataset(tmp_path / "source", tmp_path / "data/parts", "auto", split)
    assert list((tmp_path / "data").iterdir()) == []


def test_check_finds_the_same_and_writes_nothing(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    write_category(tmp_path / "source/bottle", {"crack": 1})
    before = files(tmp_path)
    report = check_dataset(tmp_path / "source", "auto", split)
    assert files(tmp_path) == before
    assert report == import_dataset(tmp_path / "source", tmp_path / "data/parts", "auto", split)
    # What was imported is itself sound, and imports to the same report.
    assert check_dataset(tmp_path / "data/parts", "mvtec", split) == report


def test_progress_counts_the_checking_and_the_copying(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    write_category(tmp_path / "source/bottle", {})
    steps: list[Progress] = []
    import_dataset(tmp_path / "source", tmp_path / "data/parts", "auto", split, steps.append)
    assert [(step.step, step.total) for step in steps] == [(number, 20) for number in range(1, 21)]


def test_source_inside_the_data_set_it_would_replace_is_refused(
    tmp_path: Path, split: SplitSettings, write_category: WriteCategory
) -> None:
    bottle = write_category(tmp_path / "data/parts/bottle", {})
    with pytest.raises(DataError, match="which it would replace"):
        import_dataset(bottle, tmp_path / "data/parts", "auto", split)
    assert bottle.is_dir()


def test_name_of_the_data_set_is_checked(tmp_path: Path, split: SplitSettings, write_category: WriteCategory) -> None:
    write_category(tmp_path / "source/bottle", {})
    with pytest.raises(DataError, match="not a valid name"):
        import_dataset(tmp_path / "source", tmp_path / "data/my parts", "auto", split)


def test_warnings_are_reported(tmp_path: Path, split: SplitSettings, write_category: WriteCategory) -> None:
    bottle = write_category(tmp_path / "source/bottle", {})
    shutil.copy(bottle / "train/good/000.png", bottle / "train/good/copy.png")
    (bottle / "license.txt").touch()
    report = import_dataset(tmp_path / "source", tmp_path / "data/parts", "auto", split)
    assert [warning.file.name for warning in report.warnings] == ["license.txt", "copy.png"]
    assert (tmp_path / "data/parts/bottle/train/good/copy.png").is_file()
