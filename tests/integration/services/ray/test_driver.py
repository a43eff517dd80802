"""The thread that talks to Ray: it loses Ray, dies or is left, and whoever waits has an answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from services.ray.lost import RayLostError
from services.ray.runner import RayStages
from tests.helpers.ray_stages import job, run
from tocoad.errors import StageError
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import RaySettings, Settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_what_is_given_up_as_lost_is_stopped(
    stages: RayStages, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next try would meet it at the same checkpoint, and what reads from the one have it replaced by the other."""
    monkeypatch.setattr("services.ray.driver._LOOK_SECONDS", 0.2)
    monkeypatch.setattr("services.ray.connection._SILENCE_SECONDS", 1.0)
    from ray._private.worker import global_worker

    beats, client = workspace.root / "beats", global_worker.gcs_client

    class Silent:
        def get_all_node_info(self, timeout: float) -> object:
            if beats.exists():
                raise ConnectionError("the control store does not answer")
            return client.get_all_node_info(timeout=timeout)

    with RayStages(workspace, RaySettings(num_cpus=0.5), "stand_in_stages:behave") as own:
        run(own, "any")
        monkeypatch.setattr(global_worker, "gcs_client", Silent())
        with pytest.raises(RayLostError, match="the local Ray has not answered for 1 s; what ran there is given up"):
            run(own, "beats")
        monkeypatch.undo()
        time.sleep(3)
        before = beats.read_text()
        time.sleep(1)
        assert beats.read_text() == before


def test_a_driver_whose_own_node_was_lost_starts_anew(
    stages: RayStages, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it hands to a dead node would be lost there without a word."""
    monkeypatch.setattr("services.ray.driver._LOOK_SECONDS", 0.2)
    from ray._private.worker import global_worker

    class OfOthers:
        def get_all_node_info(self, timeout: float) -> dict[bytes, object]:
            return {}

    (workspace.root / "heard").unlink(missing_ok=True)
    with RayStages(workspace, RaySettings(num_cpus=0.5), "stand_in_stages:behave") as own:
        run(own, "any")
        with monkeypatch.context() as patch:
            patch.setattr(global_worker, "gcs_client", OfOthers())
            with pytest.raises(RayLostError, match="the node of Ray that this process is on was lost"):
                run(own, "listens")
        assert run(own, "any", Settings(seed=4)).metrics["seed"] == 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_driver_that_died_leaves_nobody_waiting(stages: RayStages) -> None:
    settings = RaySettings(num_cpus=0.5)
    with RayStages(Workspace(Path.cwd()), settings, "stand_in_stages:behave") as doomed:
        heard = threading.Event()
        waiting = doomed.submit(job("listens"), Settings(), lambda _: heard.set())
        assert heard.wait(60)
        doomed._inbox.put("no call at all")  # type: ignore[arg-type]
        for answer in (waiting.result, lambda: run(doomed, "any")):
            with pytest.raises(StageError, match="stopped; the next run goes on from its last checkpoint"):
                answer()


def test_a_dead_mailbox_fails_no_stage_that_has_ended(stages: RayStages) -> None:
    """In a driver of its own, whose mailbox is its own too."""
    settings = RaySettings(num_cpus=0.5)
    with RayStages(Workspace(Path.cwd()), settings, "stand_in_stages:behave") as deaf:
        assert run(deaf, "silences").metrics == {"done": 1.0}
        assert run(deaf, "any", Settings(seed=3)).metrics["seed"] == 3


LEAVES = """
import sys, time
from pathlib import Path
from services.ray.runner import RayStages
from services.addresses import configure
from tocoad.settings.sections import RaySettings, Settings
from tocoad.stages.graph import METHODS, Job
from tocoad.files.workspace import Category, Workspace

workspace = Workspace(Path(sys.argv[1]))
configure(workspace)

with RayStages(workspace, RaySettings(num_cpus=0.5), "stand_in_stages:behave") as stages:
    job = Job(Category("set", "meets-one"), "tocoad", METHODS["tocoad"].stage("stage1"))
    waiting = [stages.submit(job, Settings()) for _ in range(9)]
    while not (workspace.root / "one").exists():
        time.sleep(0.1)
    import ray
    print(*(node["NodeManagerAddress"] for node in ray.nodes()))
for future in waiting:
    error = future.exception()
    print(f"{type(error).__name__}: {error}")
"""


def test_a_local_ray_keeps_to_loopback_and_leaving_stops_what_runs_and_tells_who_waits(tmp_path: Path) -> None:
    """In a process of its own: Ray ends one that handles it wrongly, and other tests may have had it for a cluster."""
    known = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), known])}
    command = [sys.executable, "-c", LEAVES, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    told = "StageStoppedError: stage1@set/meets-one: stopped; the next run goes on from its last checkpoint"
    assert (done.returncode, done.stdout.splitlines()) == (0, ["127.0.0.1"] + [told] * 9), done.stderr
