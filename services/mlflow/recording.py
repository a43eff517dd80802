"""What MLflow keeps of a retrain: a run for the whole, and below it one for each category that had work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from services.interrupts import held
from services.mlflow.figures import Figures
from services.mlflow.nights import keep_night
from services.mlflow.run import Run
from services.mlflow.tracking import GIT_COMMIT_TAG, Tracking
from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, Manifest
from tocoad.errors import first_line
from tocoad.files.reading import read_document
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import CONTROL, MethodName, Settings
from tocoad.stages.graph import METHODS, Job, detector_dir, evaluation_dir, jobs_of, manifest_dir
from tocoad.stages.stage import Progress

# Files of a stage that a person wants to see beside the run. Every byte is kept once: the pictures of the evaluation
# are in the report, the detector is the registered version's.
_FIGURES = (
    *("metrics.json", "latency.json", "predictions.csv", "replicates.csv", "curves.csv", "curves", "distances.csv"),
    "preview.png",
)
REPORT_FOLDER, REPORT_TAG = "report", "report"
# How long the last figures may take on their way.
_CLOSE_SECONDS = 30.0


class RetrainRecord:
    """Child runs start with their category's first step and end with its outcome."""

    def __init__(
        self,
        tracking: Tracking,
        experiment_id: str,
        parent: Run,
        workspace: Workspace,
        settings: Settings,
        commit: str,
        warnings: list[str],
    ) -> None:
        self.parent = parent
        self._tracking = tracking
        self._experiment_id = experiment_id
        self._workspace = workspace
        self._settings = settings
        self.commit = commit
        self._runs: dict[Category, Run] = {}
        self._described: set[Category] = set()
        self._lock = Lock()
        self._figures = Figures(lambda owner: self.run(owner) if isinstance(owner, Category) else self.parent)
        self.warnings = warnings

    def run(self, category: Category) -> Run:
        """The category's run; started at the first call."""
        with self._lock:
            if category not in self._runs:
                tags = {GIT_COMMIT_TAG: self.commit, "dataset": category.dataset, "category": category.name}
                self._runs[category] = self._tracking.start(self._experiment_id, category.name, self.parent, tags)
            if category not in self._described:
                self._runs[category].log_params(self._settings.model_dump(mode="json"))
                self._described.add(category)
            return self._runs[category]

    def progress(self, job: Job, update: Progress) -> None:
        """One point of the stage's live curves: `stage1/loss`; the control's carry its name. Neither waits nor fails.

        Those of a stage that is all categories' are the retrain's own.
        """
        prefix = job.stage.name if job.stage.name != "evaluate" else f"{job.method}/evaluate"
        if update.metrics:
            self._figures.add(job.owner, {f"{prefix}/{k}": v for k, v in update.metrics.items()}, update.step)

    def finish(self, category: Category, method: MethodName) -> None:
        """Data version and figures of a category whose stages are all done.

        Those of a stage that is all categories' are the retrain's own.
        """
        run = self.run(category)
        folder = manifest_dir(self._workspace, category)
        run.set_tags(
            {"method": method, "manifest_sha256": Manifest.load(folder / TRAIN_FILE, folder / TEST_FILE).digest}
        )
        for job in jobs_of(category, method):
            source = job.output_dir(self._workspace)
            keeper = run if isinstance(job.owner, Category) else self.parent
            target = job.stage.name if job.stage.scope == "category" else f"{job.method}/{job.stage.name}"
            for name in _FIGURES:
                if (source / name).exists():
                    keeper.log_artifacts(source / name, f"{target}/{name}" if (source / name).is_dir() else target)
        for prefix, name in (("", method), ("control/", CONTROL)):
            figures = _metrics(self._workspace, category, name)
            run.log_metrics({f"{prefix}{key}": value for key, value in figures.items()})

    def keep_night(self) -> str:
        """Keeps the workspace's documents as they are now; returns the id of the run that has them."""
        return keep_night(self._tracking.client, self.parent, self._workspace)

    def report(self, index: Path, pages: Mapping[Category, Path]) -> str | None:
        """Keeps the summary and the pages, to which it links, at the retrain's run; a category's run says where.

        Returns the summary's address in MLflow's pages; None where there is no server to show it.
        """
        self.parent.log_artifacts(index, REPORT_FOLDER)
        for category, page in pages.items():
            self.parent.log_artifacts(page, REPORT_FOLDER)
            place = f"{REPORT_FOLDER}/{page.name}"
            link = self._tracking.artifact_page(self.parent, place) or f"runs:/{self.parent.run_id}/{place}"
            self.run(category).set_tags({REPORT_TAG: link})
        return self._tracking.artifact_page(self.parent, f"{REPORT_FOLDER}/{index.name}")

    def end(self, errors: Mapping[Category, str]) -> None:
        """Ends all runs as FINISHED or, with the error as note, FAILED; the retrain's has the first."""
        first = next((f"{category.name}: {error}" for category, error in errors.items()), None)
        notes = [(run, errors.get(category)) for category, run in self._runs.items()]
        self._end((run, "FINISHED" if note is None else "FAILED", note) for run, note in [*notes, (self.parent, first)])

    def abandon(self, error: BaseException) -> None:
        """Ends all runs after an error that is no category's, or as killed after an interrupt."""
        failed = isinstance(error, Exception)
        status, note = ("FAILED", str(error) or type(error).__name__) if failed else ("KILLED", None)
        self._end((run, status, note) for run in [*self._runs.values(), self.parent])

    def _end(self, ends: Iterable[tuple[Run, str, str | None]]) -> None:
        if (missing := self._figures.close(_CLOSE_SECONDS)) is not None:
            self.warnings.append(missing)
        try:
            for run, status, note in ends:
                run.end(status, note)
        except Exception as error:
            # The next one would be waited for as long.
            told = f"MLflow was not told how its runs ended; the next retrain closes them ({first_line(error)})"
            self.warnings.append(told)


@contextmanager
def retrain_record(
    tracking: Tracking,
    workspace: Workspace,
    dataset: str,
    settings: Settings,
    commit: str,
    errors: Mapping[Category, str],
    warnings: list[str],
    flow: str = "retrain",
) -> Iterator[RetrainRecord]:
    """The runs of a retrain, or another flow, ended with the block; `errors` has then what went wrong, by category.
    What MLflow missed, and the flow does not need, is added to `warnings`.
    """
    experiment_id = tracking.experiment(dataset)
    parent = tracking.start(experiment_id, f"{flow} {dataset}", tags={GIT_COMMIT_TAG: commit, "dataset": dataset})
    record = RetrainRecord(tracking, experiment_id, parent, workspace, settings, commit, warnings)
    try:
        parent.log_params(settings.model_dump(mode="json"))
        yield record
    except BaseException as error:
        with held():
            record.abandon(error)
        raise
    with held():
        record.end(errors)


def _metrics(workspace: Workspace, category: Category, method: MethodName) -> dict[str, float | None]:
    """What the evaluation found, and as `fit/NAME` what the detector's making told."""
    from tocoad.evaluation.files import read_report

    judged = read_report(evaluation_dir(workspace, category, method)).metrics
    fit = detector_dir(workspace, category, method).with_name("metrics.json")
    made = read_document(dict[str, float | None], fit, METHODS[method].detector_stage.name)
    return {str(name): value for name, value in judged.items()} | {f"fit/{key}": value for key, value in made.items()}
