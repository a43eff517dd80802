"""Everything that a category's page is made of, read from the files that the stages left."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tocoad.errors import StageError
from tocoad.evaluation.comparison_files import read_comparison
from tocoad.evaluation.files import CURVES, CURVES_DIR, read_replicates, read_report, read_results
from tocoad.evaluation.gallery import GALLERY_DIR, GalleryImage, read_gallery
from tocoad.evaluation.latency import Latency, read_latency
from tocoad.evaluation.report import EvaluationReport
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.comparison import Comparison
from tocoad.gate.records import ImageResult
from tocoad.metrics.names import METRIC_NAMES, CurveName, MetricName
from tocoad.package.card import CARD_FILE, DetectorCard, package_sha256, read_card
from tocoad.package.formats import NewerCardError
from tocoad.report.rates import Difference, Rate, paired_difference
from tocoad.report.tables import Points, read_points
from tocoad.report.training import StageCurves, read_distances, read_training
from tocoad.settings.sections import CONTROL, MethodName
from tocoad.stages.graph import detector_dir, evaluation_dir


@dataclass(frozen=True)
class Judged:
    """One method's evaluation. `curves` are (x, y), empty where undefined."""

    method: MethodName
    report: EvaluationReport
    images: tuple[ImageResult, ...]
    replicates: dict[MetricName, tuple[float, ...]]
    curves: dict[CurveName, Points]

    @property
    def recall(self) -> Rate:
        return Rate.of(image.pred_label for image in self.images if image.gt_label)

    @property
    def false_rejects(self) -> Rate:
        return Rate.of(image.pred_label for image in self.images if not image.gt_label)

    @property
    def recall_by_type(self) -> dict[str, Rate]:
        """The types in which the least is caught first."""
        labels: dict[str, list[bool]] = {}
        for image in self.images:
            if image.gt_label:
                labels.setdefault(image.defect_type, []).append(image.pred_label)
        rates = {name: Rate.of(found) for name, found in labels.items()}
        return dict(sorted(rates.items(), key=lambda item: (item[1].count / item[1].total, -item[1].total, item[0])))


@dataclass(frozen=True)
class Evidence:
    """`control` is None where the category has no evaluated control, or is the control's own. `package` is the digest
    of the detector package, `size` its bytes; `gallery` lies in `gallery_dir`. `distances` are those of calibration
    patches to each method's bank, this one's first, where they were recorded. `comparison` is that of this package and
    the champion which it met on these images; its pictures lie in `comparison_dir`.
    """

    category: Category
    judged: Judged
    control: Judged | None
    card: DetectorCard
    package: str
    size: int
    training: tuple[StageCurves, ...]
    distances: Mapping[MethodName, Points]
    latency: Latency | None
    gallery: tuple[GalleryImage, ...]
    gallery_dir: Path
    comparison: Comparison | None
    comparison_dir: Path

    @property
    def comparable(self) -> bool:
        """Both were judged on the same images, so that their draws are the same too."""
        return self.control is not None and self.control.report.evaluation_set == self.judged.report.evaluation_set

    @property
    def differences(self) -> dict[MetricName, Difference]:
        """This detector less the control, for the figures that both have."""
        if self.control is None or not self.comparable:
            return {}
        mine, other = self.judged, self.control
        # Without the same number of draws the k-th of one is still the k-th of the other, but the files are not of one
        # making: the figures are compared and no interval is claimed.
        paired = mine.report.resamples == other.report.resamples
        found = {}
        for name in METRIC_NAMES:
            draws = (mine.replicates.get(name, ()), other.replicates.get(name, ())) if paired else ((), ())
            difference = paired_difference((mine.report.metrics.get(name), other.report.metrics.get(name)), draws)
            if difference is not None:
                found[name] = difference
        return found


def read_evidence(workspace: Workspace, category: Category, method: MethodName) -> Evidence:
    """Raises StageError where the category's evaluation or its detector is not whole; a control that is not is left
    out.
    """
    evaluation = evaluation_dir(workspace, category, method)
    package = detector_dir(workspace, category, method)
    try:
        judged = _read_judged(evaluation, method)
        card, _ = read_card(package)
        digest = package_sha256(package)
        gallery = tuple(read_gallery(evaluation / GALLERY_DIR))
        latency = read_latency(evaluation)
        training = read_training(workspace, category, method)
        distances = _read_distances(workspace, category, method)
    except NewerCardError:
        raise
    except (StageError, OSError, ValueError) as error:
        reason = f"{category} has no whole {method} evaluation ({_reason(error)})"
        raise StageError(f"{reason}: run tocoad retrain {category.dataset} first") from error
    return Evidence(
        category=category,
        judged=judged,
        control=None if method == CONTROL else _read_control(workspace, category),
        card=card,
        package=digest,
        size=sum(file.stat().st_size for file in package.rglob("*") if file.is_file()),
        training=training,
        distances=distances,
        latency=latency,
        gallery=gallery,
        gallery_dir=evaluation / GALLERY_DIR,
        comparison=_read_comparison(workspace, category, digest, judged.report.evaluation_set),
        comparison_dir=workspace.comparison_dir(category),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename} cannot be read"
    if isinstance(error, ValidationError):
        return f"{CARD_FILE} is broken: {error.errors()[0]['msg']}"
    if isinstance(error, ValueError):
        return f"{CARD_FILE} is broken: {error}"
    return str(error).partition(": run the stage")[0].partition("; run the stage")[0]


def _read_comparison(workspace: Workspace, category: Category, package: str, evaluation_set: str) -> Comparison | None:
    """None where it is of another package, or of test images of before."""
    found = read_comparison(workspace.comparison_dir(category))
    if found is None or (found.challenger.package, found.evaluation_set) != (package, evaluation_set):
        return None
    return found


def _read_control(workspace: Workspace, category: Category) -> Judged | None:
    try:
        return _read_judged(evaluation_dir(workspace, category, CONTROL), CONTROL)
    except StageError:
        return None


def _read_distances(workspace: Workspace, category: Category, method: MethodName) -> dict[MethodName, Points]:
    own = read_distances(workspace, category, method)
    found = {} if own is None else {method: own}
    if method != CONTROL:
        with contextlib.suppress(StageError):  # a control that is not whole is left out
            if (other := read_distances(workspace, category, CONTROL)) is not None:
                found[CONTROL] = other
    return found


def _read_judged(folder: Path, method: MethodName) -> Judged:
    return Judged(
        method=method,
        report=read_report(folder),
        images=read_results(folder),
        replicates=read_replicates(folder),
        curves={
            name: read_points(folder / CURVES_DIR / f"{name}.csv", "evaluate", columns)
            for name, columns in CURVES.items()
        },
    )
