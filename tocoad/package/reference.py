"""The reference in a package: what its calibration images were like, for the watch to compare new images with."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tocoad.nn.device import Compute
from tocoad.package.card import REFERENCE_FILE, write_card
from tocoad.package.detector import Detector, PackageError, ScoringModel, embed_images
from tocoad.watch.axes import Axes
from tocoad.watch.reference import AXES, Reference

# Some images of the training part are enough for a few axes, and thousands of them would take minutes.
_AXES_OF = 64


def build_reference(
    model: ScoringModel,
    train: NDArray[np.uint8],
    normals: NDArray[np.uint8],
    scores: NDArray[np.float32],
    compute: Compute,
) -> Reference:
    """Of training images and calibration normals (N, S, S, 3), whose scores are known."""
    chosen = np.linspace(0, len(train) - 1, min(len(train), _AXES_OF)).astype(int)
    axes = Axes.through(embed_images(model, train[chosen], compute), AXES)
    return Reference.of(axes, normals, scores, embed_images(model, normals, compute))


def pack_reference(folder: Path, detector: Detector, reference: Reference) -> Detector:
    """Lays the reference into the package `folder`, which is saved; returns the detector with the card that has it."""
    content = reference.content()
    (folder / REFERENCE_FILE).write_bytes(content)
    card = detector.card.model_copy(update={"reference_sha256": hashlib.sha256(content).hexdigest()})
    write_card(folder, card)
    return detector.with_card(card)


def read_reference(folder: Path, detector: Detector) -> Reference | None:
    """None in a package of before there were any.

    Raises:
        PackageError: it is missing, or not the one that was packaged.
    """
    if (digest := detector.card.reference_sha256) is None:
        return None
    file = folder / REFERENCE_FILE
    try:
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError("its bytes are not those that were saved")
        return Reference.read(content)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise PackageError(f"{file}: {error}: get the package again") from None


def measured(detector: Detector, reference: Reference, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the reference has of its normals, of images (B, S, S, 3) of the detector's size; their scores come first.

    Raises:
        PackageError: the detector's answer to an image is not finite.
    """
    values = reference.measured(images, detector.predict(images).pred_score, detector.embed(images))
    if not np.isfinite(values).all():
        raise PackageError(
            f"the detector of {detector.card.category}: a score or embedding is not finite; train it anew"
        )
    return values
