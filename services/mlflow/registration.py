"""A category's detector becomes a model version, and the gate says whether it takes the champion's place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from services.mlflow import ledger
from services.mlflow.registry import PACKAGE_TAG, ROLLED_BACK_TAG, Registry, Version
from services.mlflow.run import Run
from tocoad.data.images import load_images
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.evaluation.files import read_candidate
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.decide import decide
from tocoad.gate.records import Candidate, Decision, Verdict
from tocoad.package.card import package_sha256
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.graph import detector_dir, evaluation_dir, manifest_dir

VERDICT_TAG, REASONS_TAG, EVALUATION_SET_TAG = "verdict", "reasons", "evaluation_set"
# Of a run: the version that holds its detector, which may be of an earlier run.
MODEL_TAG = "model"
# MLflow keeps the example as text, which at the size of the networks takes a megabyte.
_EXAMPLE_SIZE = 64

Rescore = Callable[[Path], Candidate]
"""Scores a detector package on the category's present evaluation set."""


class Registration(BaseModel):
    """The version and the gate's verdict on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    aliases: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]


def registered(workspace: Workspace, category: Category, method: MethodName, registry: Registry) -> Registration | None:
    """The registration of the package that lies in the workspace; None where the gate has not spoken on it yet."""
    version = registry.find(category.model_name, package_sha256(detector_dir(workspace, category, method)))
    if version is None or VERDICT_TAG not in version.tags:
        return None
    return _registration(version, version.tags[VERDICT_TAG], tuple(version.tags.get(REASONS_TAG, "").splitlines()))


def register_candidate(
    workspace: Workspace,
    category: Category,
    method: MethodName,
    settings: Settings,
    registry: Registry,
    run: Run,
    rescore: Rescore,
) -> Registration:
    """Registers the package, judges it against the champion on the same evaluation set, and moves the alias.

    The tag of the verdict comes last: until it is there, a retrain judges the version again. One that is champion
    already, because a run broke off before that tag, keeps the verdict of the ledger.
    """
    folder = detector_dir(workspace, category, method)
    challenger = read_candidate(evaluation_dir(workspace, category, method))
    version = registry.register(category.model_name, run, folder, _example(workspace, category, settings), {
        PACKAGE_TAG: package_sha256(folder),
        EVALUATION_SET_TAG: challenger.evaluation_set,
        "method": method,
        **{name: value for name, value in challenger.metrics.items() if value is not None},
    })  # fmt: skip
    run.set_tags({MODEL_TAG: version.uri})
    old = registry.champion(category.model_name)
    decision = _on_record(workspace, category, version) if old is not None and old.version == version.version else None
    if decision is None:
        decision = _unless_rolled_back(_judged(challenger, old, settings, registry, rescore), version)
        entry = {
            "model": category.model_name,
            "version": version.version,
            "champion": None if old is None else old.version,
            "run_id": run.run_id,
            **decision.model_dump(mode="json"),
        }
        ledger.append(workspace, category.dataset, entry)
        if decision.verdict == "promoted":
            registry.set_champion(category.model_name, version.version)
    registry.set_tags(version, {REASONS_TAG: "\n".join(decision.reasons), VERDICT_TAG: decision.verdict})
    return _registration(registry.version(version.name, version.version), decision.verdict, decision.reasons)


def _judged(
    challenger: Candidate, champion: Version | None, settings: Settings, registry: Registry, rescore: Rescore
) -> Decision:
    if champion is None:
        return decide(challenger, None, settings.gate)
    with tempfile.TemporaryDirectory(prefix="tocoad-champion-") as scratch:
        return decide(challenger, rescore(registry.download(champion, Path(scratch))), settings.gate)


def _on_record(workspace: Workspace, category: Category, version: Version) -> Decision | None:
    """The ledger's last verdict on the version."""
    found = [
        {name: entry[name] for name in Decision.model_fields}
        for entry in ledger.verdicts(workspace, category.dataset)
        if (entry["model"], entry["version"]) == (version.name, version.version)
    ]
    return Decision.model_validate(found[-1]) if found else None


def _unless_rolled_back(decision: Decision, version: Version) -> Decision:
    """The same bytes may be trained again; what a person took down only a person brings back."""
    why = version.tags.get(ROLLED_BACK_TAG)
    if why is None or decision.verdict != "promoted":
        return decision
    reason = f"version {version.version} was rolled back ({why}): only tocoad promote makes it champion again"
    return decision.model_copy(update={"verdict": "kept", "reasons": (reason, *decision.reasons)})


def _registration(version: Version, verdict: str, reasons: tuple[str, ...]) -> Registration:
    return Registration.model_validate(
        {
            "name": version.name,
            "version": version.version,
            "aliases": version.aliases,
            "verdict": verdict,
            "reasons": reasons,
        }
    )


def _example(workspace: Workspace, category: Category, settings: Settings) -> NDArray[np.uint8]:
    """A normal image in small, as the signature's example."""
    manifest = Manifest.load(manifest_dir(workspace, category) / TRAIN_FILE)
    record = manifest.split("train")[0]
    size = min(settings.image.size, _EXAMPLE_SIZE)
    images = load_images([workspace.data_dir(category) / record.path], size, manifest.depth)
    first: NDArray[np.uint8] = images[0]
    return first
