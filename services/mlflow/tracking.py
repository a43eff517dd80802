"""MLflow's record of a retrain: one run for the retrain, one below it for each category.

Every call names its run; MLflow's global active run is never used, so categories may be recorded at the same time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient
from mlflow.entities import Experiment, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from services.addresses import Services
from services.holders import HOLDER_TAG, own_tag
from services.mlflow.database import check_database
from services.mlflow.moved_workspace import follow
from tocoad.errors import StageError, first_line
from tocoad.text.printable import markdown
from tocoad.text.redaction import redacted

if TYPE_CHECKING:
    from services.mlflow.registry import Registry

# Limits of one `log_batch` call.
_METRICS_A_CALL = 1000
_PARAMS_A_CALL = 100

GIT_COMMIT_TAG = MLFLOW_GIT_COMMIT


class TrackingError(StageError):
    """MLflow cannot be used as it is; one line that names its address."""


@dataclass(frozen=True)
class Point:
    """One point of a curve, with the time at which it was found."""

    key: str
    value: float
    step: int
    milliseconds: int


class Run:
    """One MLflow run, by its id."""

    def __init__(self, client: MlflowClient, run_id: str, experiment_id: str) -> None:
        self._client = client
        self.run_id = run_id
        self.experiment_id = experiment_id

    def log_params(self, settings: Mapping[str, Any]) -> None:
        """Nested settings as `section.key`; MLflow refuses another value for a key that the run already has."""
        params = [Param(key, redacted(value)) for key, value in _flatten(settings)]
        for first in range(0, len(params), _PARAMS_A_CALL):
            self._client.log_batch(self.run_id, params=params[first : first + _PARAMS_A_CALL])

    def set_tags(self, tags: Mapping[str, object]) -> None:
        self._client.log_batch(self.run_id, tags=[RunTag(key, str(value)) for key, value in tags.items()])

    def log_metrics(self, metrics: Mapping[str, float | None]) -> None:
        """Figures; one that is None (the data cannot give it) is left out."""
        now = int(time.time() * 1000)
        self.log_points([Point(key, value, 0, now) for key, value in metrics.items() if value is not None])

    def log_points(self, points: Sequence[Point]) -> None:
        """Any number of points, in few calls: each takes about as long as one point alone would."""
        metrics = [Metric(point.key, float(point.value), point.milliseconds, point.step) for point in points]
        for first in range(0, len(metrics), _METRICS_A_CALL):
            self._client.log_batch(self.run_id, metrics=metrics[first : first + _METRICS_A_CALL])

    def log_artifacts(self, source: Path, folder: str | None = None) -> None:
        """Copies a file, or what is in a folder, to `folder` among the run's artifacts."""
        log = self._client.log_artifacts if source.is_dir() else self._client.log_artifact
        log(self.run_id, str(source), folder)

    def end(self, status: str, note: str | None = None) -> None:
        """`status` is FINISHED, FAILED or KILLED; the note is the run's description in the pages."""
        if note is not None:
            self._client.set_tag(self.run_id, MLFLOW_RUN_NOTE, markdown(redacted(note)))
        self._client.set_terminated(self.run_id, status)


class Tracking:
    """The tracking server, or the local database, of a workspace."""

    def __init__(self, services: Services) -> None:
        self._services = services
        with one_line(services.tracking_uri):
            if services.artifact_root is not None:
                database = Path(services.tracking_uri.removeprefix("sqlite:///"))
                check_database(database, services.artifact_root)
                follow(database, services.artifact_root)
            self.client = MlflowClient(services.tracking_uri)

    def registry(self) -> Registry:
        """The model registry beside it, once the server has answered.

        Raises:
            TrackingError: MLflow does not answer.
        """
        from services.mlflow.registry import Registry

        with one_line(self._services.tracking_uri):
            self.client.search_experiments(max_results=1)
        return Registry(self.client)

    def artifact_page(self, run: Run, artifact: str) -> str | None:
        """Where MLflow's pages show the artifact; None for a local database, which has no pages of its own."""
        uri = self._services.tracking_uri
        if not uri.startswith("http"):
            return None
        return redacted(f"{uri.rstrip('/')}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{artifact}")

    def experiment(self, name: str) -> str:
        """Id of the experiment, which is made where it does not exist.

        Raises:
            TrackingError: MLflow does not answer, or the experiment is in its trash.
        """
        with one_line(self._services.tracking_uri):
            found = self.client.get_experiment_by_name(name)
            return self._create_experiment(name) if found is None else self._active(found)

    def _create_experiment(self, name: str) -> str:
        root = self._services.artifact_root
        try:
            return str(self.client.create_experiment(name, None if root is None else (root / name).as_uri()))
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
        # Another process was faster.
        found = self.client.get_experiment_by_name(name)
        assert found is not None
        return self._active(found)

    def _active(self, experiment: Experiment) -> str:
        if experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"MLflow at {self._services.tracking_uri}: experiment {experiment.name!r} is deleted; "
                f"bring it back with: mlflow experiments restore --experiment-id {experiment.experiment_id}"
            )
        return str(experiment.experiment_id)

    def start(
        self, experiment_id: str, name: str, parent: Run | None = None, tags: Mapping[str, object] | None = None
    ) -> Run:
        """A new run; with `parent`, a child of it. Whoever starts it ends it."""
        texts = {key: str(value) for key, value in (tags or {}).items()}
        if parent is not None:
            texts[MLFLOW_PARENT_RUN_ID] = parent.run_id
        if (holder := own_tag(self._services.workspace.services_dir)) is not None:
            texts[HOLDER_TAG] = holder
        run = self.client.create_run(experiment_id, run_name=name, tags=texts)
        return Run(self.client, run.info.run_id, experiment_id)

    @contextmanager
    def run(
        self, experiment_id: str, name: str, parent: Run | None = None, tags: Mapping[str, object] | None = None
    ) -> Iterator[Run]:
        """A run that ends with the block: FINISHED, FAILED with the error as its note, or KILLED."""
        run = self.start(experiment_id, name, parent, tags)
        try:
            yield run
        except Exception as error:
            run.end("FAILED", str(error) or type(error).__name__)
            raise
        except BaseException:
            run.end("KILLED")
            raise
        run.end("FINISHED")


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, default=str)


@contextmanager
def one_line(uri: str) -> Iterator[None]:
    """An error of MLflow, or of its database, in the block becomes a TrackingError."""
    try:
        yield
    except (MlflowException, sqlite3.Error) as error:
        told = TrackingError(f"MLflow at {uri}: {first_line(error)}")
        # Whoever logs an error logs its cause.
        raise told from (error if redacted(str(error)) == str(error) else None)
