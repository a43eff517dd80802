"""`tocoad data add` as it is typed, on a workspace with DVC."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.helpers.project import project_workspace
from tests.helpers.toys import BAR, DISC, draw, draw_toys, write
from tocoad.settings.file import override

pytestmark = pytest.mark.integration


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Empty; the toys lie in the folder `toys` beside it."""
    environment = dict(os.environ)
    draw_toys(tmp_path / "drawn")
    (tmp_path / "drawn/data/toys").rename(tmp_path / "toys")
    root = tmp_path / "workspace"
    root.mkdir()
    shutil.copy(Path(__file__).parents[3] / "dvc.yaml", root)
    override(project_workspace(root), {"split.train_min": "4", "split.calibration_min": "2"})
    monkeypatch.chdir(root)
    yield root
    os.environ.clear()
    os.environ.update(environment)


def images(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.png")}


def adding(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """The command on the data set `toys`; returns its document, with what went to standard error."""

    def add(*words: str, code: int = 0) -> dict[str, Any]:
        assert main(["data", "add", "--name", "toys", "--json", *words]) == code
        told = capsys.readouterr()
        document: dict[str, Any] = json.loads(told.out)
        return {**document, "stderr": told.err}

    return add


def test_what_is_added_again_is_merged_and_every_change_is_told(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = adding(capsys)
    folder, toys, monday = workspace / "data/toys", str(tmp_path / "toys"), tmp_path / "monday"
    first = add(toys)
    assert first["version"]["before"] is None and set(first["images"]) == {"bar", "disc"}
    write(monday / "disc/train/good", [(11, draw("disc", 11)), (50, draw("disc", 50)), (3, draw("disc", 77))])
    before = images(folder)

    refused = add(str(monday), code=1)
    there, other = "disc/train/good/003.png", monday / "disc/train/good/003.png"
    told = {
        "new": ["disc/train/good/050.png"],
        "identical": ["disc/train/good/011.png"],
        "conflicts": [{"path": there, "file": str(other)}],
        "removed": [],
        "grouped": {},
    }
    assert refused["categories"] == {"disc": told} and refused["version"] is None
    assert f"{other}: differs from {folder / there}" in refused["error"]
    asked = add(str(monday), "--replace", "--dry-run")
    assert asked["categories"] == {"disc": told} and asked["version"]["before"] == asked["version"]["after"]
    assert images(folder) == before

    taken = add(str(monday), "--replace")
    assert taken["categories"] == {"disc": told} and taken["version"]["before"] == first["version"]["after"]
    assert images(folder) == before | {
        f"disc/train/good/{file.name}": file.read_bytes() for file in monday.rglob("*.png")
    }
    assert f"version {taken['version']['before']} is now {taken['version']['after']}" in taken["stderr"]
    assert (
        f"put {first['version']['after']} back into data/toys.dvc (md5), then: dvc checkout" in taken["version"]["back"]
    )
    gone = ["disc/ground_truth/scratch/030_mask.png", "disc/test/scratch/030.png"]
    removed = add("--remove", "data/toys/disc/test/scratch/030.png")
    assert sorted(removed["categories"]["disc"]["removed"]) == gone
    assert not {*gone} & {*images(folder)}

    assert add(toys, "--replace-all")["version"]["after"] == first["version"]["after"]
    assert images(folder) == before


def test_an_image_that_is_in_training_does_not_come_into_the_test_whatever_its_name(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "add", str(tmp_path / "toys"), "--name", "toys"]) == 0
    write(tmp_path / "monday" / BAR.name / "test/good", [(90, draw(BAR.name, 4))])
    assert main(["data", "add", str(tmp_path / "monday"), "--name", "toys"]) == 1
    said = capsys.readouterr().err
    there = workspace / "data" / str(BAR) / "train/good/004.png"
    assert f"monday/bar/test/good/090.png: duplicate between train and test: the same content as {there}" in said
    assert main(["data", "add", str(tmp_path / "toys" / DISC.name), "--name", "toys", "--remove", "x"]) == 2


def test_a_table_of_groups_is_told_and_taken_like_images(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add, table = adding(capsys), tmp_path / "groups.csv"
    first = add(str(tmp_path / "toys"))
    table.write_text("path,group\ndisc/train/good/00[0-3].png,SN7\n")
    images = {f"disc/train/good/{number:03d}.png": "SN7" for number in range(4)}
    done = add("--groups", str(table))
    assert done["categories"]["disc"]["grouped"] == images and done["version"]["before"] == first["version"]["after"]
    written = (workspace / "data/toys/disc/groups.csv").read_text()
    assert written == "path,group\n" + "".join(f"{path.removeprefix('disc/')},SN7\n" for path in images)
    assert not (workspace / "data/toys/bar/groups.csv").exists()
    shutil.copy(table, workspace / "data/toys")
    assert main(["data", "check", "toys"]) == 1 and "no stage reads it here" in capsys.readouterr().err
    (workspace / "data/toys/groups.csv").unlink()
    table.write_text("path,group\n000.png,SN8\n")
    refused = add("--groups", str(table), code=1)
    assert f"{table}: differs from {workspace}/data/toys/disc/groups.csv" in refused["error"]
    table.write_text("path,group\ndisc/test/good/020.png,SN7\n")
    refused = add("--groups", str(table), code=1)
    assert "group 'SN7' would be parted between train and test" in refused["error"]
    assert (workspace / "data/toys/disc/groups.csv").read_text() == written


def test_what_the_last_line_says_brings_the_version_before_back(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: str) -> None:
        subprocess.run(command, shell=True, cwd=workspace, check=True, capture_output=True)

    run("git init --quiet && git config user.email a@b.c && git config user.name A")
    add = adding(capsys)
    add(str(tmp_path / "toys"))
    run("git add data/toys.dvc && git commit --quiet --message first")
    before, note = images(workspace / "data/toys"), (workspace / "data/toys.dvc").read_text()
    first = add("--remove", "disc/train/good/001.png")["version"]
    second = add("--remove", "disc/train/good/002.png")["version"]
    by_hash = second["back"].partition("then: ")[2]
    text = (workspace / "data/toys.dvc").read_text()
    (workspace / "data/toys.dvc").write_text(text.replace(second["after"], second["before"]))
    run(by_hash.replace("dvc ", f"{sys.executable} -m dvc "))
    assert images(workspace / "data/toys").keys() == before.keys() - {"disc/train/good/001.png"}
    run(first["back"].replace("dvc checkout", f"{sys.executable} -m dvc checkout"))
    assert images(workspace / "data/toys") == before and (workspace / "data/toys.dvc").read_text() == note


def test_what_is_to_be_reviewed_is_one_document_for_machines(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adding(capsys)(str(tmp_path / "toys"))
    category = DISC.name
    assert main(["feedback", "toys", "--review", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"dataset": "toys", "reviews": []}
    write(tmp_path / "line", [(7, draw(category, 40))])
    (tmp_path / "line/verdicts.csv").write_text("path,verdict\n007.png,unclear\n")
    assert main(["feedback", "toys", category, str(tmp_path / "line/verdicts.csv")]) == 0
    capsys.readouterr()
    assert main(["feedback", "toys", "--review", "--json"]) == 0
    (review,) = json.loads(capsys.readouterr().out)["reviews"]
    assert (review["category"], review["images"], review["problems"]) == (category, 1, [])
    assert Path(review["page"]).is_file()
