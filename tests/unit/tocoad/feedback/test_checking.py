from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tocoad.feedback.checking import Checked
from tocoad.feedback.problems import LineProblem
from tocoad.feedback.record import Intake

Check = Callable[..., tuple[list[Checked], list[LineProblem]]]
Draw = Callable[..., Path]
HEAD = "path,verdict,defect_type,mask,who\n"


def intake(number: int, checked: list[Checked]) -> Intake:
    said = tuple(found.statement for found in checked)
    fixed = {"time": "2026-11-26T06:00:00+00:00", "by": "ann", "host": "line", "file": "verdicts.csv"}
    return Intake(number=number, category="gear", before=None, after=None, statements=said, **fixed)


def bring(folder: Path, checked: list[Checked]) -> None:
    """As a whole intake would."""
    for found in checked:
        for path, file in found.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / path)


def reasons(problems: list[LineProblem]) -> list[tuple[int, str]]:
    return [(found.line, found.reason) for found in problems]


def test_every_verdict_has_its_place(check: Check, draw: Draw, line: Path) -> None:
    for name in ("a.png", "b.PNG", "c.png", "d.png"):
        draw(line / name)
    draw(line / "b_drawn.png", mask=True)
    text = "a.png,false reject,,,\nb.PNG,missed defect,dent,b_drawn.png,Ann\nc.png,missed defect,,,\nd.png,unclear,,,\n"
    checked, problems = check(HEAD + text)
    assert problems == []
    a, b, c, d = (found.statement for found in checked)
    assert a.path == f"train/good/a-{a.sha256[:16]}.png" and a.mask is None
    assert b.path == f"test/dent/b-{b.sha256[:16]}.png" and b.who == "Ann"
    assert b.mask == f"ground_truth/dent/b-{b.sha256[:16]}_mask.png"
    assert c.path == f"test/unnamed/c-{c.sha256[:16]}.png" and d.path == f"held/d-{d.sha256[:16]}.png"
    assert checked[1].files == {b.path: line / "b.PNG", b.mask: line / "b_drawn.png"}


def test_two_images_of_one_name_have_two_places(check: Check, draw: Draw, line: Path) -> None:
    draw(line / "cam1/part (1).png"), draw(line / "cam2/part (1).png")
    checked, _ = check(HEAD + "cam1/part (1).png,false reject,,,\ncam2/part (1).png,false reject,,,\n")
    first, second = (found.statement.path for found in checked)
    assert first != second and first.startswith("train/good/part_1-")


def test_everything_that_is_wrong_is_told(check: Check, draw: Draw, line: Path) -> None:
    for name in ("a.png", "b.png", "c.png", "d.png"):
        draw(line / name)
    draw(line / "small.png", mask=True, size=(4, 4))
    Image.new("L", (12, 8)).save(line / "black.png")
    (line / "cut.png").write_bytes((line / "a.png").read_bytes()[:60])
    (line / "note.txt").write_text("no image")
    _, problems = check(
        HEAD + "gone.png,unclear,,,\ncut.png,unclear,,,\nnote.txt,unclear,,,\na.png,missed defect,dent,small.png,\n"
        "b.png,missed defect,dent,black.png,\nc.png,false reject,dent,,\nd.png,missed defect,../dent,,\n"
        "a.png,unclear\nd.png,missed defect,OK,,\nd.png,missed defect,dent,gone.png,\n"
    )
    told = dict(reasons(problems))
    assert told[2] == "gone.png: cannot be read (No such file or directory)"
    assert told[3].startswith("cut.png: unreadable or truncated image")
    assert told[4] == "note.txt: not an image of a known type (png, jpg, bmp, tif)"
    assert told[5] == "a.png: its mask small.png has 4x4 pixels, the image 12x8"
    assert told[6] == "b.png: its mask black.png marks nothing"
    assert told[7] == "c.png: a false reject is a good part: it has neither defect type nor mask"
    assert told[8] == "d.png: defect type '../dent': use letters, digits, '_' and '-' (at most 63)"
    assert told[9] == "has 2 of 5 columns: path, verdict, defect_type, mask, who"
    assert told[10] == "d.png: defect type 'OK' means a good part"
    assert told[11] == "d.png: its mask gone.png: cannot be read (No such file or directory)"


def test_a_type_that_the_category_has_is_meant_however_it_is_written(check: Check, draw: Draw, line: Path) -> None:
    draw(line / "a.png")
    (found,), _ = check(HEAD + "a.png,missed defect,Scratch,,\n")
    assert found.statement.path.startswith("test/scratch/")


def test_the_same_image_twice_says_one_thing(check: Check, draw: Draw, line: Path) -> None:
    shutil.copy(draw(line / "a.png"), line / "copy.png")
    twice, problems = check(HEAD + "a.png,missed defect,dent,,\ncopy.png,missed-defect,Dent,,\n")
    assert len(twice) == 1 and problems == []
    _, problems = check(HEAD + "a.png,missed defect,dent,,\ncopy.png,false reject,,,\n")
    assert reasons(problems) == [(3, "copy.png: the same image as line 2 (a.png), which says missed defect (dent)")]


