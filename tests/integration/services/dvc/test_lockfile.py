"""dvc.lock written by its blocks: the bytes that DVC itself would have written."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.dvcfile import Lockfile

from services.dvc import data, lockfile, record, staleness
from services.dvc.lockfile import read_blocks
from services.dvc.repository import opened
from services.dvc.stages import load_graph
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

GRAPH = """
stages:
  fit:
    matrix: {category: "${plan}"}
    cmd: 'echo "a: {b}" # ${item.category} and so on, longer than the eighty columns after which a line is broken'
    deps: ["data/${item.category}", "data/${item.category}/1.png"]
    params: [odd, train]
    outs: ["work/${item.category}/out", "work/${item.category}/folder"]
  several:
    cmd: [echo 1, "echo 2"]
    deps: [data/set/a]
    outs: [work/several]
"""
PARAMS = """
plan: [set/a, set/b]
train: {lr: 1.0e-5, layers: [2, 3], none: , deep: {params: {}}}
odd: {yes: "yes", number: "1e-5", text: "two\\nlines", tilde: "~", empty: {}, list: []}
"""
NAMES = ["fit@set/a", "fit@set/b", "several"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("a", "b"):
        (tmp_path / "data/set" / name).mkdir(parents=True)
        (tmp_path / "data/set" / name / "1.png").write_text(name)
        (tmp_path / "work/set" / name / "folder").mkdir(parents=True)
        (tmp_path / "work/set" / name / "folder" / "1").write_text(name)
        (tmp_path / "work/set" / name / "out").write_text(name)
    (tmp_path / "work/several").write_text("12")
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    (tmp_path / "params.yaml").write_text(PARAMS)
    workspace = Workspace(tmp_path)
    data.track_dataset(workspace, "set")
    return workspace


def written_by_dvc(workspace: Workspace, names: list[str], above: bytes | None = None) -> bytes:
    """What DVC's own writer makes of a file, or of none, for these stages as they are recorded."""
    lock = workspace.root / "dvc.lock"
    ours = lock.read_bytes()
    with opened(workspace) as repo:
        stages = list(load_graph(repo).pick(names).values())
        lock.unlink()
        if above is not None:
            lock.write_bytes(above)
        Lockfile(repo, str(lock)).dump_stages(stages)
    theirs = lock.read_bytes()
    lock.write_bytes(ours)
    return theirs


@pytest.mark.parametrize("at_a_time", [100, 2])
def test_the_record_is_written_byte_for_byte_as_dvc_writes_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(lockfile, "_BATCH", at_a_time)
    lock = workspace.root / "dvc.lock"
    record.commit(workspace, NAMES)
    at_once = lock.read_bytes()
    assert read_blocks(workspace.root) is not None
    assert at_once == written_by_dvc(workspace, NAMES)
    (workspace.root / "work/several").write_text("3")
    record.commit(workspace, ["several"])
    assert at_once != lock.read_bytes() == written_by_dvc(workspace, ["several"], at_once)
    lock.unlink()
    (workspace.root / "work/several").write_text("12")
    for name in NAMES:
        record.commit(workspace, [name])
    assert lock.read_bytes() == at_once
    assert staleness.stale(workspace, NAMES) == set()


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: f"# a person's remark\n{text}",
        lambda text: text.replace("  several:\n", "  'several':\n"),
        lambda text: f"{text}datasets: []\n",
    ],
    ids=["a remark", "a name in quotes", "another section"],
)
def test_a_record_that_is_laid_out_in_another_way_is_left_to_dvc(workspace: Workspace, edit: object) -> None:
    assert callable(edit)
    record.commit(workspace, NAMES)
    lock = workspace.root / "dvc.lock"
    edited = edit(lock.read_text(encoding="utf-8")).encode()
    lock.write_bytes(edited)
    assert read_blocks(workspace.root) is None
    assert staleness.stale(workspace, NAMES) == set()
    (workspace.root / "work/set/a/out").write_text("new")
    assert staleness.stale(workspace, NAMES) == {"fit@set/a"}
    record.commit(workspace, ["fit@set/a"])
    assert staleness.stale(workspace, NAMES) == set()
    assert lock.read_bytes() == written_by_dvc(workspace, ["fit@set/a"], edited)


def test_settings_that_stand_there_twice_are_written_out_twice(workspace: Workspace) -> None:
    """A reference, as DVC writes it, would need a name that no other stage's entry has."""
    params = "plan: [set/a, set/b]\ntrain: &shared {lr: 1}\nodd: {same: *shared, listed: [*shared]}\n"
    (workspace.root / "params.yaml").write_text(params)
    record.commit(workspace, NAMES)
    assert read_blocks(workspace.root) is not None
    assert "&" not in (workspace.root / "dvc.lock").read_text()
    assert staleness.stale(workspace, NAMES) == set()


def test_a_record_with_references_from_one_entry_to_another_stays_whole(workspace: Workspace) -> None:
    record.commit(workspace, NAMES)
    lock = workspace.root / "dvc.lock"
    text = lock.read_text().replace("train:\n", "train: &t\n", 1)
    first, mark, second = text.rpartition("        train:\n")
    lock.write_text(f"{first}        train: *t\n{second[second.index('    outs:') :]}")
    assert mark and staleness.stale(workspace, NAMES) == set()
    (workspace.root / "params.yaml").write_text(PARAMS.replace("1.0e-5", "1.0e-4"))
    record.commit(workspace, ["fit@set/a"])
    assert staleness.stale(workspace, NAMES) == {"fit@set/b"}
