from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.gate.comparison import Changed, Comparison, Contestant, Kind, Pair
from tocoad.gate.finding import Finding
from tocoad.report.comparing import changes, headline
from tocoad.report.comparison_markdown import comparison_markdown

CHANGED = Changed(
    image_path="test/a|b/<i>.png",
    defect_type="a|b",
    gt_label=1,
    challenger_rejects=False,
    challenger_score=0.44,
    champion_score=0.71,
    size=(2, 2),
    pictures={"image": "i.webp", "champion": "c.webp", "challenger": "n.webp"},
)
COMPARISON = Comparison(
    challenger=Contestant(version=4, method="tocoad", package="4"),
    champion=Contestant(version=3, method="patchcore", package="3"),
    evaluation_set="e",
    synthetic=False,
    thresholds=(0.52, 0.6),
    figures=(
        Pair(
            metric="image_AUROC", challenger=0.95, champion=0.97, champion_interval=(0.9, 1.0), interval=(-0.04, 0.01)
        ),
        Pair(metric="pixel_AP", challenger=None, champion=0.5),
    ),
    kinds=(
        Kind(defect_type="a|b", good=False, images=4, challenger=2, champion=3, lost=1, gained=0),
        Kind(defect_type="good", good=True, images=20, challenger=20, champion=20, lost=0, gained=0),
    ),
    changed=(CHANGED,),
)


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_markdown_has_the_changed_images_before_the_figures_and_the_types() -> None:
    text = comparison_markdown(COMPARISON)
    assert lines(text)[:3] == [
        "**version 4 (tocoad) against the champion, version 3 (patchcore).** It judges 1 of 24 test images otherwise "
        "than the champion.",
        "",
        "- 1 defective one that the champion catches passes unnoticed",
    ]
    headings = [line for line in lines(text) if line.startswith("#")]
    assert headings == ["### Judged otherwise, the worst first", "### Figures, with 95 % intervals", "### By type"]
    assert "| image\\_AUROC | 0.9500 | 0.9700 (0.9000–1.0000) | −0.0200 (−0.0400 to +0.0100) |" in lines(text)
    assert "| pixel\\_AP | – | 0.5000 | – |" in lines(text)


def test_names_of_the_data_are_no_markup_and_break_no_table() -> None:
    found = [
        Finding(name="floor", outcome="passed", reason="reached"),
        Finding(name="a|b", outcome="failed", reason="lost <b>a|b</b>"),
    ]
    text = comparison_markdown(COMPARISON, found)
    assert "- **missed now**: test/a\\|b/\\<i\\>.png (a\\|b); challenger 0.44 ≤ 0.52, champion 0.71 \\> 0.6" in lines(
        text
    )
    first = lines(text).index("### What the gate found")
    assert lines(text)[first + 2 : first + 4] == [
        "- **failed**, a\\|b: lost \\<b\\>a\\|b\\</b\\>",
        "- **passed**, floor: reached",
    ]


def test_pictures_are_in_the_text_itself(tmp_path: Path) -> None:
    for name in CHANGED.pictures.values():
        (tmp_path / name).write_bytes(name.encode())
    text = lines(comparison_markdown(COMPARISON, (), tmp_path))
    first = text.index("| champion | challenger |")
    assert text[first + 1 : first + 5] == [
        "| --- | --- |",
        "| ![champion](data:image/webp;base64,Yy53ZWJw) | ![challenger](data:image/webp;base64,bi53ZWJw) |",
        "| image |  |",
        "| ![image](data:image/webp;base64,aS53ZWJw) |  |",
    ]


def test_a_picture_that_is_gone_leaves_its_line(tmp_path: Path) -> None:
    text = comparison_markdown(COMPARISON, (), tmp_path)
    assert "data:image" not in text and "**missed now**" in text


def test_of_many_changed_images_the_text_says_how_many_more() -> None:
    text = comparison_markdown(COMPARISON.model_copy(update={"changed": (CHANGED,) * 50}))
    assert text.count("**missed now**") == 40 and "- and 10 more" in lines(text)


@pytest.mark.parametrize(
    ("kinds", "changed", "said"),
    [
        ((), 0, "There is no test image that tells the two apart."),
        ((COMPARISON.kinds[1],), 0, "Both give the same verdict on every one of 20 test images."),
        ((COMPARISON.kinds[1],), 6, "It judges 6 of 20 test images otherwise than the champion."),
    ],
)
def test_how_many_differ_is_one_sentence(kinds: tuple[Kind, ...], changed: int, said: str) -> None:
    assert headline(COMPARISON.model_copy(update={"kinds": kinds, "changed": (CHANGED,) * changed})) == said


def test_what_is_worse_is_said_before_what_is_better() -> None:
    kinds = (
        Kind(defect_type="dent", good=False, images=9, challenger=5, champion=4, lost=1, gained=2),
        Kind(defect_type="good", good=True, images=9, challenger=7, champion=8, lost=2, gained=1),
    )
    assert changes(COMPARISON.model_copy(update={"kinds": kinds})) == [
        "1 defective one that the champion catches passes unnoticed",
        "2 good ones that the champion passes are rejected",
        "2 defective ones that the champion misses are caught",
        "1 good one that the champion rejects passes",
    ]