@pytest.mark.parametrize("how", ["copied", "saved again"])
def test_what_is_trained_on_is_never_tested_on_and_the_other_way_round_whatever_its_name(
    check: Check, category: Path, line: Path, how: str
) -> None:
    for path, name in (("train/good/0.png", "trained.png"), ("test/scratch/0.png", "tested.png")):
        if how == "copied":
            shutil.copy(category / path, line / name)
        else:
            Image.open(category / path).save(line / name, compress_level=1)
            assert (line / name).read_bytes() != (category / path).read_bytes()
    _, problems = check(HEAD + "trained.png,missed defect,dent,,\ntested.png,false reject,,,\n")
    way_out = "take that out first (tocoad data add --remove)"
    assert reasons(problems) == [
        (2, f"trained.png: the same image as train/good/0.png, and what is trained on is not tested on; {way_out}"),
        (3, f"tested.png: the same image as test/scratch/0.png, and what is tested on is not trained on; {way_out}"),
    ]


def test_a_grey_image_that_a_tool_saved_in_colours_is_the_same(check: Check, category: Path, line: Path) -> None:
    grey = Image.open(category / "train/good/0.png").convert("L")
    grey.save(category / "train/good/0.png")
    grey.convert("RGBA").save(line / "a.bmp")
    _, problems = check(HEAD + "a.bmp,missed defect,dent,,\n")
    assert "the same image as train/good/0.png" in problems[0].reason


def test_what_was_taken_before_is_not_taken_again(check: Check, draw: Draw, category: Path, line: Path) -> None:
    draw(line / "a.png"), draw(line / "b.png"), draw(line / "c.png"), draw(line / "mask.png", mask=True)
    text = HEAD + "a.png,false reject,,,\nb.png,missed defect,dent,mask.png,\nc.png,unclear,,,\n"
    checked, _ = check(text)
    bring(category, [found for found in checked if found.statement.verdict != "unclear"])
    assert check(text, intake(1, checked)) == ([], [])


def test_another_word_than_before_is_refused_and_what_was_unclear_may_be_decided(
    check: Check, draw: Draw, category: Path, line: Path
) -> None:
    draw(line / "a.png"), draw(line / "b.png")
    checked, _ = check(HEAD + "a.png,false reject,,,\nb.png,unclear,,,\n")
    bring(category, checked[:1])
    bring(line, checked[1:])
    held = checked[1].statement.path
    decided, problems = check(HEAD + f"a.png,missed defect,dent,,\n{held},missed defect,dent,,\n", intake(1, checked))
    assert [found.statement.path for found in decided] == [held.replace("held", "test/dent")]
    path = checked[0].statement.path
    way_out = "take that out first (tocoad data add --remove)"
    assert reasons(problems) == [(2, f"a.png: intake 1 says false reject of the same image ({path}); {way_out}")]
    # Somebody took it out: the word on it is over.
    (category / path).unlink()
    _, problems = check(HEAD + "a.png,missed defect,dent,,\n", intake(1, checked))
    assert problems == []


def test_an_intake_that_was_broken_off_before_its_record_is_taken_as_its_own(
    check: Check, draw: Draw, category: Path, line: Path
) -> None:
    draw(line / "a.png"), draw(line / "mask.png", mask=True)
    text = HEAD + "a.png,missed defect,dent,mask.png,\n"
    checked, _ = check(text)
    bring(category, checked)
    ((again,), problems) = check(text)
    assert (again.statement, again.files, problems) == (checked[0].statement, {}, [])


def test_a_verdict_on_what_the_data_set_has_already_adds_no_image_and_maybe_its_mask(
    check: Check, draw: Draw, category: Path, line: Path
) -> None:
    shutil.copy(category / "test/scratch/0.png", line / "a.png")
    shutil.copy(draw(category / "test/scratch/1.png"), line / "b.png")
    draw(line / "mask.png", mask=True)
    checked, problems = check(HEAD + "a.png,missed defect,scratch,,\nb.png,missed defect,scratch,mask.png,\n")
    assert problems == []
    assert [found.statement.added for found in checked] == [(), ("ground_truth/scratch/1_mask.png",)]
    # Another mask than the one that is there is no small thing.
    Image.new("L", (12, 8), 255).save(line / "mask.png")
    shutil.copy(category / "test/scratch/0.png", line / "b.png")
    _, problems = check(HEAD + "b.png,missed defect,scratch,mask.png,\n")
    assert "test/scratch/0.png is the same image, and has another mask" in problems[0].reason


def test_an_image_that_has_changed_since_it_was_looked_at_is_refused(check: Check, draw: Draw, line: Path) -> None:
    draw(line / "a.png")
    _, problems = check(f"path,verdict,sha256\na.png,unclear,{'0' * 64}\n")
    assert reasons(problems) == [(2, "a.png: not the image that was looked at: it has changed since")]


def test_a_mask_that_comes_later_is_taken(check: Check, draw: Draw, category: Path, line: Path) -> None:
    draw(line / "a.png"), draw(line / "mask.png", mask=True)
    checked, _ = check(HEAD + "a.png,missed defect,dent,,\n")
    bring(category, checked)
    (later,), problems = check(HEAD + "a.png,missed defect,dent,mask.png,\n", intake(1, checked))
    assert problems == [] and later.statement.path == checked[0].statement.path
    assert later.statement.added == (later.statement.mask,)
