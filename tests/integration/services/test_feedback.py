"""Feedback goes into a data set under DVC, is kept with it, and comes out again."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.datasets import add_dataset, change_dataset
from services.dvc import data
from services.dvc.push import push
from services.dvc.remote import configure_remote
from services.dvc.repository import opened
from services.feedback import intakes_of, take_feedback, undo_feedback
from tests.helpers.project import project_workspace
from tocoad.data.changes import Changes
from tocoad.errors import UserError
from tocoad.feedback.problems import FeedbackError
from tocoad.feedback.record import feedback_dir
from tocoad.files.documents import documents
from tocoad.files.workspace import Category, Workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import override
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration

GEAR = Category("tiny", "gear")


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source") / "tiny"
    render_sample(source, size=64, counts=SampleCounts(train=6, test_good=2, test_defective=2))
    shutil.rmtree(source / "fabric")
    root = tmp_path_factory.mktemp("workspace")
    made = project_workspace(root)
    override(made, {"split.train_min": "3", "split.calibration_min": "2"})
    add_dataset(made, source, "tiny", "auto", silent)
    return root


@pytest.fixture
def workspace(added: Path, tmp_path: Path) -> Workspace:
    return Workspace(shutil.copytree(added, tmp_path / "workspace", symlinks=True))


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """What the camera saw, and a file of verdicts on it."""
    folder = tmp_path / "line"
    folder.mkdir()
    for seed, name in enumerate(("rejected", "missed", "odd")):
        pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    mask = np.zeros((64, 64), np.uint8)
    mask[8:20, 30:40] = 255
    cv2.imwrite(str(folder / "drawn.png"), mask)
    verdicts = "rejected.png,false reject,,,Ann\nmissed.png,missed defect,chip,drawn.png,Bob\nodd.png,unclear,,,Ann\n"
    (folder / "verdicts.csv").write_text(f"path,verdict,defect_type,mask,who\n{verdicts}")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Without what is kept for the next look."""
    files = (file for file in folder.rglob("*") if file.is_file() and ".services" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_an_intake_is_a_version_of_the_data_set_and_the_same_file_again_changes_nothing(
    workspace: Workspace, line: Path
) -> None:
    folder, before = workspace.dataset_dir("tiny"), contents(workspace.dataset_dir("tiny"))
    first = data.data_version(workspace, "tiny")
    taken = take_feedback(workspace, GEAR, line / "verdicts.csv").intake
    assert taken is not None and taken.people == ("Ann", "Bob")
    assert dict(taken.counts) == {"false reject": 1, "missed defect": 1, "unclear": 1}
    assert (taken.before, taken.after) == (first, data.data_version(workspace, "tiny")) and taken.after != first
    rejected, missed, odd = taken.statements
    assert contents(folder) == before | {
        f"gear/{rejected.path}": (line / "rejected.png").read_bytes(),
        f"gear/{missed.path}": (line / "missed.png").read_bytes(),
        f"gear/{missed.mask}": (line / "drawn.png").read_bytes(),
    }
    record = feedback_dir(workspace, "tiny")
    assert contents(record)[f"0001/{odd.path}"] == (line / "odd.png").read_bytes()
    assert data.track_folder(workspace, record) == data.folder_version(record)
    assert "feedback/tiny.dvc" in documents(workspace)  # what the record of a night keeps
    kept = contents(workspace.root)
    again = take_feedback(workspace, GEAR, line / "verdicts.csv")
    assert (again.intake, again.known) == (None, 3) and contents(workspace.root) == kept
    assert intakes_of(workspace, "tiny") == [taken]


def test_nothing_at_all_is_written_where_one_line_is_wrong(workspace: Workspace, line: Path) -> None:
    trained = next(workspace.data_dir(GEAR).glob("train/good/*"))
    shutil.copy(trained, line / "other name.png")
    text = (line / "verdicts.csv").read_text() + "other name.png,missed defect,chip,,\nodd.png,maybe,,,\n"
    (line / "verdicts.csv").write_text(text)
    before = contents(workspace.root)
    with pytest.raises(FeedbackError) as caught:
        take_feedback(workspace, GEAR, line / "verdicts.csv")
    fifth, sixth, last = str(caught.value).splitlines()
    assert fifth.startswith(f"verdicts.csv, line 5: other name.png: the same image as train/good/{trained.name}, and")
    assert sixth.startswith("verdicts.csv, line 6: odd.png: unknown verdict 'maybe'") and last.startswith("2 problems")
    assert contents(workspace.root) == before


def test_undone_it_leaves_data_set_and_record_as_they_were_and_dvc_has_both_states(
    workspace: Workspace, line: Path
) -> None:
    folder, before = workspace.dataset_dir("tiny"), contents(workspace.dataset_dir("tiny"))
    taken = take_feedback(workspace, GEAR, line / "verdicts.csv").intake
    assert taken is not None
    notes = {file: file.read_bytes() for file in (folder, feedback_dir(workspace, "tiny"))
             for file in [file.with_name("tiny.dvc")]}  # fmt: skip
    with_it = contents(folder) | contents(feedback_dir(workspace, "tiny"))
    undone = undo_feedback(workspace, "tiny")
    assert undone.whole and undone.after == data.data_version(workspace, "tiny") == taken.before
    assert contents(folder) == before and intakes_of(workspace, "tiny") == []
    with pytest.raises(UserError, match="no feedback to undo"):
        undo_feedback(workspace, "tiny")
    for file, content in notes.items():
        file.write_bytes(content)
    with opened(workspace) as repo:
        for file in notes:
            repo.checkout(str(file.with_suffix("")), force=True)
    assert contents(folder) | contents(feedback_dir(workspace, "tiny")) == with_it
    assert intakes_of(workspace, "tiny") == [taken]


def test_what_came_after_an_intake_stays_when_it_is_undone(workspace: Workspace, line: Path) -> None:
    folder, before = workspace.dataset_dir("tiny"), contents(workspace.dataset_dir("tiny"))
    take_feedback(workspace, GEAR, line / "verdicts.csv")
    change_dataset(workspace, "tiny", Changes(add={"plate/train/good/new.png": line / "odd.png"}), "another", silent)
    undone = undo_feedback(workspace, "tiny")
    assert not undone.whole and len(undone.removed) == 2
    assert contents(folder) == before | {"plate/train/good/new.png": (line / "odd.png").read_bytes()}


def test_the_last_intake_alone_is_undone_and_leaves_what_it_did_not_bring(workspace: Workspace, line: Path) -> None:
    folder = workspace.dataset_dir("tiny")
    take_feedback(workspace, GEAR, line / "verdicts.csv")
    kept = contents(folder)
    shutil.copy(next(workspace.data_dir(GEAR).glob("train/good/*")), line / "trained.png")
    (line / "more.csv").write_text("path,verdict\ntrained.png,false reject\nodd.png,missed defect\n")
    more = take_feedback(workspace, GEAR, line / "more.csv").intake
    assert more is not None and more.number == 2 and len(contents(folder)) == len(kept) + 1
    undo_feedback(workspace, "tiny")
    assert contents(folder) == kept and [intake.number for intake in intakes_of(workspace, "tiny")] == [1]


@pytest.mark.parametrize("step", ["write_intake", "data.track_folder"])
def test_an_intake_that_was_broken_off_is_completed_by_the_same_command(
    workspace: Workspace, line: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    whole = contents(taken_elsewhere(workspace, line, line.parent / "whole"))
    tracked = data.track_folder

    def broken(place: object, subject: object, *rest: bool) -> object:
        if subject == workspace.dataset_dir("tiny"):
            return tracked(workspace, workspace.dataset_dir("tiny"), *rest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"services.feedback.{step}", broken)
        take_feedback(workspace, GEAR, line / "verdicts.csv")
    take_feedback(workspace, GEAR, line / "verdicts.csv")
    assert contents(workspace.dataset_dir("tiny")) == whole
    (intake,) = intakes_of(workspace, "tiny")
    assert len(intake.statements) == 3 and intake.after == data.data_version(workspace, "tiny")
    assert data.folder_version(feedback_dir(workspace, "tiny")) is not None
    undo_feedback(workspace, "tiny")
    assert len(contents(workspace.dataset_dir("tiny"))) == len(whole) - 3


def test_a_push_takes_the_record_along(workspace: Workspace, line: Path, tmp_path: Path) -> None:
    taken = take_feedback(workspace, GEAR, line / "verdicts.csv").intake
    configure_remote(workspace, str(tmp_path / "store"))
    push(workspace, "tiny", "images", lambda *_: None, patience=0)
    shutil.rmtree(feedback_dir(workspace, "tiny"))
    shutil.rmtree(data.cache_dir(workspace))
    with opened(workspace) as repo:
        repo.pull(str(feedback_dir(workspace, "tiny")))
    assert intakes_of(workspace, "tiny") == [taken]


def taken_elsewhere(workspace: Workspace, line: Path, root: Path) -> Path:
    """The data set after the intake in a copy of the workspace."""
    copy = Workspace(shutil.copytree(workspace.root, root, symlinks=True))
    take_feedback(copy, GEAR, line / "verdicts.csv")
    return copy.dataset_dir("tiny")


@pytest.mark.parametrize("back", [False, True], ids=["", "brought back by a restore"])
def test_an_undo_that_was_broken_off_is_completed_and_takes_no_second_intake_back(
    workspace: Workspace, line: Path, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    take_feedback(workspace, GEAR, line / "verdicts.csv")
    folder, record = workspace.dataset_dir("tiny"), feedback_dir(workspace, "tiny")
    kept, kept_version = contents(folder), data.folder_version(record)
    (line / "more.csv").write_text("path,verdict\nodd.png,missed defect\n")
    more = take_feedback(workspace, GEAR, line / "more.csv").intake

    tracked = data.track_folder

    def broken(place: Workspace, subject: Path, *rest: bool) -> str:
        if subject == record:
            raise KeyboardInterrupt
        return tracked(place, subject, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("services.feedback.data.track_folder", broken)
        undo_feedback(workspace, "tiny")
    if back:
        shutil.copytree(record.with_name(".tiny.undone"), record / "0002")
    again = undo_feedback(workspace, "tiny")
    assert again.intake == more and again.whole and contents(folder) == kept
    assert [intake.number for intake in intakes_of(workspace, "tiny")] == [1]
    assert data.folder_version(record) == kept_version
    assert not list(record.parent.glob(".tiny*"))
