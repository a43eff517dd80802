"""Which stages are stale after a change, whoever made it."""

from __future__ import annotations

import pytest

from services.dvc import data, staleness
from services.dvc.calls import DvcError
from tests.helpers.shell_stages import GRAPH, PARAMS, A, B, command_line, produce
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


def test_what_dvc_has_run_is_not_stale(workspace: Workspace) -> None:
    command_line(workspace, "repro")
    assert staleness.stale(workspace, [*A, *B]) == set()


def test_a_new_image_makes_its_own_category_stale_and_changes_the_data_version(recorded: Workspace) -> None:
    old = data.data_version(recorded, "set")
    (recorded.root / "data" / "set" / "a" / "2.png").write_text("new")
    assert data.track_dataset(recorded, "set") == data.data_version(recorded, "set") != old
    assert staleness.stale(recorded, [*A, *B]) == {"manifest@set/a"}


def test_a_setting_makes_the_stages_that_read_it_stale(recorded: Workspace) -> None:
    recorded.params_file.write_text(PARAMS.replace("0.1", "0.2"))
    assert staleness.stale(recorded, [*A, *B]) == {"train@set/a", "train@set/b"}


def test_an_output_that_someone_touched_makes_its_stage_stale(recorded: Workspace) -> None:
    (recorded.root / "work" / "set" / "b" / "train" / "weights").write_text("other")
    assert staleness.stale(recorded, [*A, *B]) == {"train@set/b"}


def test_outputs_of_other_stages_are_no_sources(workspace: Workspace) -> None:
    produce(workspace, "a")
    before = staleness.sources(workspace, A)
    (workspace.root / "work" / "set" / "a" / "manifest").write_text("another manifest")
    assert staleness.sources(workspace, A) == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stages:\n  a: [b\n", "corrupted"),
        ("stages:\n  a: {command: b}\n", "validation failed"),
        (GRAPH.replace("${plan}", "${nothing}"), "nothing"),
        ("stages: {}\n", "no stage 'manifest@set/a'"),
        (None, "missing"),
    ],
)
def test_a_broken_graph_is_told_in_one_line(workspace: Workspace, text: str | None, reason: str) -> None:
    file = workspace.root / "dvc.yaml"
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(DvcError) as caught:
        staleness.stale(workspace, A)
    message = str(caught.value)
    assert reason in message and "dvc.yaml" in message and "\n" not in message


def test_what_another_process_changes_between_two_calls_is_seen(recorded: Workspace) -> None:
    assert staleness.stale(recorded, [*A, *B]) == set()
    (recorded.root / "data" / "set" / "a" / "2.png").write_text("new")
    data.track_dataset(recorded, "set")
    command_line(recorded, "repro")
    assert staleness.stale(recorded, [*A, *B]) == set()
    command_line(recorded, "remove", "data/set.dvc")
    (recorded.root / "dvc.yaml").write_text(GRAPH.replace("params: [train]", "params: [train, split]"))
    assert staleness.stale(recorded, [*A, *B]) == {"train@set/a", "train@set/b"}
