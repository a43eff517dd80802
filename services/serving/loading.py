"""A detector, loaded and warm: the first request that it answers is not slower than the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from services.mlflow.package_check import BrokenPackageError
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from services.serving.served import Served
from tocoad.package.card import model_sha256, package_sha256
from tocoad.package.detector import Detector, PackageError, load_detector

_WARMING = 2  # images: at the first torch chooses its kernels


def from_folder(folder: Path, others: Iterable[Served]) -> Served:
    """Raises PackageError."""
    loaded = load_detector(folder)
    tensors = model_sha256(folder)
    detector = _with_shared_networks(loaded, tensors, others)
    _warm(detector)
    card = detector.card
    return Served(f"{card.dataset}.{card.category}", detector, package_sha256(folder), tensors)


def from_registry(registry: Registry, version: Version, others: Iterable[Served]) -> Served:
    """Raises BrokenPackageError where the package is not the one that was registered, PackageError where it is none."""
    with registry.package(version) as folder:
        served = from_folder(folder, others)
    if version.tags.get(PACKAGE_TAG, served.package_sha256) != served.package_sha256:
        raise BrokenPackageError(f"{version.name} version {version.version}: its package is not what was registered")
    return replace(served, name=version.name, version=version.version)


def _with_shared_networks(detector: Detector, tensors: str, others: Iterable[Served]) -> Detector:
    """Where one model serves all categories of a data set, its networks are in memory once."""
    for other in others:
        if other.model_sha256 == tensors and other.detector.card.architecture == detector.card.architecture:
            return other.detector.with_card(detector.card)
    return detector


def _warm(detector: Detector) -> None:
    size = detector.image_size
    for _ in range(_WARMING):
        score = detector.predict(np.full((1, size, size, 3), 128, np.uint8)).pred_score[0]
    if not np.isfinite(score):
        raise PackageError(f"{detector.card.category}: the score of a grey image is {score}: train it anew")
