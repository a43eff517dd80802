"""The services of one flow that computes, from the start of its flow run to its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from prefect import get_run_logger

from services.addresses import configure
from services.clean_process import Checker, CleanProcess
from services.closing import claim_flow_run, close_left
from services.fleet import told_in_lines
from services.git.commit import git_commit
from services.mlflow.glance import Glance
from services.mlflow.recording import RetrainRecord, retrain_record
from services.mlflow.registration import Registration, registered
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from services.prefect.turn import TurnTakenError, turn
from services.ray.parity import OnNodes
from services.ray.runner import RayStages
from services.shared_store import shared_store
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import MethodName, Settings

__all__ = ["Connection", "Session", "TurnTakenError", "Workshop"]


class Session:
    """Marks the flow run as this process's own; nothing else is asked of a service before `connect`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._services = configure(workspace)
        claim_flow_run(self._services)

    def turn(self, dataset: str, wait: float) -> AbstractContextManager[None]:
        """The data set's turn on a server that others may use too, after at most `wait` seconds.

        Raises TurnTakenError, at the start of the block.
        """
        return nullcontext() if self._services.prefect_api_url is None else turn(dataset, _tell, wait)

    def connect(self) -> Connection:
        """The way to MLflow. Closes what dead processes left there and in Prefect.

        Raises TrackingError.
        """
        tracking = Tracking(self._services)
        registry = tracking.registry()
        close_left(self._services, tracking)
        return Connection(self._workspace, tracking, registry)


def _tell(line: str) -> None:
    """For who looks at the flow run's page, and for who typed the command."""
    get_run_logger().info(line)
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Connection:
    """To MLflow."""

    workspace: Workspace
    tracking: Tracking
    registry: Registry

    def registered(
        self, dataset: str, methods: Mapping[Category, MethodName], settings: Settings
    ) -> dict[Category, Registration]:
        """What the registry has of the categories' detectors as they lie in the workspace, judged as they would be
        now; what it has not is missing.
        """
        glance = Glance(self.registry, dataset)
        known = {name: registered(self.workspace, name, method, settings, glance) for name, method in methods.items()}
        return {category: found for category, found in known.items() if found is not None}

    @contextmanager
    def at_work(
        self,
        dataset: str,
        settings: Settings,
        errors: Mapping[Category, str],
        warnings: list[str],
        flow: str = "retrain",
    ) -> Iterator[Workshop]:
        """Where stages run and their figures are kept; `errors` and `warnings` as `retrain_record` has them. The flow
        run's log has a line now and then of how the jobs stand.
        """
        place = self.workspace
        commit = str(git_commit(place) or "none")
        with (
            retrain_record(self.tracking, place, dataset, settings, commit, errors, warnings, flow) as record,
            RayStages(place, settings.ray, store=shared_store(place, settings.ray)) as runner,
            CleanProcess() as process,
            told_in_lines(get_run_logger().info),
        ):
            checker = OnNodes(runner) if settings.ray.address else process
            yield Workshop(place, settings, self.registry, record, runner, checker)


@dataclass(frozen=True)
class Workshop:
    """What the tasks of a flow work with."""

    workspace: Workspace
    settings: Settings
    registry: Registry
    record: RetrainRecord
    runner: RayStages
    checker: Checker
