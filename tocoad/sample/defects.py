"""Defects that can lie on any surface, drawn from outlines and lines.

Nothing here is shared with `tocoad.synthesis`, so that a detector is not tested on what it was trained with.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tocoad.sample.shapes import Colour, Field, Grid, Point, blob, circle, polyline, smooth_noise
from tocoad.sample.surface import Surface


def pick(rng: np.random.Generator, grid: Grid, inside: Field) -> Point:
    """A point where the distance `inside` is negative, all equally likely."""
    rows, columns = np.nonzero(inside < 0)
    chosen = rng.integers(len(rows))
    return float(grid.x[rows[chosen], columns[chosen]]), float(grid.y[rows[chosen], columns[chosen]])


def wander(
    rng: np.random.Generator,
    start: Point,
    direction: float,
    length: float,
    steps: int,
    bend: float,
    curve: float = 0.0,
) -> list[Point]:
    """A line of `steps` pieces that turns by `curve` radians at each, give or take `bend`."""
    points = [start]
    for _ in range(steps):
        direction += rng.normal(curve, bend)
        x, y = points[-1]
        points.append((x + np.cos(direction) * length / steps, y + np.sin(direction) * length / steps))
    return points


def scratch(surface: Surface, grid: Grid, rng: np.random.Generator, start: Point, within: Field) -> None:
    """A groove with a bright floor, sometimes with a second one beside it; it ends where `within` turns positive."""
    direction, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8)
    depth = rng.uniform(0.3, 1.0)
    for _ in range(rng.integers(1, 3)):
        width = max(rng.uniform(0.004, 0.010), 0.5 * grid.px)
        line = polyline(grid, wander(rng, start, direction, length, 8, 0.05)) - width
        alpha = grid.coverage(np.maximum(line, within), 1.5)
        surface.paint((0.93, 0.93, 0.92), 0.75 * depth * alpha, gloss=0.5)
        surface.height -= np.float32(0.006 * depth) * alpha
        start = (start[0] + rng.normal(0, 0.03), start[1] + rng.normal(0, 0.03))
        length *= rng.uniform(0.4, 0.8)


def stain(
    surface: Surface,
    grid: Grid,
    rng: np.random.Generator,
    centre: Point,
    radius: float,
    colour: Colour,
) -> None:
    """A dried drop: it tints what it covers, most at its rim."""
    edge = blob(grid, centre, radius, rng)
    cloud = 1 + 0.18 * smooth_noise(rng, grid.size, grid.size / 40)
    rim = np.exp(-((edge + 0.012) ** 2) / (2 * 0.012**2))
    density = rng.uniform(0.45, 1.0)
    strength = np.clip(density * grid.coverage(edge, 3.0) * (0.62 * cloud + 0.3 * rim), 0, 1).astype(np.float32)
    tinted = surface.albedo * np.asarray(colour, np.float32)
    surface.paint(tinted, strength, gloss=0.1)


def dent(surface: Surface, grid: Grid, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """A hollow with a raised lip."""
    turned = grid.moved(*centre, rng.uniform(0, 180))
    far = np.hypot(turned.x / rng.uniform(0.8, 1.25), turned.y) / radius
    lip = 0.25 * np.exp(-((far - 1.15) ** 2) / (2 * 0.18**2))
    surface.height -= (radius * rng.uniform(0.12, 0.5) * (np.exp(-((far / 0.62) ** 2)) - lip)).astype(np.float32)


def crack(surface: Surface, grid: Grid, points: Sequence[Point], width: float, within: Field) -> None:
    """A dark jagged gap that thins out towards its end."""
    for piece, (start, end) in enumerate(pairwise(points)):
        thin = max(width * (1 - 0.7 * piece / len(points)), 0.6 * grid.px)
        alpha = grid.coverage(np.maximum(polyline(grid, [start, end]) - thin, within), 1.2)
        surface.paint((0.05, 0.05, 0.06), 0.95 * alpha, gloss=0.0)
        surface.height -= np.float32(0.004) * alpha


def speckles(
    surface: Surface, grid: Grid, rng: np.random.Generator, centre: Point, radius: float, within: Field
) -> None:
    """Rust: a cluster of small orange and brown spots, dense in the middle."""
    for _ in range(rng.integers(22, 40)):
        angle, far = rng.uniform(0, 2 * np.pi), radius * abs(rng.normal(0, 0.5))
        spot = (centre[0] + far * np.cos(angle), centre[1] + far * np.sin(angle))
        size = max(radius * rng.uniform(0.06, 0.24), 0.9 * grid.px)
        edge = np.maximum(blob(grid, spot, size, rng, 0.3), within)
        brown = rng.uniform(0, 1)
        colour = (0.62 - 0.25 * brown, 0.30 - 0.14 * brown, 0.10 - 0.04 * brown)
        surface.paint(colour, grid.coverage(edge, 1.5) * np.float32(rng.uniform(0.6, 0.95)), gloss=0.0)


def fibre(surface: Surface, grid: Grid, rng: np.random.Generator, start: Point, colour: Colour) -> None:
    """A hair or thread that fell onto the part, with its shadow."""
    direction, curve = rng.uniform(0, 2 * np.pi), rng.choice((-1, 1)) * rng.uniform(0.05, 0.22)
    points = wander(rng, start, direction, rng.uniform(0.25, 0.9), 16, 0.12, curve)
    width = max(rng.uniform(0.005, 0.012), 0.6 * grid.px)
    line = polyline(grid, points)
    shadow = polyline(grid, [(x + 0.012, y + 0.016) for x, y in points])
    surface.albedo *= (1 - 0.3 * np.exp(-((shadow / 0.014) ** 2)))[..., None]
    round_top = 1 - 0.35 * np.clip(line / width, 0, 1)
    surface.paint(np.array(colour, np.float32) * round_top[..., None], grid.coverage(line - width), gloss=0.1)


def paint_drop(
    surface: Surface, grid: Grid, rng: np.random.Generator, centre: Point, radius: float, colour: Colour
) -> None:
    """A raised drop of foreign colour with a few splashes."""
    drops = [(centre, radius)]
    for _ in range(rng.integers(2, 5)):
        angle, far = rng.uniform(0, 2 * np.pi), radius * rng.uniform(1.3, 2.0)
        drops.append(
            ((centre[0] + far * np.cos(angle), centre[1] + far * np.sin(angle)), radius * rng.uniform(0.1, 0.25))
        )
    for place, size in drops:
        edge = blob(grid, place, size, rng, 0.12)
        surface.paint(colour, grid.coverage(edge, 1.5), gloss=0.45)
        surface.height += (0.35 * np.sqrt(np.clip(-edge, 0, None) * size)).astype(np.float32) * 0.5


def hole(surface: Surface, grid: Grid, centre: Point, radius: float, bevel: float) -> None:
    """A drilled hole with a bevelled rim; part of the design or, somewhere else, a defect."""
    edge = circle(grid, centre, radius)
    rim = np.clip((edge + bevel) / (2 * bevel), 0, 1)
    surface.height += (0.8 * bevel * (rim - 1) * (edge < bevel)).astype(np.float32)
    surface.paint((0.05, 0.055, 0.06), grid.coverage(edge + bevel * 0.3), gloss=0.0)
