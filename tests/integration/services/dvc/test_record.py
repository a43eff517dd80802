"""The record of what is up to date: as DVC itself would have written it, or as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.dvc import data, record, staleness
from services.dvc.calls import DvcError
from tests.helpers.shell_stages import PARAMS, A, B, command_line, produce
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


def test_what_another_made_is_recorded_as_if_dvc_had_run_it(workspace: Workspace) -> None:
    assert staleness.stale(workspace, [*A, *B]) == {*A, *B}
    produce(workspace, "a", "b")
    assert record.commit(workspace, [*A, *B]) == set()
    assert staleness.is_clean(workspace, [*A, *B])
    before = (workspace.root / "dvc.lock").read_bytes()
    assert "up to date" in command_line(workspace, "status")
    assert "Running stage" not in command_line(workspace, "repro")
    assert (workspace.root / "dvc.lock").read_bytes() == before


def test_a_commit_records_the_named_stages_and_no_other(workspace: Workspace) -> None:
    produce(workspace, "a", "b")
    record.commit(workspace, A)
    assert staleness.stale(workspace, [*A, *B]) == set(B)


def test_a_change_made_while_the_stages_ran_is_not_recorded_as_done(workspace: Workspace) -> None:
    before = staleness.sources(workspace, [*A, *B])
    produce(workspace, "a", "b")
    workspace.params_file.write_text(PARAMS.replace("0.1", "0.2"))
    (workspace.root / "data" / "set" / "b" / "2.png").write_text("new")
    changed = {"train@set/a", *B}
    assert record.commit(workspace, [*A, *B], before) == changed
    assert staleness.stale(workspace, [*A, *B]) == changed


def test_a_missing_output_is_an_error_and_nothing_is_recorded(recorded: Workspace) -> None:
    before = (recorded.root / "dvc.lock").read_bytes()
    recorded.params_file.write_text(PARAMS.replace("1}", "2}"))
    (recorded.root / "work" / "set" / "b" / "manifest").unlink()
    with pytest.raises(DvcError, match="manifest"):
        record.commit(recorded, [*A, *B])
    assert (recorded.root / "dvc.lock").read_bytes() == before


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_outputs_that_dvc_has_linked_to_its_cache_are_recorded_and_replaced(
    workspace: Workspace, tmp_path: Path, kind: str
) -> None:
    for name, value in (("cache.type", kind), ("cache.dir", str(tmp_path / "big disk"))):
        command_line(workspace, "config", "--local", name, value)
    produce(workspace, "a", "b")
    record.commit(workspace, [*A, *B])
    weights = workspace.root / "work/set/a/train/weights"
    assert weights.is_symlink() if kind == "symlink" else weights.stat().st_nlink > 1
    assert staleness.stale(workspace, [*A, *B]) == set()
    (workspace.root / "data/set/a/2.png").write_text("new")
    data.track_dataset(workspace, "set")
    produce(workspace, "a")
    record.commit(workspace, A)
    assert weights.read_text() == "1.png\n2.png\n"
    assert staleness.stale(workspace, [*A, *B]) == set()
    command_line(workspace, "checkout", "--force", "--relink")
    assert (workspace.root / "work/set/b/train/weights").read_text() == "1.png\n"


def test_a_record_that_failed_leaves_no_stage_taken_for_recorded(recorded: Workspace) -> None:
    produce(recorded, "a", "b")
    (recorded.root / "work" / "set" / "a" / "manifest").write_text("other")
    shutil.rmtree(recorded.root / "work" / "set" / "b" / "train")
    with pytest.raises(DvcError, match="train"):
        record.commit(recorded, [*A, *B])
    assert staleness.stale(recorded, A) == set(A)
