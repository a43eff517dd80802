"""Stages on a real local Ray: placed side by side, watched while they run, and their errors brought home."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest

from services.ray.lost import WorkerLostError
from services.ray.runner import RayStages
from tests.helpers.processes import wait_until
from tests.helpers.ray_stages import job, run
from tocoad.errors import SettingsError, StageError
from tocoad.files.lease import LeaseLostError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import RaySettings, Settings
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.stage import Progress, StageRecord

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_a_stage_gets_its_settings_and_returns_its_record(stages: RayStages) -> None:
    assert run(stages, "any", Settings(seed=5)).metrics == {"seed": 5, "is_stage1": 1.0}


def test_every_figure_arrives_in_order(stages: RayStages, capfd: pytest.CaptureFixture[str]) -> None:
    updates: list[Progress] = []
    run(stages, "talks", Settings(), updates.append)
    assert [(u.step, u.metrics["loss"]) for u in updates if u.metrics] == [(i, 1.0 / i) for i in range(1, 1001, 2)]
    assert updates[-1].step == 1000
    assert "words" not in "".join(capfd.readouterr())


def test_progress_is_seen_while_the_stage_runs(stages: RayStages, workspace: Workspace) -> None:
    run(stages, "listens", Settings(), lambda _: (workspace.root / "heard").touch())
    assert (workspace.root / "heard").exists()


def test_a_worker_puts_nothing_in_place_once_another_run_has_taken_over(
    stages: RayStages, workspace: Workspace
) -> None:
    run(stages, "replaces", Settings(seed=1))
    (ticket,) = (workspace.services_dir / "leases").glob("[0-9]*")
    ticket.rename(ticket.with_name("taken"))
    with pytest.raises(LeaseLostError, match="another run took this one for dead"):
        run(stages, "replaces", Settings(seed=2))
    assert [file.name for file in (workspace.root / "replaced").iterdir()] == ["1"]
    ticket.with_name("taken").rename(ticket)
    run(stages, "replaces", Settings(seed=2))
    assert [file.name for file in (workspace.root / "replaced").iterdir()] == ["2"]


def test_stages_run_side_by_side(stages: RayStages) -> None:
    before = threading.active_count()
    futures = [stages.submit(job(name), Settings()) for name in ("meets-one", "meets-other")]
    assert threading.active_count() == before, "a job costs no thread"
    for future in futures:
        future.result()


def test_of_those_that_wait_the_most_urgent_goes_first(stages: RayStages, workspace: Workspace) -> None:
    places = 2 * (os.cpu_count() or 1)
    heard, begun = workspace.root / "heard", set()
    heard.unlink(missing_ok=True)

    def filler(number: int) -> Future[StageRecord]:
        return stages.submit(job("listens"), Settings(), lambda _: begun.add(number), urgency=1e9)

    # They have a place, or lie in Ray's own queue, which takes them as they came; they end when all the others are
    # there, and each place its process: the first call of one is late.
    fillers = [filler(number) for number in range(2 * places)]
    waiting = [stages.submit(job(f"notes-{number}"), Settings(), urgency=number) for number in range(3 * places)]
    while len(begun) < places:
        time.sleep(0.05)
    heard.touch()
    for future in (*fillers, *waiting):
        future.result()
    order = [int(name) for name in (workspace.root / "notes").read_text().split()]
    # As many run at a time as there are places: neighbours may change theirs.
    assert min(order[:places]) > max(order[-places:])


def test_a_cancelled_job_stops_and_makes_room(stages: RayStages, workspace: Workspace) -> None:
    (workspace.root / "one").unlink(missing_ok=True)
    (workspace.root / "other").unlink(missing_ok=True)
    alone = [stages.submit(job("meets-one"), Settings()) for _ in range(2)]
    while not (workspace.root / "one").exists():
        time.sleep(0.05)
    assert all(future.cancel() for future in alone)
    started = time.monotonic()
    run(stages, "any")
    assert time.monotonic() - started < 30, "each waits for a minute"


def test_a_stages_own_error_comes_home_and_stops_no_other(stages: RayStages) -> None:
    updates: list[Progress] = []
    failing = stages.submit(job("fails"), Settings(), updates.append)
    fine = stages.submit(job("any"), Settings(seed=2))
    with pytest.raises(StageError) as caught:
        failing.result()
    assert fine.result().metrics["seed"] == 2
    assert str(caught.value) == "too few images: 3, 10 are needed"
    assert caught.value.__cause__ is None
    assert updates == [Progress(1, 2, {"loss": 0.5})]


def test_a_defect_comes_home_with_the_workers_traceback(stages: RayStages) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(stages, "breaks")
    assert "stand_in_stages.py" in str(caught.value.__cause__)


def test_a_worker_that_dies_is_told_in_one_line(stages: RayStages) -> None:
    with pytest.raises(WorkerLostError, match=r"process was lost .*last checkpoint") as caught:
        run(stages, "dies")
    assert "\n" not in str(caught.value)
    assert run(stages, "any").metrics["seed"] == 0


def test_workers_share_a_job_and_leave_no_place_taken_when_who_started_them_dies(
    stages: RayStages, workspace: Workspace
) -> None:
    """Ray itself keeps their places then."""
    import ray

    shared = Job(Category("set", "shares"), "tocoad", METHODS["tocoad"].stage("stage2"))
    free, updates, waits = ray.cluster_resources()["CPU"], list[Progress](), workspace.root / "waits"

    def kill_the_leading_process(_: Progress) -> None:
        if not waits.exists():
            return
        waits.unlink()
        (leading,) = (p for p in psutil.Process().children(recursive=True) if "work_together" in p.name())
        leading.kill()

    waits.touch()
    with pytest.raises(WorkerLostError, match="another try goes on from the last checkpoint"):
        stages.submit(shared, Settings(), kill_the_leading_process).result()
    record = stages.submit(shared, Settings(), updates.append).result()
    metrics = dict(record.metrics)
    open_to_all = metrics.pop("open to all")
    assert metrics == {"workers": 2, "said": 3.0}
    # Where this process has imported Ray for a cluster before, its local one is on the machine's address as well.
    if [node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]] == ["127.0.0.1"]:
        # One may be Ray's own, which asks for its token; torch's would not.
        assert open_to_all in (0, 1)
    assert updates == [Progress(0, 2, {"rank": 0.0})], "the leading one alone is heard"
    wait_until("all places are free", lambda: ray.available_resources().get("CPU") == free, 60)


@pytest.mark.parametrize(
    ("wanted", "key"), [(RaySettings(num_cpus=4096), "num_cpus"), (RaySettings(num_gpus=64), "num_gpus")]
)
def test_a_stage_that_can_never_fit_is_refused(stages: RayStages, wanted: RaySettings, key: str) -> None:
    with RayStages(Workspace(Path.cwd()), wanted) as greedy, pytest.raises(SettingsError, match=f"ray.{key}: .* asks"):
        run(greedy, "any")


def test_a_watcher_that_fails_stops_no_stage(stages: RayStages, caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def watch(update: Progress) -> None:
        seen.append(update)
        raise OSError("the disk is full")

    assert run(stages, "talks", Settings(), watch).metrics == {}
    assert len(seen) == 1
    assert [record.message for record in caplog.records] == ["stage1@set/talks: its progress could not be shown"]


def test_a_result_that_cannot_be_read_is_an_answer_too(stages: RayStages) -> None:
    with pytest.raises(WorkerLostError, match="another try"):
        stages.call("unreadable", "stand_in_stages:unreadable", {})
    assert run(stages, "any", Settings(seed=1)).metrics["seed"] == 1


def test_a_request_that_no_node_of_a_cluster_can_fulfil_is_refused_after_a_while(
    stages: RayStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a local Ray that runs already the address makes no difference but this: nothing is refused at once."""
    monkeypatch.setattr("services.ray.driver._PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("services.ray.driver._LOOK_SECONDS", 0.2)
    wanted = RaySettings(address="127.0.0.1:6379", num_gpus=64)
    expected = "ray.num_gpus: a stage asks for 64 GPU, the largest node has 0 GPU, and for 1 s none has come"
    with RayStages(Workspace(Path.cwd()), wanted) as greedy, pytest.raises(SettingsError, match=expected):
        run(greedy, "any")


def test_a_function_runs_in_a_worker(stages: RayStages) -> None:
    assert stages.call("sum", "stand_in_stages:add", {}, "1", "2") == 3


def test_a_worker_has_no_key_of_a_store(stages: RayStages) -> None:
    assert "AWS_SECRET_ACCESS_KEY" in os.environ
    assert run(stages, "keys").metrics == {"keys": 0}
    assert stages.call("keys", "stand_in_stages:keys", {}) == 0
