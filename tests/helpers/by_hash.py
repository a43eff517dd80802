"""Jobs by hash without Ray: a carrier, and a node that does at once what it is handed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.ray.apart import node_of
from services.ray.carrier import Carrier, FoldersOf
from services.ray.inbox import Call
from services.ray.order import CallOrder, JobOrder, NodeSettings, StoreAddress
from tocoad.files.lease import current_ticket
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params
from tocoad.settings.sections import Settings
from tocoad.stages.graph import Job, jobs_of
from tocoad.stages.running import StageFolders, folders_of
from tocoad.stages.stage import StageRecord, silent

GEAR = Category("tiny", "gear")
SMALL: dict[str, dict[str, object]] = {
    "image": {"size": 64},
    "split": {"train_min": 4, "calibration_min": 4},
    "synthesis": {"validation_count": 2},
    "encoder": {"name": "resnet18", "weights": "none"},
    "stage1": {"iterations": 2, "batch_size": 2},
    "stage2": {"iterations": 0},
    "evaluation": {"bootstrap": 20},
}


def settings_of(workspace: Workspace, changes: Mapping[str, Mapping[str, object]] = SMALL) -> Settings:
    document = load_params(workspace).settings.model_dump()
    for section, values in changes.items():
        document[section] |= values
    return Settings.model_validate(document)


def manifest_of(workspace: Workspace) -> Job:
    return next(job for job in jobs_of(GEAR, "tocoad") if job.stage.name == "manifest")


class Way:
    """A carrier, whose calls a node with a cache of its own takes at once: what stands between them is text."""

    def __init__(self, workspace: Workspace, folder: Path, folders_of_job: FoldersOf | None = None) -> None:
        self.store, self.cache, self.told = folder / "store", folder / "node", list[str]()
        self.node = NodeSettings(
            store=StoreAddress(url=str(self.store)),
            cache=str(self.cache),
            cache_bytes=10**9,
            checkpoint_seconds=60,
        )

        def folders(job: Job, _: Settings) -> StageFolders:
            return folders_of(workspace, job.owner, job.method, job.stage)

        self.carrier = Carrier(workspace, self.node, folders_of_job or folders, current_ticket(), self._take)

    def _take(self, call: Call) -> None:
        node, order = call.arguments
        self.told += [node, order]
        try:
            if call.worker_function == "work_apart":
                call.end(node_of(node).run(JobOrder.model_validate_json(order), silent))
            else:
                call.end(node_of(node).call(CallOrder.model_validate_json(order)))
        except Exception as error:
            call.end(error)

    def run(self, job: Job, settings: Settings) -> StageRecord:
        return self.carrier.submit(Call("key", job.dvc_name, "", ()), job, settings, "sources").result()
