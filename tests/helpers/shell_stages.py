"""A data set of two categories whose stages a shell can do, for a real DVC repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tocoad.files.workspace import Workspace

GRAPH = """
stages:
  manifest:
    matrix: {category: "${plan}"}
    cmd: mkdir -p work/${item.category} && ls data/${item.category} > work/${item.category}/manifest
    deps: ["data/${item.category}"]
    params: [split]
    outs: ["work/${item.category}/manifest"]
  train:
    matrix: {category: "${plan}"}
    cmd: cd work/${item.category} && mkdir -p train && cat manifest > train/weights
    deps: ["work/${item.category}/manifest"]
    params: [train]
    outs: ["work/${item.category}/train"]
"""
PARAMS = "plan: [set/a, set/b]\nsplit: {seed: 1}\ntrain: {lr: 0.1}\n"
A, B = ["manifest@set/a", "train@set/a"], ["manifest@set/b", "train@set/b"]


def make(root: Path) -> Workspace:
    for category in ("a", "b"):
        folder = root / "data" / "set" / category
        folder.mkdir(parents=True)
        (folder / "1.png").write_text(category)
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "params.yaml").write_text(PARAMS)
    return Workspace(root)


def produce(workspace: Workspace, *categories: str) -> None:
    """What the stages' commands write, written by another."""
    for category in categories:
        folder = workspace.root / "work" / "set" / category
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "train").mkdir(parents=True)
        images = (workspace.root / "data" / "set" / category).iterdir()
        text = "".join(f"{name}\n" for name in sorted(image.name for image in images))
        (folder / "manifest").write_text(text)
        (folder / "train" / "weights").write_text(text)


def command_line(workspace: Workspace, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=workspace.root,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
    )
    return done.stdout
