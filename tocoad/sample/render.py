"""The built-in data set: three rendered categories in the canonical tree, for a first run without own images."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocoad.data.manifest import GOOD
from tocoad.data.threads import thread_pool
from tocoad.files.replacing import replacing
from tocoad.sample import fabric, gear, plate
from tocoad.sample.shapes import Grid
from tocoad.sample.surface import Camera, Surface, visible_change
from tocoad.stages.stage import Progress, ProgressCallback, silent

_THREADS = min(4, os.cpu_count() or 1)
_ATTEMPTS = 50
# A defect that covers less of the picture than this is no fair test.
_MIN_AREA = 4e-4


class _Part(Protocol):
    def surface(self, defect: str | None, rng: np.random.Generator) -> Surface:
        """The part as it lies there; `rng` places the defect and nothing else."""


@dataclass(frozen=True)
class _Category:
    name: str
    part: Callable[[Grid, np.random.Generator], _Part]
    lamp: float
    defects: tuple[str, ...]


CATEGORIES = (
    _Category("fabric", fabric.Fabric, fabric.LAMP, fabric.DEFECTS),
    _Category("gear", gear.Gear, gear.LAMP, gear.DEFECTS),
    _Category("plate", plate.Plate, plate.LAMP, plate.DEFECTS),
)


@dataclass(frozen=True)
class SampleCounts:
    """Images of each category; the defective ones are spread evenly over its kinds of defect."""

    train: int = 40
    test_good: int = 20
    test_defective: int = 20


@dataclass(frozen=True)
class _Shot:
    category: _Category
    part: str
    defect_type: str
    index: int

    @property
    def path(self) -> Path:
        return Path(self.category.name, self.part, self.defect_type, f"{self.index:03d}.png")

    @property
    def mask_path(self) -> Path:
        return Path(self.category.name, "ground_truth", self.defect_type, f"{self.index:03d}_mask.png")


def render_sample(
    target: Path,
    seed: int = 0,
    size: int = 256,
    counts: SampleCounts | None = None,
    progress: ProgressCallback = silent,
) -> None:
    """Replaces `target` by the data set. On one machine, the same bytes for the same seed, size and counts; with other
    instructions a few of a million values are one grey level higher or lower.

    An image depends on the seed and its own path alone, so more counts add images and change none.
    """
    shots = [shot for category in CATEGORIES for shot in _shots(category, counts or SampleCounts())]
    with replacing(target) as folder, thread_pool(_THREADS) as pool:
        for shot in shots:
            (folder / shot.path).parent.mkdir(parents=True, exist_ok=True)
            if shot.defect_type != GOOD:
                (folder / shot.mask_path).parent.mkdir(parents=True, exist_ok=True)
        for done, _ in enumerate(pool.map(lambda shot: _write(folder, shot, seed, size), shots), start=1):
            progress(Progress(done, len(shots)))


def _shots(category: _Category, counts: SampleCounts) -> Iterator[_Shot]:
    for index in range(counts.train):
        yield _Shot(category, "train", GOOD, index)
    for index in range(counts.test_good):
        yield _Shot(category, "test", GOOD, index)
    kinds = len(category.defects)
    for index in range(counts.test_defective):
        yield _Shot(category, "test", category.defects[index % kinds], index // kinds)


def _write(folder: Path, shot: _Shot, seed: int, size: int) -> None:
    image, mask = _render(shot, seed, size)
    # Grain does not compress: level 1 takes a fifth of the default's time for much the same size.
    Image.fromarray(image).save(folder / shot.path, compress_level=1)
    if mask is not None:
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / shot.mask_path)


def _render(shot: _Shot, seed: int, size: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_] | None]:
    """Image and mask. A defective part is also drawn without its defect, under the same light and with the same grain:

    the mask is where the two differ visibly, and outside of it the image is the flawless twin's to the last bit.
    """
    key = (seed, zlib.crc32(shot.path.as_posix().encode()))
    rng = np.random.default_rng(key)
    grid = Grid.of(size)
    part = shot.category.part(grid, rng)
    camera = Camera.draw(rng, size, shot.category.lamp)
    flawless = camera.see(part.surface(None, np.random.default_rng(key)), grid)
    if shot.defect_type == GOOD:
        return camera.expose(flawless), None
    for attempt in range(_ATTEMPTS):
        surface = part.surface(shot.defect_type, np.random.default_rng((*key, attempt)))
        defective = camera.see(surface, grid)
        mask = visible_change(flawless, defective)
        if mask.mean() >= _MIN_AREA:
            return camera.expose(np.where(mask[..., None], defective, flawless)), mask
    raise RuntimeError(f"no visible {shot.defect_type} in {_ATTEMPTS} attempts at {shot.path}, seed {seed}")
