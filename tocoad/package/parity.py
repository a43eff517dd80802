"""The check of a package: does it give, where it is loaded now, what its detector gave when it was packaged?"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from tocoad.errors import StageError
from tocoad.gate.parity import Parity
from tocoad.nn.processor import processor_name
from tocoad.package.card import PROBES_FILE, DetectorCard, Probe, Probes
from tocoad.package.detector import Detector, PackageError, load_detector
from tocoad.package.probes import map_sha256, probe_pixels, probes_sha256, read_map, thinned
from tocoad.settings.sections import ComputeSettings

# Differences that another processor or other versions of the libraries may make, as shares of the greatest value
# (docs/same-bytes.md). In bf16, and where a GPU takes part, one rounding is a share of 1 / 256.
_ROUNDING, _COARSE_ROUNDING = 1e-5, 0.02
_TINY = float(np.finfo(np.float32).tiny)


def check_parity(folder: Path) -> Parity:
    """Loads the package, scores its probes, and compares. A package without probes scores one grey image: libraries may
    have changed since, and weights of another age load and then give nothing.

    Raises:
        OSError: a file that is there cannot be read: the machine's fault, which says nothing of the package.
    """
    try:
        return _compared(folder)
    except StageError as error:
        told = str(error).replace(f"{folder.parent}{os.sep}", "")
        return Parity(fault=f"its package does not work: {told}")


def _compared(folder: Path) -> Parity:
    detector = load_detector(folder, ComputeSettings(device="cpu"))
    probes = detector.card.probes
    if probes is None:
        size = detector.image_size
        score = detector.predict(np.full((1, size, size, 3), 128, np.uint8)).pred_score
        if not np.isfinite(score).all():
            raise PackageError(f"the score of a grey image is {score[0]}")
        return Parity()
    if not (folder / PROBES_FILE).is_file() or probes_sha256(folder) != probes.sha256:
        raise PackageError(f"{folder / PROBES_FILE} is missing, or not the one that was packaged")
    if probes.device == "cuda":
        detector = load_detector(folder)  # on a GPU where there is one
    same_bytes, scores, maps = True, [], []
    with ZipFile(folder / PROBES_FILE) as file:
        for probe in probes.images:
            same, of_score, of_map = _scored(detector, probe, file)
            same_bytes &= same
            scores.append(of_score)
            maps.append(of_map)
    here = processor_name(detector.device)
    return Parity(
        probes=len(probes.images),
        same_bytes=same_bytes,
        score_difference=max(scores) / max(_TINY, *(abs(probe.score) for probe in probes.images)),
        map_difference=max(maps),
        tolerance=_tolerance(detector, probes, here),
        here=here,
        there=probes.processor,
    )


def _scored(detector: Detector, probe: Probe, file: ZipFile) -> tuple[bool, float, float]:
    """Whether the bytes are the same, and the differences of score and map, that of the map as a share of its greatest
    value.
    """
    prediction = detector.predict(probe_pixels(file.read(probe.image), detector.card.depth))
    score, anomaly_map = float(prediction.pred_score[0]), prediction.anomaly_map[0]
    if not (np.isfinite(score) and np.isfinite(anomaly_map).all()):
        raise PackageError(f"the score or map of its probe {probe.image} is not finite")
    same = score == probe.score and map_sha256(anomaly_map) == probe.map_sha256
    return same, abs(score - probe.score), _difference(thinned(anomaly_map), read_map(file.read(probe.map)))


def _difference(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Of the maps, as a share; 1 where their shapes differ."""
    if found.shape != expected.shape:
        return 1.0
    return float(np.abs(found - expected).max() / max(_TINY, float(np.abs(expected).max())))


def _tolerance(detector: Detector, probes: Probes, here: str) -> float:
    """None on the processor and with the libraries that it was packaged with."""
    if (probes.device, probes.processor) == (detector.device, here) and _libraries_are(detector.card):
        return 0.0
    fine = probes.device == detector.device == "cpu" and not detector.card.autocast
    return _ROUNDING if fine else _COARSE_ROUNDING


def _libraries_are(card: DetectorCard) -> bool:
    try:
        return all(version(name) == known for name, known in card.provenance.versions.items())
    except PackageNotFoundError:  # one that is needed no longer
        return False
