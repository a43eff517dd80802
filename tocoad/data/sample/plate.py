"""An aligned object: a brushed metal plate with four holes, a slot and a printed mark, always put down the same way."""

from __future__ import annotations

import cv2
import numpy as np

from tocoad.data.sample import defects
from tocoad.data.sample.shapes import Field, Grid, Point, box, smooth_noise
from tocoad.data.sample.surface import Surface

LAMP = 240.0
DEFECTS = ("dent", "misprint", "missing_hole", "scratch", "stain")

_HALF = (0.80, 0.60)
_HOLES = ((-0.66, -0.46), (0.66, -0.46), (-0.66, 0.46), (0.66, 0.46))
_SLOT = (0.0, 0.40)
_PRINT = (-0.02, -0.10)
_INK = (0.10, 0.14, 0.30)


class Plate:
    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.bench = grid
        size = grid.size
        self.cloth = smooth_noise(rng, size, 0.8) * 0.6 + smooth_noise(rng, size, size / 60)
        self.bench_tint = rng.normal(0, 0.012)
        x, y = rng.normal(0, 0.008, 2)
        self.grid = grid.moved(float(x), float(y), float(rng.normal(0, 0.5)))
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
                defects.hole(plate, grid, place, 0.075, 0.022)
        slot = box(grid, _SLOT, (0.24, 0.045), 0.045)
        plate.paint((0.05, 0.055, 0.06), grid.coverage(slot), gloss=0.0)
        plate.height -= (0.02 * np.clip(1 - np.abs(slot) / 0.02, 0, 1)).astype(np.float32)
        self._print(plate, rng if defect == "misprint" else None)
        inside = np.maximum(outline + 0.16, np.maximum(-slot, -_nearest_hole(grid)) + 0.08)
        if defect == "dent":
            defects.dent(plate, grid, rng, defects.pick(rng, grid, inside), rng.uniform(0.06, 0.12))
        elif defect == "scratch":
            solid = np.maximum(outline, np.maximum(-slot, -_nearest_hole(grid))) + 0.02
            defects.scratch(plate, grid, rng, defects.pick(rng, grid, inside), solid)
        elif defect == "stain":
            colour = ((0.62, 0.45, 0.25), (0.45, 0.50, 0.42), (0.40, 0.40, 0.42))[rng.integers(3)]
            defects.stain(plate, grid, rng, defects.pick(rng, grid, inside), rng.uniform(0.08, 0.17), colour)
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
            x, y = (
                x + fault.choice((-1, 1)) * fault.uniform(0.05, 0.10),
                y + fault.choice((-1, 1)) * fault.uniform(0.05, 0.09),
            )
            degrees = fault.choice((-1, 1)) * fault.uniform(4, 9)
        mark = self._mark((x, y), degrees)
        if fault is not None and kind == 1:
            mark = np.maximum(mark, 0.7 * self._mark((x + 0.035, y + fault.uniform(0.02, 0.035)), 0))
        elif fault is not None and kind == 2:
            left = x + fault.uniform(-0.35, 0.1)
            missing = box(self.grid, (left + 0.12, y), (fault.uniform(0.10, 0.16), 0.3))
            mark = mark * (1 - self.grid.coverage(missing, 4.0))
        ink = np.clip(self.ink + 0.05 * self.wear, 0, 1).astype(np.float32)
        plate.paint(_INK, (mark * ink).astype(np.float32), gloss=0.05)

    def _mark(self, centre: Point, degrees: float) -> Field:
        """Coverage of the print: a company sign, a type number and a bar code, drawn large and then laid down."""
        size = self.grid.size
        scale = size / 256
        sheet = np.zeros((512, 1024), np.uint8)
        cv2.circle(sheet, (110, 150), 92, 255, 26, cv2.LINE_AA)
        cv2.fillPoly(sheet, [np.array([(110, 92), (162, 188), (58, 188)])], 255, cv2.LINE_AA)
        cv2.putText(sheet, "TC-208", (250, 222), cv2.FONT_HERSHEY_DUPLEX, 6.2, 255, 20, cv2.LINE_AA)
        position = 40
        for bar in (3, 1, 2, 1, 1, 3, 2, 1, 3, 1, 1, 2, 3, 1, 2, 2, 1, 3, 1, 2, 1, 1, 3):
            cv2.rectangle(sheet, (position, 320), (position + bar * 12, 460), 255, -1)
            position += bar * 12 + 20
        # Sheet pixels to image pixels: 1024 sheet pixels are as wide as 1.1 units of the plate.
        step = 1.1 / 1024 * size / 2
        angle = np.radians(degrees)
        c, s = step * np.cos(angle), step * np.sin(angle)
        x, y = _to_pixels(self.bench, self.grid, centre)
        matrix = np.array([[c, -s, x - 512 * c + 256 * s], [s, c, y - 512 * s - 256 * c]])
        soft = cv2.GaussianBlur(sheet, (0, 0), 1.6 / scale)
        laid = cv2.warpAffine(soft, matrix, (size, size), flags=cv2.INTER_LINEAR)
        return np.asarray(laid, np.float32) / 255

    def _on_bench(self, plate: Surface, outline: Field) -> Surface:
        tint = 0.165 + self.bench_tint
        scene = Surface.flat(self.bench, (tint, tint * 1.08, tint * 1.15))
        scene.albedo *= (1 + 0.07 * self.cloth)[..., None]
        shadow = box(self.grid, (0.018, 0.028), _HALF, 0.09)
        scene.albedo *= (1 - 0.6 * self.bench.coverage(shadow, 8.0))[..., None]
        scene.stack(plate, self.bench.coverage(outline))
        return scene


def _nearest_hole(grid: Grid) -> Field:
    return np.min([np.hypot(grid.x - x, grid.y - y) - 0.075 for x, y in _HOLES], axis=0).astype(np.float32)


def _to_pixels(bench: Grid, grid: Grid, point: Point) -> Point:
    """The image position, in pixels, of a point given in the plate's coordinates."""
    row, column = np.unravel_index(np.argmin(np.hypot(grid.x - point[0], grid.y - point[1])), grid.x.shape)
    # The plate is turned by next to nothing: between pixels, its coordinates are the image's, moved.
    dx, dy = point[0] - grid.x[row, column], point[1] - grid.y[row, column]
    return float(column + dx / bench.px), float(row + dy / bench.px)
