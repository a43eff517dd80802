"""A workspace of its own for the end-to-end tests and for chaos, and the commands in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.helpers.place import LOOPBACK, Place
from tests.helpers.project import PROJECT, project_workspace

# Small enough for seconds, large enough that every stage does its real work.
TINY = {
    "image.size": "96",
    "split.train_min": "4",
    "split.calibration_min": "4",
    "synthesis.validation_count": "4",
    "stage1.iterations": "4",
    "stage2.iterations": "2",
    "train.iterations": "6",
    "train.warm_up": "0.5",
    "bank.coreset_ratio": "0.05",
    "evaluation.overlays": "4",
    "evaluation.bootstrap": "50",
    "gate.image_AUROC_min": "0",
    "gate.pixel_AUROC_min": "0",
    "gate.when_unsure": "promote",  # its test sets are too small to tell
    "flow.retries": "0",
}


@dataclass(frozen=True)
class Shop:
    """A workspace and the commands in it, run as a user runs them: in a process of their own.

    They run at `place`; `env` is what they all have beside the environment, `programs` the folder that they come from.
    """

    root: Path
    place: Place = LOOPBACK
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    programs: Path = Path(sys.executable).parent

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.place.through, self._program(command[0]), *command[1:]],
            cwd=self.root,
            env=self._environment(env or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def start(self, *command: str) -> subprocess.Popen[str]:
        """The same, while it runs."""
        return subprocess.Popen(
            [*self.place.through, self._program(command[0]), *command[1:]],
            cwd=self.root,
            env=self._environment({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _program(self, name: str) -> str:
        return str(self.programs / name)

    def _environment(self, own: dict[str, str]) -> dict[str, str]:
        # The tests' own addresses must not leak in, and a workspace has its own services.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "RAY_"))}
        path = f"{self.programs}{os.pathsep}{kept['PATH']}"
        return {**kept, "PATH": path, "DVC_NO_ANALYTICS": "1", **self.env, **own}

    def retrain(self, *options: str, code: int = 0) -> dict[str, Any]:
        done = self.run("tocoad", "retrain", "tiny", "--json", *options)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def gear_alone(self, root: Path) -> Shop:
        """A copy of the workspace with one category, as it is before anything was trained."""
        trained = shutil.ignore_patterns("work", ".services", "plate", "dvc.lock")
        shutil.copytree(self.root, root, symlinks=True, ignore=trained)
        return replace(self, root=root)


def make_workspace(root: Path) -> Shop:
    project_workspace(root)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root)
    (root / ".dvc").mkdir()
    shutil.copy(PROJECT / ".dvc" / "config", root / ".dvc")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return Shop(root)
