"""Data sets of a test: what is in them, images to put there, and DVC's cache as its owner arranges it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from dvc.config import Config

from tocoad.files.workspace import Workspace


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def use_cache(workspace: Workspace, **settings: str) -> None:
    (workspace.root / ".dvc").mkdir()
    with Config(str(workspace.root / ".dvc")).edit("repo") as config:
        config["core"]["no_scm"] = True
        config["cache"] |= settings


def drawn(file: Path) -> Path:
    cv2.imwrite(str(file), np.random.default_rng(len(file.name)).integers(0, 256, (64, 64, 3), np.uint8))
    return file
