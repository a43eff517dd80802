"""MLflow's record of a retrain: one run for the retrain, one below it for each category.

Every call names its run; MLflow's global active run is never used, so categories may be recorded at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow.entities import Experiment
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_PARENT_RUN_ID

from services.addresses import Services
from services.holders import HOLDER_TAG, own_tag
from services.mlflow.calls import TrackingError, connect, told
from services.mlflow.database import check_database, setting_up
from services.mlflow.moved_workspace import follow
from services.mlflow.registry import Registry
from services.mlflow.run import Run
from tocoad.text.redaction import redacted

GIT_COMMIT_TAG = MLFLOW_GIT_COMMIT


class Tracking:
    """The tracking server, or the local database, of a workspace."""

    def __init__(self, services: Services) -> None:
        self._services = services
        if services.artifact_root is None:
            self.client = connect(services.tracking_uri)
            return
        database = Path(services.tracking_uri.removeprefix("sqlite:///"))
        with told(services.tracking_uri), setting_up(database):
            check_database(database, services.artifact_root)
            follow(database, services.artifact_root)
            self.client = connect(services.tracking_uri)

    def registry(self) -> Registry:
        """The model registry beside it, once the server has answered.

        Raises:
            AwayError: it does not.
        """
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
            TrackingError: the experiment is in MLflow's trash.
            AwayError: MLflow does not answer.
        """
        found = self.client.get_experiment_by_name(name)
        return self._create_experiment(name) if found is None else self._active(found)

    def _create_experiment(self, name: str) -> str:
        root = self._services.artifact_root
        try:
            return str(self.client.create_experiment(name, None if root is None else (root / name).as_uri()))
        except TrackingError as error:
            if error.code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
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
