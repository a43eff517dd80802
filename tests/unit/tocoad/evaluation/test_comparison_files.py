from __future__ import annotations

from pathlib import Path

from tocoad.evaluation.comparison_files import Drawn, read_comparison, write_comparison
from tocoad.gate.comparison import Changed, Comparison, Contestant

ONE = Contestant(version=1, method="tocoad", package="1")
CHANGED = tuple(
    Changed(
        image_path=f"test/crack/{number}.png",
        defect_type="crack",
        gt_label=1,
        challenger_rejects=False,
        challenger_score=0.0,
        champion_score=1.0,
    )
    for number in range(2)
)
COMPARISON = Comparison(
    challenger=ONE,
    champion=ONE,
    evaluation_set="e",
    synthetic=False,
    thresholds=(None, 0.5),
    figures=(),
    kinds=(),
    changed=CHANGED,
)


def test_the_record_names_the_pictures_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "comparison" / "gear"
    write_comparison(folder, COMPARISON, {"test/crack/1.png": Drawn((4, 3), {"image": b"i", "champion": b"c"})})
    kept = read_comparison(folder)
    assert kept is not None
    first, second = kept.changed
    assert (first, first.pictures) == (CHANGED[0], {})
    assert second.size == (4, 3)
    assert {panel: (folder / name).read_bytes() for panel, name in second.pictures.items()} == {
        "image": b"i",
        "champion": b"c",
    }


def test_a_later_comparison_leaves_no_picture_of_the_one_before(tmp_path: Path) -> None:
    write_comparison(tmp_path / "gear", COMPARISON, {"test/crack/0.png": Drawn((4, 3), {"image": b"i"})})
    write_comparison(tmp_path / "gear", COMPARISON, {})
    assert [file.name for file in (tmp_path / "gear").iterdir()] == ["comparison.json"]
    assert read_comparison(tmp_path / "gear") == COMPARISON


def test_what_cannot_be_read_is_no_comparison(tmp_path: Path) -> None:
    assert read_comparison(tmp_path) is None
    (tmp_path / "comparison.json").write_text('{"format": 2}')
    assert read_comparison(tmp_path) is None
