from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tocoad.data.layouts.detect import read_source
from tocoad.data.layouts.source import Source

WriteImage = Callable[..., Path]
HEADER = "object,split,label,image,mask\n"


def write_csv(root: Path, *rows: str) -> Path:
    file = root / "split_csv/1cls.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return file


def read(root: Path) -> Source:
    layout, source = read_source(root, "auto")
    assert layout == "visa"
    return source


def test_published_tree_is_read_by_its_table(tmp_path: Path, write_image: WriteImage, write_mask: WriteImage) -> None:
    data = tmp_path / "candle/Data"
    write_image(data / "Images/Normal/0000.JPG")
    write_image(data / "Images/Normal/0001.JPG")
    write_image(data / "Images/Anomaly/000.JPG")
    write_mask(data / "Masks/Anomaly/000.png")
    write_csv(
        tmp_path,
        "candle,train,normal,candle/Data/Images/Normal/0000.JPG,",
        "candle,test,normal,candle/Data/Images/Normal/0001.JPG,",
        "candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png",
    )
    source = read(tmp_path)
    assert not source.problems
    assert not source.warnings
    (candle,) = source.categories
    assert candle.name == "candle"
    assert {(image.path, image.mask_path) for image in candle.images} == {
        ("train/good/0000.JPG", None),
        ("test/good/0001.JPG", None),
        ("test/bad/000.JPG", "ground_truth/bad/000_mask.png"),
    }


def test_files_outside_the_table_are_named(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "candle/Data/Images/Normal/0000.JPG")
    write_image(tmp_path / "candle/Data/Images/Normal/0001.JPG")
    (tmp_path / "pcb1").mkdir()
    write_csv(tmp_path, "candle,train,normal,candle/Data/Images/Normal/0000.JPG,")
    named = {warning.file.name: warning.reason for warning in read(tmp_path).warnings}
    assert named["Normal"] == "1 files are not listed in 1cls.csv; not imported: 0001.JPG"
    assert named["pcb1"] == "not listed in 1cls.csv; not imported"


def test_problems_of_the_table_are_named_by_line(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "set/candle/0.JPG")
    write_image(tmp_path / "outside.png")
    file = write_csv(
        tmp_path / "set",
        "candle,train,normal,candle/0.JPG,",
        "candle,train,normal,candle/absent.JPG,",
        "candle,train,normal,../outside.png,",
        "candle,train,anomaly,candle/0.JPG,",
        "candle,test,odd,candle/0.JPG,",
        "candle,test,anomaly,candle/0.JPG,candle/absent.png",
    )
    source = read(tmp_path / "set")
    assert all(problem.file == file for problem in source.problems)
    assert [problem.reason.split(" in ")[0] for problem in source.problems] == [
        "line 3: no file 'candle/absent.JPG'",
        "line 4: '../outside.png' leads out of the source folder",
        "line 5: a defective image",
        "line 6: label 'odd'",
        "line 7: no file 'candle/absent.png'",
    ]


def test_missing_column_is_named(tmp_path: Path) -> None:
    file = write_csv(tmp_path)
    file.write_text("object,split,label,image\n")
    assert "misses the column 'mask'" in read(tmp_path).problems[0].reason


def test_converted_tree_is_read(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> None:
    write_category(tmp_path / "1cls/candle", {"bad": 2})
    mask = tmp_path / "1cls/candle/ground_truth/bad/000_mask.png"
    mask.rename(mask.with_name("000.png"))
    source = read(tmp_path)
    assert not source.problems
    masks = [image.mask_path for image in source.categories[0].images if image.mask]
    assert masks == ["ground_truth/bad/000_mask.png", "ground_truth/bad/001_mask.png"]
