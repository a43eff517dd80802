"""One run of MLflow: parameters, figures, files, and its end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from tocoad.text.printable import markdown
from tocoad.text.redaction import redacted

# Limits of one `log_batch` call.
_METRICS_A_CALL = 1000
_PARAMS_A_CALL = 100


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


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, default=str)
