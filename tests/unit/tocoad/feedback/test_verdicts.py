from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.feedback.problems import FeedbackError
from tocoad.feedback.verdicts import read_verdicts


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "verdicts.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def told(folder: Path, text: str | bytes) -> list[tuple[int, str]]:
    return [(found.line, found.reason) for found in read_verdicts(write(folder, text))[1]]


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(FeedbackError) as caught:
        read_verdicts(write(folder, text))
    return str(caught.value)


@pytest.mark.parametrize("word", ["false reject", "False_Reject", "FALSE-REJECT", " false  reject "])
def test_letter_case_and_what_parts_the_words_of_a_verdict_mean_nothing(tmp_path: Path, word: str) -> None:
    (row,), problems = read_verdicts(write(tmp_path, f"path,verdict\na.png,{word}\n"))
    assert (row.verdict, problems) == ("false reject", [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_spreadsheet_may_write_the_table_as_its_country_wants(tmp_path: Path, delimiter: str, end: str) -> None:
    lines = (("Path", "VERDICT", "Defect type", "Who"), ("a.png", "missed defect", "dent", "Zoë"))
    text = "\ufeff" + end.join(delimiter.join(line) for line in lines)
    (row,), problems = read_verdicts(write(tmp_path, text))
    assert (row.given, row.defect_type, row.who, problems) == ("a.png", "dent", "Zoë", [])


def test_paths_are_relative_to_the_file_or_absolute(tmp_path: Path) -> None:
    text = "path,verdict,mask\ncam/a.png,missed defect,masks/a.png\n/line/b.png,unclear,\n"
    (first, second), _ = read_verdicts(write(tmp_path, text))
    assert (first.image, first.mask) == (tmp_path / "cam/a.png", tmp_path / "masks/a.png")
    assert (second.image, second.mask) == (Path("/line/b.png"), None)


@pytest.mark.parametrize(
    ("when", "known"),
    [("2026-11-25", "2026-11-25T00:00:00"), ("2026-11-25T06:30Z", "2026-11-25T06:30:00+00:00"), ("", None)],
)
def test_when_is_a_date_or_a_time(tmp_path: Path, when: str, known: str | None) -> None:
    (row,), _ = read_verdicts(write(tmp_path, f"path,verdict,when\na.png,unclear,{when}\n"))
    assert row.when == known


def test_every_line_that_cannot_be_read_is_told_with_its_number(tmp_path: Path) -> None:
    text = 'path,verdict,who,when\n"two\nlines.png",unclear,Ann,\n\na.png,unclear\nb.png,rejected,Ann,\n'
    text += ",unclear,Ann,\nc.png,unclear,Ann,yesterday\nd.png,unclear,Ann,,\n"
    assert told(tmp_path, text) == [
        (5, "has 2 of 4 columns: path, verdict, who, when"),
        (6, "b.png: unknown verdict 'rejected'; use 'false reject', 'missed defect', 'unclear'"),
        (7, "no path"),
        (8, "c.png: when is 'yesterday', not a time such as 2026-11-26T08:30"),
        (9, "has 5 of 4 columns: path, verdict, who, when"),
    ]


def test_a_quote_without_its_end_is_told_where_it_begins(tmp_path: Path) -> None:
    problems = told(tmp_path, 'path,verdict\na.png,unclear\n"b.png,unclear\nc.png,unclear\n')
    assert problems == [(3, "not a table from here on (unexpected end of data)")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "verdicts.csv, line 1: no column 'path', 'verdict' in the first line"),
        ("path,verdict\n\n", "verdicts.csv, line 1: no verdict follows"),
        ("a.png,unclear\n", "line 1: unknown column 'a.png'"),
        ("path,verdict,defct_type\n", "unknown column 'defct_type'; did you mean 'defect_type'?"),
        ("path,verdict,path\n", "two columns are called 'path'"),
        ("path,verdict,who\na.png,unclear,Zoë\n".encode("cp1252"), "line 2: not UTF-8; save it as 'CSV UTF-8'"),
    ],
)
def test_a_file_that_is_no_table_of_verdicts_is_refused_as_a_whole(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    assert said in refusal(tmp_path, text)
