"""A surface with colour and relief, how it is lit, and how a camera sees it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tocoad.sample.shapes import Colour, Field, Grid, smooth_noise

_LIGHT_HEIGHT = 0.9
# A difference about as large as the sensor's grain: below it, nothing of a defect can be seen.
_VISIBLE = 4 / 255


@dataclass
class Surface:
    """`albedo (H, W, 3)` 0..1; `height (H, W)` in the unit of the coordinates; `gloss (H, W)` 0..1."""

    albedo: Field
    height: Field
    gloss: Field

    @classmethod
    def flat(cls, grid: Grid, colour: Colour, gloss: float = 0.0) -> Surface:
        shape = grid.x.shape
        albedo = np.full((*shape, 3), colour, np.float32)
        return cls(albedo, np.zeros(shape, np.float32), np.full(shape, gloss, np.float32))

    def paint(self, colour: Colour | Field, alpha: Field, gloss: float | None = None) -> None:
        """Lays a colour over it; with `gloss`, the covered part shines so much instead."""
        self.albedo += (np.asarray(colour, np.float32) - self.albedo) * alpha[..., None]
        if gloss is not None:
            self.gloss += (gloss - self.gloss) * alpha

    def stack(self, top: Surface, alpha: Field) -> None:
        """Puts another surface on this one where alpha is not 0."""
        self.albedo += (top.albedo - self.albedo) * alpha[..., None]
        self.height += (top.height - self.height) * alpha
        self.gloss += (top.gloss - self.gloss) * alpha


def lit(surface: Surface, grid: Grid, degrees: float) -> Field:
    """Diffuse and glossy light of one lamp from the direction `degrees` (0: right, 90: below); `(H, W, 3)`."""
    slope_y, slope_x = np.gradient(surface.height, grid.px)
    angle = np.radians(degrees)
    to_light = np.array([np.cos(angle), np.sin(angle), _LIGHT_HEIGHT]) / np.hypot(1.0, _LIGHT_HEIGHT)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1.0)
    facing = (-slope_x * to_light[0] - slope_y * to_light[1] + to_light[2]) / length
    diffuse = 0.4 + 0.6 * np.maximum(facing, 0) / to_light[2]
    # The mirror direction between lamp and camera, which looks straight down.
    half = to_light + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    mirrored = (-slope_x * half[0] - slope_y * half[1] + half[2]) / length
    glossy = surface.gloss * (np.maximum(mirrored, 0) ** 24 - half[2] ** 24)
    return np.asarray(surface.albedo * diffuse[..., None] + glossy[..., None], np.float32)


@dataclass(frozen=True)
class Camera:
    """What varies from shot to shot; one camera sees a part and its flawless twin alike."""

    lamp: float
    gain: Field
    noise: Field

    @classmethod
    def draw(cls, rng: np.random.Generator, size: int, lamp: float) -> Camera:
        """The lamp stands near the direction `lamp`; brightness varies by a few per cent over time and field."""
        field = smooth_noise(rng, size, size / 4) * 0.012 + rng.normal(1.0, 0.02)
        grain = rng.standard_normal((size, size, 3), np.float32)
        return cls(lamp + rng.normal(0, 3), field.astype(np.float32), grain)

    def see(self, surface: Surface, grid: Grid) -> Field:
        """The picture before the sensor's noise, slightly soft, `(H, W, 3)` 0..1."""
        picture = lit(surface, grid, self.lamp) * self.gain[..., None]
        return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.55), 0, 1), np.float32)

    def expose(self, picture: Field) -> npt.NDArray[np.uint8]:
        """Adds grain that grows with brightness, and rounds to `uint8`."""
        grain = self.noise * np.sqrt(0.2 + picture) * (1.6 / 255)
        return np.asarray(np.rint(np.clip(picture + grain, 0, 1) * 255), np.uint8)


def visible_change(flawless: Field, defective: Field) -> npt.NDArray[np.bool_]:
    """Where two pictures differ visibly; gaps of two pixels, where a shade happens to be the same, are closed."""
    changed = np.abs(defective - flawless).max(axis=2) > _VISIBLE
    closed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(closed, np.bool_)
