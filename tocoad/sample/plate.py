"""An aligned object: a brushed metal plate with four holes, a slot and a printed mark, always put down the same way."""

from __future__ import annotations

import cv2
import numpy as np

from tocoad.sample import defects
from tocoad.sample.mark import HEIGHT, WIDTH, mark
from tocoad.sample.shapes import Field, Grid, Point, box, circle, smooth_noise
from tocoad.sample.surface import Surface

LAMP = 240.0
DEFECTS = ("dent", "misprint", "missing_hole", "scratch", "stain")

_HALF = (0.80, 0.60)
_HOLES = ((-0.66, -0.46), (0.66, -0.46), (-0.66, 0.46), (0.66, 0.46))
_HOLE = 0.075
_SLOT = (0.0, 0.40)
_PRINT = (-0.02, -0.10)
_PRINT_WIDTH = 1.1
_INK = (0.10, 0.14, 0.30)


class Plate:
    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.bench = grid
        size = grid.size
        self.cloth = smooth_noise(rng, size, 0.8) * 0.6 + smooth_noise(rng, size, size / 60)
        self.bench_tint = rng.normal(0, 0.012)
        x, y = rng.normal(0, 0.012, 2)
        self.place, self.degrees = (float(x), float(y)), float(rng.normal(0, 0.7))
        self.grid = grid.moved(x, y, self.degrees)
        self.brush = smooth_noise(rng, size, (size / 10, 0.4)) + 0.5 * smooth_noise(rng, size, (size / 3, 1.2))
        self.tone = rng.normal(0, 0.012)
        self.print_offset = rng.normal(0, 0.004, 2)
        self.ink = rng.normal(0.90, 0.02)
        self.wear = smooth_noise(rng, size, 0.9)

    def surface(self, defect: str | None, rng: np.random.Generator) -> Surface:
        grid = self.grid
        outline = box(grid, (0, 0), _HALF, 0.09)
        plate = self._blank(outline)
        missing = int(rng.integers(4)) if defect == "missing_hole" else -1
        for number, place in enumerate(_HOLES):
            if number != missing:
                defects.hole(plate, grid, place, _HOLE, 0.022)
        slot = box(grid, _SLOT, (0.24, 0.045), 0.045)
        plate.paint((0.05, 0.055, 0.06), grid.coverage(slot), gloss=0.0)
        plate.height -= (0.02 * np.clip(1 - np.abs(slot) / 0.02, 0, 1)).astype(np.float32)
        self._print(plate, rng if defect == "misprint" else None)
        openings = np.maximum(-slot, -_nearest_hole(grid))
        inside = np.maximum(outline + 0.16, openings + 0.08)
        if defect == "dent":
            defects.dent(plate, grid, rng, defects.pick(rng, grid, inside), rng.uniform(0.05, 0.11))
        elif defect == "scratch":
            solid = np.asarray(np.maximum(outline, openings) + 0.02, np.float32)
            defects.scratch(plate, grid, rng, defects.pick(rng, grid, inside), solid)
        elif defect == "stain":
            colour = ((0.62, 0.45, 0.25), (0.45, 0.50, 0.42), (0.40, 0.40, 0.42))[rng.integers(3)]
            defects.stain(plate, grid, rng, defects.pick(rng, grid, inside), rng.uniform(0.06, 0.16), colour)
        return self._on_bench(plate, outline)

    def _blank(self, outline: Field) -> Surface:
        tone = 0.60 + self.tone
        plate = Surface.flat(self.grid, (tone, tone * 1.01, tone * 1.03), gloss=0.35)
        plate.albedo *= (1 + 0.035 * self.brush)[..., None]
        plate.height += (0.0006 * self.brush).astype(np.float32)
        plate.height += (0.035 * np.clip(-outline / 0.035, 0, 1)).astype(np.float32)
        return plate

    def _print(self, plate: Surface, fault: np.random.Generator | None) -> None:
        """The mark, or with `fault` one that sits askew, was pressed twice, or lacks a part."""
        x, y = _PRINT[0] + self.print_offset[0], _PRINT[1] + self.print_offset[1]
        degrees = 0.0
        kind = int(fault.integers(3)) if fault is not None else -1
        if fault is not None and kind == 0:
            x += fault.choice((-1, 1)) * fault.uniform(0.02, 0.08)
            y += fault.choice((-1, 1)) * fault.uniform(0.02, 0.07)
            degrees = fault.choice((-1, 1)) * fault.uniform(1, 6)
        covered = self._mark((x, y), degrees)
        if fault is not None and kind == 1:
            again = (x + fault.uniform(0.015, 0.035), y + fault.uniform(0.01, 0.03))
            covered = np.maximum(covered, fault.uniform(0.3, 0.7) * self._mark(again, 0.0)).astype(np.float32)
        elif fault is not None and kind == 2:
            left = x + fault.uniform(-0.35, 0.1)
            missing = box(self.grid, (left + 0.12, y), (fault.uniform(0.05, 0.14), 0.3))
            covered *= 1 - self.grid.coverage(missing, 4.0)
        density = np.clip(self.ink + 0.05 * self.wear, 0, 1)
        plate.paint(_INK, np.asarray(covered * density, np.float32), gloss=0.05)

    def _mark(self, centre: Point, degrees: float) -> Field:
        """Coverage of the print with its middle at `centre`, in the plate's coordinates."""
        size = self.grid.size
        turn = np.radians(self.degrees)
        x = self.place[0] + np.cos(turn) * centre[0] - np.sin(turn) * centre[1]
        y = self.place[1] + np.sin(turn) * centre[0] + np.cos(turn) * centre[1]
        x, y = (x + 1) * size / 2 - 0.5, (y + 1) * size / 2 - 0.5
        # From the sheet's pixels to the image's.
        step = _PRINT_WIDTH / WIDTH * size / 2
        c, s = step * np.cos(turn + np.radians(degrees)), step * np.sin(turn + np.radians(degrees))
        across, down = WIDTH / 2, HEIGHT / 2
        matrix = np.array([[c, -s, x - across * c + down * s], [s, c, y - across * s - down * c]])
        # As wide a blur as the print shrinks by, against aliasing.
        soft = cv2.GaussianBlur(mark(), (0, 0), 0.45 / step)
        laid = cv2.warpAffine(soft, matrix, (size, size), flags=cv2.INTER_LINEAR)
        return np.asarray(laid / np.float32(255), np.float32)

    def _on_bench(self, plate: Surface, outline: Field) -> Surface:
        tint = 0.165 + self.bench_tint
        scene = Surface.flat(self.bench, (tint, tint * 1.08, tint * 1.15))
        scene.albedo *= (1 + 0.07 * self.cloth)[..., None]
        shadow = box(self.grid, (0.018, 0.028), _HALF, 0.09)
        scene.albedo *= (1 - 0.6 * self.bench.coverage(shadow, 8.0))[..., None]
        scene.stack(plate, self.bench.coverage(outline))
        return scene


def _nearest_hole(grid: Grid) -> Field:
    return np.asarray(np.min([circle(grid, place, _HOLE) for place in _HOLES], axis=0), np.float32)
