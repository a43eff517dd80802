"""Challenger and champion take turns on the same images in one process: how much slower is the one than the other?

Times of two moments tell more of the machine than of the detectors. In a round one goes first and last and the other
twice between, so that a machine that becomes slower slows both alike; and the median of the rounds' ratios is what one
that is busy now and then moves least.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tocoad.data.images import load_images
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.gate.records import Speed
from tocoad.package.detector import load_detector
from tocoad.settings.sections import Settings

_IMAGES = 8
_WARM_UP = 2
_ROUNDS, _FEWEST_ROUNDS = 20, 5
# After these no round begins, where there were enough: networks that are slow are not timed for minutes.
_SECONDS = 10.0

Image = NDArray[np.uint8]
Detect = Callable[[Image], object]


def duel(folders: Mapping[str, Path], settings: str) -> Speed:
    """On calibration normals: what the line sees is good nearly always, and there are some whatever the test images.

    The folders are those of `comparison_folders`, `settings` are JSON: all can go to a worker, wherever it is.
    """
    chosen, packages = Settings.model_validate_json(settings), (folders["challenger"], folders["champion"])
    manifest = Manifest.load(folders["manifest"] / TRAIN_FILE)
    files = [folders["images"] / record.path for record in manifest.split("calibration")[:_IMAGES]]
    challenger, champion = (load_detector(package, chosen.compute) for package in packages)
    mine, its = (load_images(files, one.image_size, one.card.depth)[:, None] for one in (challenger, champion))
    seconds = take_turns(challenger.predict, champion.predict, list(zip(mine, its, strict=True)))
    return Speed(
        challenger_ms=round(float(np.median(seconds[:, 0])) * 1e3, 3),
        champion_ms=round(float(np.median(seconds[:, 1])) * 1e3, 3),
        ratio=round(float(np.median(seconds[:, 0] / seconds[:, 1])), 4),
        images=len(seconds),
        device=challenger.device,
        challenger_bytes=_bytes(packages[0]),
        champion_bytes=_bytes(packages[1]),
    )


def take_turns(one: Detect, other: Detect, images: Sequence[tuple[Image, Image]]) -> NDArray[np.float64]:
    """Seconds that each took for an image, (rounds, 2). `images` are (1, S, S, 3), each as the one and as the other
    wants it.
    """
    for mine, its in [images[0]] * _WARM_UP:
        one(mine)
        other(its)
    rounds: list[tuple[float, float]] = []
    began = time.perf_counter()
    while len(rounds) < _ROUNDS:
        if len(rounds) >= _FEWEST_ROUNDS and time.perf_counter() - began > _SECONDS:
            break
        mine, its = images[len(rounds) % len(images)]
        before, first, second, after = _timed(one, mine), _timed(other, its), _timed(other, its), _timed(one, mine)
        rounds.append(((before + after) / 2, (first + second) / 2))
    return np.array(rounds)


def _timed(detect: Detect, image: Image) -> float:
    began = time.perf_counter()
    detect(image)
    return time.perf_counter() - began


def _bytes(package: Path) -> int:
    return sum(file.stat().st_size for file in package.rglob("*") if file.is_file())
