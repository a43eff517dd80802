"""A category's detector becomes a model version, and the gate says whether it takes the champion's place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from services.mlflow import ledger
from services.mlflow.approval import expired
from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.judging import (
    EVALUATION_SET_TAG,
    METHOD_TAG,
    RULES_TAG,
    Examine,
    Judging,
    Rescore,
    Show,
    about_other,
    judged_version,
    mirror,
)
from services.mlflow.nights import NIGHT_TAG, Night
from services.mlflow.registry import PACKAGE_TAG, PENDING, STATUS_TAG, Registry, Version
from services.mlflow.run import Run
from tocoad.data.images import load_images
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.errors import StageError
from tocoad.evaluation.files import read_candidate, read_report
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.log import Entry
from tocoad.gate.records import Evidence, Verdict
from tocoad.gate.subject import Subject, rules_digest
from tocoad.package.card import package_sha256
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.graph import detector_dir, evaluation_dir, manifest_dir

# Of a run: the version that holds its detector, which may be of an earlier run.
MODEL_TAG = "model"
# MLflow keeps the example as text.
_EXAMPLE_SIZE = 64


class Registration(BaseModel):
    """The version and the gate's verdict on it; `expired`: it was found just now that it waited in vain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    aliases: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    expired: bool = False


def registered(
    workspace: Workspace, category: Category, method: MethodName, settings: Settings, registry: Registry
) -> Registration | None:
    """The registration of the package that lies in the workspace; None where the gate has not spoken of it, or of the
    champion, on the present evaluation set and by the present rules, nor since a person took it down or
    brought it back, and where the version has no record of its night.
    """
    log = DecisionLog(registry, category.model_name)
    try:
        evaluation_set = read_report(evaluation_dir(workspace, category, method)).evaluation_set
    except StageError:
        return None  # told where the category is judged, and of this category alone
    subject = _subject(workspace, category, method, evaluation_set, settings)
    try:
        before = log.settled()
        history = expired(log, before, settings.gate)
        champion = log.champion(history)
    except DecisionLogError:
        return None  # the same
    entry = history.verdict(subject)
    if entry is None or (version := judged_version(registry, log.name, entry)) is None:
        return None
    if NIGHT_TAG not in version.tags:
        return None
    other = champion if champion is not None and champion.version != version.version else None
    if other is not None and history.verdict(about_other(other, subject)) is None:
        return None
    ledger.copy(workspace, category, history)
    expires = history is not before and entry.action == "expire"
    return _registration(registry, version, entry).model_copy(update={"expired": expires})


def register_candidate(
    workspace: Workspace,
    category: Category,
    method: MethodName,
    settings: Settings,
    registry: Registry,
    run: Run,
    rescore: Rescore,
    night: Night,
    examine: Examine = lambda *_: Evidence(),
    show: Show = lambda *_: None,
    stand_in: Rescore | None = None,
) -> Registration:
    """Registers the package, judges it against the champion on the same evaluation set, and moves the alias. `night` is
    what the version says of the workspace in which the package lies; `rescore`, `examine`, `show` and `stand_in` are as
    `Judging` has them.

    It may be broken off anywhere and asked again: what the log of decisions has is not decided twice, and tags, aliases
    and the ledger are made to say the same.

    Raises:
        DecisionLogError: the log cannot be read, or the champion's version is gone.
    """
    folder = detector_dir(workspace, category, method)
    challenger = read_candidate(evaluation_dir(workspace, category, method))
    subject = _subject(workspace, category, method, challenger.evaluation_set, settings)
    version = registry.register(category.model_name, run, folder, _example(workspace, category, settings), {
        PACKAGE_TAG: subject.package,
        EVALUATION_SET_TAG: subject.evaluation_set,
        METHOD_TAG: method,
        RULES_TAG: subject.rules,
        STATUS_TAG: PENDING,
        **night.tags,
        **{name: value for name, value in challenger.metrics.items() if value is not None},
    })  # fmt: skip
    if NIGHT_TAG not in version.tags:  # of a version before there were such records
        registry.set_tags(version, night.tags)
    log = DecisionLog(registry, category.model_name)
    expired(log, log.settled(), settings.gate)
    scores = {subject.package: challenger}
    judging = Judging(
        registry, log, settings.gate, run.run_id, rescore, examine, version, subject, scores, show, stand_in
    )
    entry = judging.settle()
    ledger.copy(workspace, category, log.settled())
    judged = judged_version(registry, log.name, entry) or version
    run.set_tags({MODEL_TAG: judged.uri})
    return _registration(registry, judged, entry)


def _subject(
    workspace: Workspace, category: Category, method: MethodName, evaluation_set: str, settings: Settings
) -> Subject:
    package = package_sha256(detector_dir(workspace, category, method))
    return Subject(method=method, package=package, evaluation_set=evaluation_set, rules=rules_digest(settings))


def _registration(registry: Registry, version: Version, entry: Entry) -> Registration:
    assert entry.decision is not None
    mirror(registry, version, entry)
    return Registration(
        name=version.name,
        version=version.version,
        aliases=version.aliases,
        verdict=entry.decision.verdict,
        reasons=entry.decision.reasons,
    )


def _example(workspace: Workspace, category: Category, settings: Settings) -> NDArray[np.uint8]:
    """A normal image in small, as the signature's example."""
    manifest = Manifest.load(manifest_dir(workspace, category) / TRAIN_FILE)
    record = manifest.split("train")[0]
    size = min(settings.image.size, _EXAMPLE_SIZE)
    images = load_images([workspace.data_dir(category) / record.path], size, manifest.depth)
    first: NDArray[np.uint8] = images[0]
    return first
