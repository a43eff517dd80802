"""Jobs on a cluster, each where there is what its stage asks for. A GPU is counted there, and is none."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from services.addresses import configure
from services.ray.runner import RayStages
from tests.helpers.ray_cluster import Cluster
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import ComputeSettings, RaySettings, Settings
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.stage import StageRecord

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# All share the oven's node, so that it is one GPU that they ask for, whatever nodes other tests have added.
ASKED = {
    "stage1": {"num_gpus": 0.5, "resources": {"oven": 0.1}},
    "stage2": {"num_gpus": 1, "resources": {"oven": 0.1}},
    "fit": {"resources": {"oven": 0.1}},
    "synthesize": {"memory_gb": 10_000},
}


@pytest.fixture(scope="module")
def stages(cluster: Cluster, workspace: Workspace) -> Iterator[RayStages]:
    with cluster.driving():
        configure(workspace)
        ray = RaySettings.model_validate({"address": cluster.address, "num_cpus": 0.1, "stages": ASKED})
        with RayStages(workspace, ray, "stand_in_stages:behave") as started:
            yield started


def submit(stages: RayStages, stage: str, behaviour: str, settings: Settings | None = None) -> Future[StageRecord]:
    job = Job(Category("set", behaviour), "tocoad", METHODS["tocoad"].stage(stage))
    # In the order in which they come, the later ones would wait behind all that is more urgent.
    return stages.submit(job, settings or Settings(), urgency=float(stage == "stage2"))


def test_two_that_ask_for_half_a_gpu_share_one(stages: RayStages) -> None:
    both = [submit(stages, "stage1", name) for name in ("meets-one", "meets-other")]
    for one in both:
        one.result()


def test_those_that_ask_for_a_whole_gpu_have_it_one_after_the_other_in_processes_of_their_own(
    stages: RayStages,
) -> None:
    told = [future.result().metrics for future in [submit(stages, "stage2", "is-alone") for _ in range(2)]]
    assert len({metrics["process"] for metrics in told}) == 2
    assert [metrics["is_cuda"] for metrics in told] == [True, True]


def test_a_resource_of_a_nodes_own_leads_there_and_makes_no_gpu_of_a_cpu(stages: RayStages) -> None:
    told = submit(stages, "fit", "tells").result().metrics
    assert (told["on_b"], told["is_cuda"]) == (True, False)
    on_gpu = submit(stages, "stage2", "tells", Settings(compute=ComputeSettings(device="cpu"))).result().metrics
    assert on_gpu["is_cuda"] is False


def test_what_waits_for_a_gpu_holds_up_nothing_that_asks_for_none(stages: RayStages, workspace: Workspace) -> None:
    holders = [submit(stages, "stage2", "listens") for _ in range(6)]
    for _ in range(4):
        assert submit(stages, "evaluate", "any").result().metrics["seed"] == 0
    assert not any(future.done() for future in holders)
    (workspace.root / "heard").touch()
    for future in holders[1:]:
        future.cancel()
    holders[0].result()


def test_what_no_node_has_is_refused_by_its_setting_and_stops_no_other(
    stages: RayStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ray.driver._PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("services.ray.driver._LOOK_SECONDS", 0.2)
    waiting = submit(stages, "synthesize", "any")
    assert submit(stages, "evaluate", "any").result().metrics["seed"] == 0
    with pytest.raises(
        SettingsError, match=r"ray\.stages\.synthesize\.memory_gb: a stage asks for 10000 GB, the largest"
    ):
        waiting.result()
