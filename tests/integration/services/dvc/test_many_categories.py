"""Work with DVC grows with the number of categories and not with its square, counted in Python's calls: no clock."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.dvc import data, record, staleness
from services.dvc.repository import opened
from services.dvc.stages import load_graph
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

GRAPH = """
stages:
  manifest:
    matrix: {category: "${plan}"}
    cmd: python manifest ${item.category}
    deps: ["data/${item.category}"]
    params: [split]
    outs: ["work/${item.category}/manifest"]
  train:
    matrix: {category: "${plan}"}
    cmd: python train ${item.category}
    deps: ["data/${item.category}", "work/${item.category}/manifest"]
    params: [train]
    outs: ["work/${item.category}/train"]
"""
SIZES = (10, 20, 40)
# Twice as many more cost twice as much more. What is sorted or searched as a tree costs a little over that.
MOST = 2.1


def made(root: Path, size: int) -> tuple[Workspace, list[str]]:
    """Images and outputs of that many categories, under DVC, and nothing recorded."""
    names = [f"set/part{number:02d}" for number in range(size)]
    for name in names:
        for folder in ("data", "work"):
            (root / folder / name).mkdir(parents=True)
        (root / "data" / name / "1.png").write_text(name)
        (root / "work" / name / "manifest").write_text(name)
        (root / "work" / name / "train").mkdir()
        (root / "work" / name / "train" / "weights").write_text(name)
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "params.yaml").write_text(f"plan: [{', '.join(names)}]\nsplit: {{seed: 1}}\ntrain: {{lr: 0.1}}\n")
    workspace = Workspace(root)
    data.track_dataset(workspace, "set")
    return workspace, [f"{stage}@{name}" for name in names for stage in ("manifest", "train")]


def calls(work: Callable[[], Any]) -> int:
    profile = cProfile.Profile()
    profile.runcall(work)
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return total


def count(root: Path, size: int) -> dict[str, int]:
    root.mkdir()
    workspace, names = made(root, size)
    before = staleness.sources(workspace, names)
    return {
        "record.commit": calls(lambda: record.commit(workspace, names, before)),
        "staleness.stale": calls(lambda: staleness.stale(workspace, names)),
        "staleness.sources": calls(lambda: staleness.sources(workspace, names)),
        "data.track_dataset": calls(lambda: data.track_dataset(workspace, "set")),
    }


def test_planning_grows_with_the_number_of_categories_and_not_with_its_square(tmp_path: Path) -> None:
    counts = {size: count(tmp_path / str(size), size) for size in SIZES}
    few, more, most = (counts[size] for size in SIZES)
    growth = {part: (most[part] - more[part]) / (more[part] - few[part]) for part in few}
    assert max(growth.values()) < MOST, growth


def test_to_record_a_few_jobs_costs_what_a_few_jobs_cost(tmp_path: Path) -> None:
    """Of many categories as of few: but for what has to be looked at of each job, a line of it at most."""
    costs = []
    for size in (10, 40):
        root = tmp_path / str(size)
        root.mkdir()
        workspace, names = made(root, size)
        before = staleness.sources(workspace, names)
        record.commit(workspace, names[2:], before)
        assert staleness.stale(workspace, names) == set(names[:2])
        costs.append(calls(lambda: record.commit(workspace, names[:2], before)))  # noqa: B023
        assert staleness.stale(workspace, names) == set()
    assert costs[1] < 1.3 * costs[0], costs


def test_images_that_have_not_changed_are_brought_under_dvc_without_a_look_at_the_stages(tmp_path: Path) -> None:
    workspace, _ = made(tmp_path, 2)
    version = data.data_version(workspace, "set")
    (tmp_path / "dvc.yaml").write_text("stages: [broken")
    assert data.track_dataset(workspace, "set") == version
    (tmp_path / "data/set/part00/2.png").write_text("new")
    assert data.track_dataset(workspace, "set") == data.data_version(workspace, "set") != version


def test_stages_are_made_once_and_anew_only_where_the_record_has_changed(tmp_path: Path) -> None:
    workspace, names = made(tmp_path, 3)
    with opened(workspace) as repo:
        first = load_graph(repo).pick(names)
    record.commit(workspace, names[:2])
    with opened(workspace) as repo:
        second = load_graph(repo).pick(names)
        assert {name for name in names if second[name] is not first[name]} == set(names[:2])
        assert all(stage.repo is repo for stage in second.values())
