"""A scratch workspace with two tiny categories, and the commands that the rounds run in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.plan import STATES
from tests.helpers.processes import MARK, kill_marked
from tests.helpers.shop import TINY, make_workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import override, parse_assignments, save_plan
from tocoad.settings.plan import Plan

PROJECT = Path(__file__).parents[2]
DATASET = "tiny"
CATEGORIES = ("gear", "plate")
UNTOUCHED = "fabric"
"""A category whose images are the same in every state."""
LIMIT_SECONDS = 900
RETRAIN = ("tocoad", "retrain", DATASET, "--json")


@dataclass
class Outcome:
    """How a command ended. `code` is negative where a signal ended it, None where it had to be killed."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float
    started: float

    @property
    def document(self) -> dict[str, Any] | None:
        try:
            document = json.loads(self.stdout)
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    @property
    def categories(self) -> dict[str, Any]:
        """What the document says of each; of none, where the command failed before the flow."""
        return (self.document or {}).get("categories", {})


@dataclass
class Command:
    """A command that runs. All that it starts carries its mark."""

    process: subprocess.Popen[bytes]
    folder: Path
    mark: str
    started: float = field(default_factory=time.time)

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def wait(self, seconds: float = LIMIT_SECONDS) -> Outcome:
        code: int | None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
            kill_marked(self.mark)
        texts = [(self.folder / name).read_text(errors="replace") for name in ("stdout", "stderr")]
        return Outcome(code, texts[0], texts[1], round(time.time() - self.started, 1), self.started)


class Workshop:
    """Where everything of one run of the command lies. `root` is the workspace, as it may be on a small file system;
    what is there is taken as it is. `beside` is what a round started beside its retrain; `through` and `environment`
    are put before every command.
    """

    def __init__(
        self,
        folder: Path,
        root: Path,
        categories: tuple[str, ...] = CATEGORIES,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.root = root
        self.categories = categories
        self.through: tuple[str, ...] = ()
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._logs = folder / "logs"
        self._logs.mkdir(exist_ok=True)
        self._marks: list[str] = []
        self.beside: Command | None = None
        from tocoad.files.workspace import Workspace

        self.workspace = Workspace(root)
        if not any(root.iterdir()):
            self._set_up(TINY | {"flow.retries": "1", "flow.retry_delay_seconds": "0"} | dict(settings or {}))

    def _set_up(self, settings: Mapping[str, str]) -> None:
        make_workspace(self.root)
        self.set(settings)
        for name, train in (("images", 12), ("images and one more", 13)):
            source = self._folder / name
            render_sample(source, size=96, counts=SampleCounts(train=train, test_good=4, test_defective=5))
            if source.name != "images" or UNTOUCHED not in self.categories:
                shutil.rmtree(source / UNTOUCHED)
            if source.name != "images" and UNTOUCHED in self.categories:
                shutil.copytree(self._folder / "images" / UNTOUCHED, source / UNTOUCHED)
        self.enter(STATES[0])
        save_plan(
            self.workspace,
            Plan(patchcore=tuple(f"{DATASET}/{name}" for name in self.categories), tocoad=(f"{DATASET}/plate",)),
        )

    def enter(self, state: str) -> None:
        """Makes the workspace's settings and images those of the state, by the commands that a user has."""
        images = "images and one more" if "image more" in state else "images"
        self.check("tocoad", "data", "add", str(self._folder / images), "--name", DATASET, "--replace-all")
        self.set({"seed": state.split()[1].rstrip(",")})

    def set(self, settings: Mapping[str, str]) -> None:
        override(self.workspace, parse_assignments([f"{key}={value}" for key, value in settings.items()]))

    def start(self, *command: str, uri: str | None = None) -> Command:
        """In a session of its own; `uri` names an MLflow server."""
        mark = uuid.uuid4().hex
        self._marks.append(mark)
        logs = self._logs / f"{len(list(self._logs.iterdir())):04d} {' '.join(command[:2])}"
        logs.mkdir()
        program = [*self.through, str(Path(sys.executable).with_name(command[0]))]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "RAY_"))}
        environment |= {"DVC_NO_ANALYTICS": "1", MARK: mark, "PYTHONPATH": str(PROJECT)}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment |= self.environment
        if uri is not None:
            environment["MLFLOW_TRACKING_URI"] = uri
        with (logs / "stdout").open("wb") as out, (logs / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                [*program, *command[1:]],
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        return Command(process, logs, mark)

    def retrain(self, uri: str | None = None) -> Command:
        return self.start(*RETRAIN, uri=uri)

    def check(self, *command: str) -> Outcome:
        outcome = self.start(*command).wait()
        assert outcome.code == 0, f"{' '.join(command)}: {outcome.stderr}"
        return outcome

    def close(self) -> None:
        """Leaves no process behind, should the rounds have been broken off."""
        kill_marked(*self._marks)
