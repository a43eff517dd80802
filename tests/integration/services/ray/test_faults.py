"""What becomes of a job by hash whose process or node dies: another try does it, and a late answer changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future

import psutil
import pytest

from services.ray.lost import NodeLostError, WorkerLostError
from services.ray.order import StoreAddress
from services.ray.runner import RayStages
from tests.helpers.fault_proxy import FaultProxy, fault_proxy
from tests.helpers.processes import wait_until
from tests.helpers.ray_cluster import Cluster, Machine, Node
from tests.helpers.s3_servers import S3Server
from tests.helpers.toys import DISC, draw_toys
from tocoad.files.fingerprint import folder_digest
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import RaySettings, Settings
from tocoad.stages.graph import Job, jobs_of
from tocoad.stages.running import run_stage
from tocoad.stages.stage import StageRecord

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# A stage that loads no heavy library.
JOB: Job = jobs_of(DISC, "patchcore")[0]
SETTINGS = Settings.model_validate({"split": {"train_min": 4, "calibration_min": 4}})
OWN = {"disposable": 1.0}


class Line:
    """Jobs on nodes that nobody else needs."""

    def __init__(
        self, workspace: Workspace, head: Node, nodes: list[Node], proxy: FaultProxy, runner: RayStages
    ) -> None:
        self.workspace, self.head, self.proxy = workspace, head, proxy
        self._nodes, self._runner = nodes, runner

    def submit(self) -> Future[StageRecord]:
        return self._runner.submit(JOB, SETTINGS, sources="sources")

    def hold(self) -> tuple[Future[StageRecord], Node, psutil.Process]:
        """A job that waits for the store, which does not answer; the node that has it, and its process."""
        self.proxy.hang(method="GET", where="/files/md5/")
        held = self.submit()
        wait_until("a job that waits", lambda: self.proxy.hanging, 120, pause=0.05)
        ((node, process),) = [(node, process) for node in self._nodes for process in node.named("ray::work_apart")]
        return held, node, process

    def output(self) -> tuple[str, float]:
        folder = JOB.output_dir(self.workspace)
        return folder_digest(folder), folder.stat().st_mtime_ns


@pytest.fixture(scope="module")
def line(cluster: Cluster, rclone_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    workspace = draw_toys(tmp_path_factory.mktemp("faults") / "workspace")
    with fault_proxy(rclone_server.endpoint) as proxy, cluster.driving():
        server = rclone_server.at(proxy.endpoint)
        os.environ.update(server.env)
        machines = [Machine(f"disposable-{number}", resources=OWN, env=server.env) for number in range(4)]
        nodes = cluster.add(*machines)
        stages = {"manifest": {"resources": OWN}}
        settings = RaySettings.model_validate({"address": cluster.address, "stages": stages})
        store = StoreAddress(url=f"{server.url}/faults")
        with RayStages(workspace, settings, store=store) as runner:
            yield Line(workspace, cluster.head, nodes, proxy, runner)


def test_a_job_whose_process_is_killed_is_told_and_done_by_another_try(line: Line) -> None:
    held, node, process = line.hold()
    process.kill()
    with pytest.raises(WorkerLostError, match="goes on from the last checkpoint"):
        held.result(60)
    line.proxy.sound()
    assert line.submit().result(60).wrote
    assert node.named("raylet/raylet"), "its node takes work as before"


def test_a_job_whose_raylet_is_killed_is_done_by_another_node(line: Line) -> None:
    held, node, _ = line.hold()
    node.named("raylet/raylet")[0].kill()
    with pytest.raises(NodeLostError):
        held.result(60)
    line.proxy.sound()
    assert line.submit().result(60).wrote
    assert not node.named("ray::work_apart")


def test_the_late_answer_of_a_node_that_was_declared_dead_changes_nothing(line: Line) -> None:
    held, node, process = line.hold()
    (raylet,) = node.named("raylet/raylet")
    raylet.suspend()
    process.suspend()
    line.proxy.sound()
    try:
        record = held.result(60)
    except NodeLostError:  # or the driver, which had not heard yet where it was, has taken it back
        record = line.submit().result(60)
    made = line.output()
    process.resume()
    wait_until("its process has ended its job", lambda: process not in node.named("ray::work_apart"), 60)
    raylet.resume()
    wait_until("its node has ended", lambda: not node.named("raylet/raylet"), 60)
    assert line.output() == made
    assert (
        record.wrote
        and run_stage(line.workspace, DISC, "patchcore", "manifest", SETTINGS, sources="sources").wrote == record.wrote
    )


def test_a_job_of_which_no_word_came_where_it_is_is_done_by_another_node(line: Line) -> None:
    line.submit().result(120)
    (mailbox,) = line.head.named("ray::Mailbox")  # beside the driver
    mailbox.suspend()
    held, node, _ = line.hold()
    mailbox.kill()
    node.hang()
    line.proxy.sound()
    assert held.result(60).wrote
    node.resume()
    wait_until("its node has ended", lambda: not node.named("raylet/raylet"), 60)
