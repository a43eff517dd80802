"""The evaluation of a detector against a category of the workspace, outside the stage graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tocoad.data.manifest import TEST_FILE, Manifest
from tocoad.errors import StageError
from tocoad.evaluation.evaluate import Evaluation, evaluate_detector
from tocoad.evaluation.folders import evaluation_folders
from tocoad.evaluation.maps import save_maps as write_maps
from tocoad.evaluation.report import EvaluationReport
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.records import Candidate
from tocoad.package.detector import load_detector
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.graph import detector_dir, evaluation_dir
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
    evaluation = _evaluate(evaluation_folders(workspace, category, package), settings, progress)
    if save_maps:
        write_maps(evaluation.images, evaluation_dir(workspace, category, method))
    return evaluation.report


def rescore(folders: Mapping[str, Path], settings: str) -> Candidate:
    """What the gate reads of another detector, the champion's, on the category's present evaluation set.

    The folders are those of `evaluation_folders`, `settings` are JSON: both can go to a worker, wherever it is.
    """
    return _evaluate(folders, Settings.model_validate_json(settings), silent).candidate()


def _evaluate(folders: Mapping[str, Path], settings: Settings, progress: ProgressCallback) -> Evaluation:
    manifest = Manifest.load(folders["manifest"] / TEST_FILE)
    detector = load_detector(folders["package"], settings.compute)
    # Beside what the stages write: where the system keeps temporary files, memory may be all there is.
    scratch = folders["manifest"].parent
    return evaluate_detector(detector, manifest, folders["images"], settings, progress, scratch)
