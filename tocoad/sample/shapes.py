"""Shapes as signed distances: negative inside, in the unit of the coordinates, where an image spans -1..1 both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Point = tuple[float, float]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """Coordinates of the pixel centres, each `(size, size)`; `px` is the width of a pixel."""

    size: int
    x: Field
    y: Field
    px: float

    @classmethod
    def of(cls, size: int) -> Grid:
        px = 2.0 / size
        line = ((np.arange(size, dtype=np.float32) + 0.5) * px - 1.0).astype(np.float32)
        x, y = np.meshgrid(line, line)
        return cls(size, x, y, px)

    def moved(self, x: float, y: float, degrees: float) -> Grid:
        """The coordinates of a part that lies at (x, y), turned clockwise as seen on the screen."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        dx, dy = self.x - x, self.y - y
        return Grid(self.size, (c * dx + s * dy).astype(np.float32), (c * dy - s * dx).astype(np.float32), self.px)

    def coverage(self, distance: Field, softness: float = 1.0) -> Field:
        """0..1, antialiased; the edge is `softness` pixels wide."""
        return np.asarray(np.clip(0.5 - distance / (self.px * softness), 0.0, 1.0), np.float32)


def circle(grid: Grid, centre: Point, radius: float) -> Field:
    return np.asarray(np.hypot(grid.x - centre[0], grid.y - centre[1]) - radius, np.float32)


def box(grid: Grid, centre: Point, half: Point, corner: float = 0.0) -> Field:
    """Half width and half height; corners are rounded by the radius `corner`."""
    dx = np.abs(grid.x - centre[0]) - (half[0] - corner)
    dy = np.abs(grid.y - centre[1]) - (half[1] - corner)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return np.asarray(outside + np.minimum(np.maximum(dx, dy), 0) - corner, np.float32)


def polyline(grid: Grid, points: Sequence[Point]) -> Field:
    """Distance to the line itself, never negative: subtract half of the wanted width."""
    nearest = np.full(grid.x.shape, np.inf, np.float32)
    for (ax, ay), (bx, by) in pairwise(points):
        ex, ey = bx - ax, by - ay
        along = ((grid.x - ax) * ex + (grid.y - ay) * ey) / max(ex * ex + ey * ey, 1e-12)
        along = np.clip(along, 0, 1)
        nearest = np.minimum(nearest, np.hypot(grid.x - ax - along * ex, grid.y - ay - along * ey))
    return np.asarray(nearest, np.float32)


def blob(grid: Grid, centre: Point, radius: float, rng: np.random.Generator, roughness: float = 0.35) -> Field:
    """A closed outline whose radius is a random Fourier series of the angle; near enough a distance for soft edges."""
    dx, dy = grid.x - centre[0], grid.y - centre[1]
    angle = np.arctan2(dy, dx)
    outline = np.ones_like(angle)
    for order in range(1, 8):
        outline += roughness / order**1.4 * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    return np.asarray(np.hypot(dx, dy) - radius * np.maximum(outline, 0.3), np.float32)


def smooth_noise(rng: np.random.Generator, size: int, sigma: float | tuple[float, float]) -> Field:
    """White noise blurred by sigma pixels (x, y), of mean 0 and deviation 1."""
    sigma_x, sigma_y = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    # Wide blurs are made on a coarser grid: a kernel of three sigma costs most there and shows least.
    step_x, step_y = max(1, int(sigma_x / 3)), max(1, int(sigma_y / 3))
    noise = rng.standard_normal((-(-size // step_y), -(-size // step_x)), np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), sigmaX=max(sigma_x / step_x, 0.01), sigmaY=max(sigma_y / step_y, 0.01))
    blurred = cv2.resize(blurred, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray((blurred - blurred.mean()) / (blurred.std() + 1e-6), np.float32)
