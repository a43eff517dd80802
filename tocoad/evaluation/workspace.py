"""The evaluation of a detector against a category of the workspace, outside the stage graph."""

from __future__ import annotations

from pathlib import Path

from tocoad.data.manifest import TEST_FILE, Manifest
from tocoad.errors import StageError
from tocoad.evaluation.evaluate import Evaluation, evaluate_detector
from tocoad.evaluation.maps import save_maps as write_maps
from tocoad.evaluation.report import EvaluationReport
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.records import Candidate
from tocoad.package.detector import load_detector
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.graph import detector_dir, evaluation_dir, manifest_dir
from tocoad.stages.stage import ProgressCallback, silent


def evaluate_category(
    workspace: Workspace,
    category: Category,
    method: MethodName,
    settings: Settings,
    progress: ProgressCallback = silent,
    save_maps: bool = False,
) -> EvaluationReport:
    """Figures of the method's present detector; with `save_maps` the raw maps go into its evaluation folder."""
    package = detector_dir(workspace, category, method)
    if not package.is_dir():
        raise StageError(f"{category} has no {method} detector: run tocoad retrain {category.dataset} first")
    evaluation = _evaluate(workspace, category, package, settings, progress)
    if save_maps:
        write_maps(evaluation.images, evaluation_dir(workspace, category, method))
    return evaluation.report


def rescore(root: str, category: str, package: str, settings: str) -> Candidate:
    """What the gate reads of another detector, the champion's, on the category's present evaluation set.

    The arguments are texts (settings as JSON), so that the call can go to a worker.
    """
    parsed = Settings.model_validate_json(settings)
    workspace = Workspace(Path(root))
    return _evaluate(workspace, Category.parse(category), Path(package), parsed, silent).candidate()


def _evaluate(
    workspace: Workspace, category: Category, package: Path, settings: Settings, progress: ProgressCallback
) -> Evaluation:
    manifest = Manifest.load(manifest_dir(workspace, category) / TEST_FILE)
    detector = load_detector(package, settings.compute)
    scratch = workspace.work_dir(category)
    return evaluate_detector(detector, manifest, workspace.data_dir(category), settings, progress, scratch)
