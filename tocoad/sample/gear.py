"""An object in any rotation: a turned steel gear, dropped somewhere near the middle of a conveyor belt."""

from __future__ import annotations

import numpy as np

from tocoad.sample import defects
from tocoad.sample.shapes import Field, Grid, Point, box, circle, smooth_noise
from tocoad.sample.surface import Surface

LAMP = 215.0
DEFECTS = ("blocked_hole", "broken_tooth", "crack", "paint", "rust")

_TEETH, _BOLTS = 16, 5
_ROOT, _TIP = 0.60, 0.73
_BORE, _HUB, _BOLT_CIRCLE, _BOLT = 0.145, 0.245, 0.42, 0.082


class Gear:
    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.belt = grid
        size = grid.size
        x, y = rng.uniform(-0.07, 0.07, 2)
        self.place: Point = (float(x), float(y))
        self.grid = grid.moved(*self.place, float(rng.uniform(0, 360)))
        self.radius = np.hypot(self.grid.x, self.grid.y)
        self.angle = np.arctan2(self.grid.y, self.grid.x)
        self.weave = smooth_noise(rng, size, (0.5, 2.2)) + 0.8 * smooth_noise(rng, size, size / 30)
        self.belt_tint = rng.normal(0, 0.012)
        self.tone = rng.normal(0, 0.015)
        # Turning leaves fine rings: noise along the radius alone.
        rings = np.convolve(rng.standard_normal(400), np.hanning(5), mode="same")
        self.rings = np.interp(self.radius, np.linspace(0, 1.5, 400), rings).astype(np.float32)
        self.patina = smooth_noise(rng, size, size / 25)

    def surface(self, defect: str | None, rng: np.random.Generator) -> Surface:
        grid = self.grid
        outline = self._outline(rng if defect == "broken_tooth" else None)
        blocked = int(rng.integers(_BOLTS)) if defect == "blocked_hole" else -1
        open_bolts = [place for number, place in enumerate(_bolts()) if number != blocked]
        opening = np.minimum(circle(grid, (0, 0), _BORE), box(grid, (0, -_BORE), (0.042, 0.055)))
        for place in open_bolts:
            opening = np.minimum(opening, circle(grid, place, _BOLT))
        solid = np.maximum(outline, -opening).astype(np.float32)
        gear = self._steel(solid)
        if blocked >= 0:
            self._plug(gear, rng, _bolts()[blocked])
        self._spoil(gear, defect, rng, solid)
        return self._on_belt(gear, outline, solid)

    def _outline(self, fault: np.random.Generator | None) -> Field:
        """Teeth as a smoothed trapezoid wave of the angle; with `fault`, one to three of them are broken off."""
        wave = np.cos(_TEETH * self.angle)
        height = np.clip(0.5 + 1.15 * wave, 0, 1)
        edge = self.radius - (_ROOT + (_TIP - _ROOT) * height)
        # The radial difference is no distance at the steep flanks.
        slope = np.hypot(1.0, (_TIP - _ROOT) * 1.15 * _TEETH * np.sin(_TEETH * self.angle) / self.radius.clip(0.1))
        outline = edge / np.where((height > 0) & (height < 1), slope, 1.0)
        if fault is not None:
            tooth = 2 * np.pi * int(fault.integers(_TEETH)) / _TEETH
            broken, depth = int(fault.integers(1, 4)), fault.uniform(0.07, 0.125)
            jagged = 0.014 * np.cos(31 * self.angle + 1) + 0.01 * np.cos(57 * self.angle)
            turn = np.abs(np.angle(np.exp(1j * (self.angle - tooth - np.pi * (broken - 1) / _TEETH))))
            cut = np.where(turn < np.pi * broken / _TEETH, self.radius - (_TIP - depth) - jagged, -1.0)
            outline = np.maximum(outline, cut)
        return np.asarray(outline, np.float32)

    def _steel(self, solid: Field) -> Surface:
        tone = 0.50 + self.tone
        gear = Surface.flat(self.grid, (tone, tone, tone * 1.02), gloss=0.45)
        gear.albedo *= (1 + 0.025 * self.rings + 0.02 * self.patina)[..., None]
        gear.height += (0.0003 * self.rings).astype(np.float32)
        gear.height += (0.03 * np.clip(-solid / 0.028, 0, 1)).astype(np.float32)
        for radius, width, step in ((_HUB, 0.018, 0.022), (0.53, 0.018, -0.016)):
            gear.height += (step * np.clip((radius - self.radius) / width, -1, 1)).astype(np.float32)
        return gear

    def _plug(self, gear: Surface, rng: np.random.Generator, place: Point) -> None:
        """Swarf or cast skin that fills a bolt hole: rough, dull and a little lower."""
        edge = circle(self.grid, place, _BOLT)
        alpha = self.grid.coverage(edge, 2.0)
        rough = smooth_noise(rng, self.grid.size, self.grid.size / 90)
        grey = np.repeat((0.36 + 0.05 * rough)[..., None], 3, axis=2).astype(np.float32)
        gear.paint(grey, alpha, gloss=0.05)
        gear.height += ((0.004 * rough - 0.02) * alpha).astype(np.float32)

    def _spoil(self, gear: Surface, defect: str | None, rng: np.random.Generator, solid: Field) -> None:
        if defect == "crack":
            start = rng.uniform(0, 2 * np.pi)
            near, far = ((_HUB * 0.75, 0.42), (0.33, 0.62))[rng.integers(2)]
            points: list[Point] = []
            for radius in np.linspace(near, far, 9):
                start += rng.normal(0, 0.07) * 0.3 / radius
                points.append((float(radius * np.cos(start)), float(radius * np.sin(start))))
            defects.crack(gear, self.grid, points[:: rng.choice((-1, 1))], rng.uniform(0.008, 0.013), solid + 0.01)
            return
        if defect not in ("rust", "paint"):
            return
        ring = np.maximum(self.radius - 0.62, 0.22 - self.radius)
        centre = defects.pick(rng, self.grid, np.maximum(solid + 0.04, ring))
        if defect == "rust":
            defects.speckles(gear, self.grid, rng, centre, rng.uniform(0.10, 0.18), solid)
        else:
            colour = ((0.72, 0.10, 0.08), (0.85, 0.70, 0.10), (0.10, 0.25, 0.60))[rng.integers(3)]
            defects.paint_drop(gear, self.grid, rng, centre, rng.uniform(0.04, 0.075), colour)

    def _on_belt(self, gear: Surface, outline: Field, solid: Field) -> Surface:
        tint = 0.20 + self.belt_tint
        scene = Surface.flat(self.belt, (tint * 0.62, tint * 1.05, tint * 0.86))
        scene.albedo *= (1 + 0.06 * self.weave)[..., None]
        # The lamp stands at the upper left: the shadow falls to the lower right whatever the gear's rotation.
        shadow = self.belt.coverage(_shifted(outline, self.belt, 0.03), 9.0)
        scene.albedo *= (1 - 0.6 * shadow)[..., None]
        scene.stack(gear, self.belt.coverage(solid))
        return scene


def _bolts() -> list[Point]:
    angles = 2 * np.pi * (np.arange(_BOLTS) + 0.5) / _BOLTS
    return [(float(_BOLT_CIRCLE * np.cos(a)), float(_BOLT_CIRCLE * np.sin(a))) for a in angles]


def _shifted(field: Field, grid: Grid, by: float) -> Field:
    pixels = max(round(by / grid.px), 1)
    return np.asarray(np.roll(field, (pixels, pixels), axis=(0, 1)))
