"""A texture: cloth in plain weave, a little out of line and unevenly spun."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tocoad.sample import defects
from tocoad.sample.shapes import Field, Grid, Point, blob, polyline, smooth_noise
from tocoad.sample.surface import Surface

LAMP = 225.0
DEFECTS = ("broken_thread", "fibre", "hole", "stain")

_WARP, _WEFT = (0.37, 0.44, 0.56), (0.66, 0.65, 0.60)
_FLOOR = (0.10, 0.10, 0.11)
_MARGIN = 0.75


class Fabric:
    """`u` and `v` count the yarns: warp yarn i is where floor(u) = i, and likewise the weft along v."""

    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.grid = grid
        pitch = max(2.0 / 34, 5 * grid.px) * rng.normal(1.0, 0.01)
        turned = grid.moved(rng.uniform(-1, 1), rng.uniform(-1, 1), rng.normal(0, 1.2))
        size = grid.size
        self.u = turned.x / pitch + 0.12 * smooth_noise(rng, size, (size / 20, size / 6))
        self.v = turned.y / pitch + 0.12 * smooth_noise(rng, size, (size / 6, size / 20))
        self.i, self.j = np.floor(self.u).astype(int), np.floor(self.v).astype(int)
        self.pitch = pitch
        self.warp_tint, self.weft_tint = _yarns(rng, self.i, 0.07), _yarns(rng, self.j, 0.09)
        self.warp_width, self.weft_width = 0.93 + _yarns(rng, self.i, 0.035), 0.93 + _yarns(rng, self.j, 0.035)
        self.warp_fluff = smooth_noise(rng, size, (0.5, 1.6))
        self.weft_fluff = smooth_noise(rng, size, (1.6, 0.5))
        self.shade = 1 + 0.025 * smooth_noise(rng, size, size / 12)

    def surface(self, defect: str | None, rng: np.random.Generator) -> Surface:
        grid = self.grid
        centre = (rng.uniform(-_MARGIN, _MARGIN), rng.uniform(-_MARGIN, _MARGIN))
        nowhere = np.zeros(grid.x.shape, np.bool_)
        if defect == "broken_thread":
            return self._broken_thread(rng, centre)
        if defect == "hole":
            torn = blob(grid, centre, rng.uniform(0.05, 0.13), rng, 0.2)
            # Yarns tear one by one: the edge follows the weave.
            ragged = torn + self.pitch * (0.35 * np.cos(np.pi * (self.i * 1.7 + self.j * 2.3)) + 0.15 * self.warp_fluff)
            surface = self._woven(ragged < 0, ragged < 0)
            surface.height -= np.float32(0.02) * grid.coverage(torn + 0.03, 8.0)
            for _ in range(5):
                self._loose_end(surface, rng, centre)
            return surface
        surface = self._woven(nowhere, nowhere)
        if defect == "fibre":
            colour = ((0.70, 0.22, 0.20), (0.16, 0.18, 0.24), (0.90, 0.89, 0.84))[rng.integers(3)]
            defects.fibre(surface, grid, rng, centre, colour)
        elif defect == "stain":
            colour = ((0.42, 0.33, 0.20), (0.30, 0.32, 0.36), (0.62, 0.36, 0.36))[rng.integers(3)]
            defects.stain(surface, grid, rng, centre, rng.uniform(0.10, 0.24), colour)
        return surface

    def _woven(self, no_warp: npt.NDArray[np.bool_], no_weft: npt.NDArray[np.bool_]) -> Surface:
        """Each yarn has a round profile and goes up and down; the higher of the two is seen, or the floor."""
        warp = _round(self.u - self.i - 0.5, self.warp_width) + 0.45 * np.cos(np.pi * (self.v - 0.5 + self.i))
        weft = _round(self.v - self.j - 0.5, self.weft_width) - 0.45 * np.cos(np.pi * (self.u - 0.5 + self.j))
        warp, weft = np.where(no_warp, -2.0, warp), np.where(no_weft, -2.0, weft)
        top = np.maximum(warp, weft)
        surface = Surface.flat(self.grid, _FLOOR)
        surface.height[:] = 0.22 * self.pitch * np.maximum(top, -0.75)
        for yarn, tint, fluff, colour in (
            (warp, self.warp_tint, self.warp_fluff, _WARP),
            (weft, self.weft_tint, self.weft_fluff, _WEFT),
        ):
            # Deep places get less light.
            light = (0.72 + 0.28 * np.clip(yarn, -0.5, 1.2)) * (1 + tint + 0.05 * fluff) * self.shade
            seen = ((yarn >= top) & (top > -0.75)).astype(np.float32)
            surface.paint(np.asarray(light[..., None] * colour, np.float32), seen)
        return surface

    def _broken_thread(self, rng: np.random.Generator, centre: Point) -> Surface:
        """One yarn is missing for some pitches; those that crossed it sag, and its two ends stick out."""
        grid = self.grid
        row, column = int((centre[1] + 1) / grid.px), int((centre[0] + 1) / grid.px)
        half = rng.uniform(1.5, 5.0)
        absent = np.zeros(grid.x.shape, np.bool_)
        if rng.uniform() < 0.5:
            along = self.v - self.v[row, column]
            gap = (self.i == self.i[row, column]) & (np.abs(along) < half)
            surface = self._woven(gap, absent)
        else:
            along = self.u - self.u[row, column]
            gap = (self.j == self.j[row, column]) & (np.abs(along) < half)
            surface = self._woven(absent, gap)
        surface.albedo *= (1 - rng.uniform(0.1, 0.3) * gap)[..., None].astype(np.float32)
        for end in (-half, half):
            there = np.unravel_index(np.argmin(np.where(gap, np.abs(along - end), np.inf)), gap.shape)
            self._loose_end(surface, rng, (float(grid.x[there]), float(grid.y[there])))
        return surface

    def _loose_end(self, surface: Surface, rng: np.random.Generator, start: Point) -> None:
        line = defects.wander(rng, start, rng.uniform(0, 2 * np.pi), self.pitch * rng.uniform(1.2, 2.6), 5, 0.5)
        alpha = self.grid.coverage(polyline(self.grid, line) - max(0.13 * self.pitch, 0.6 * self.grid.px))
        surface.paint((0.80, 0.79, 0.74), alpha)
        surface.height += 0.25 * np.float32(self.pitch) * alpha


def _round(offset: Field, width: Field) -> Field:
    """The half circle of a yarn's cross-section; far below 0 beside it."""
    across = 1 - (2 * offset / width) ** 2
    return np.where(across > 0, np.sqrt(np.maximum(across, 0)) * 0.8, -1.0).astype(np.float32)


def _yarns(rng: np.random.Generator, index: npt.NDArray[np.int_], deviation: float) -> Field:
    """One random number a yarn, spread over the pixels that belong to it."""
    values = rng.normal(0, deviation, int(index.max() - index.min()) + 1)
    return np.asarray(values[index - index.min()], np.float32)
