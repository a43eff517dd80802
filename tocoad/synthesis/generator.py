"""The anomaly generator G: mask source x content source x blend, optionally kept on the object.

See methods.md: synthetic anomalies.

Draws are keyed by (seed, step, index). Keys are padded with zeros by numpy, and a number of 2^32 or more takes two
places of a key: so a key of another purpose ends in a number that is not zero, and steps stay below 2^32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocoad.errors import SettingsError
from tocoad.settings.sections import GeneratorSettings
from tocoad.synthesis.augment import Image
from tocoad.synthesis.blend import LARGEST_OPACITY, alpha_blend, changed_mask, paste
from tocoad.synthesis.content import copied_content, structure_content, texture_content
from tocoad.synthesis.foreground import Kind
from tocoad.synthesis.masks import MASK_SOURCES, MaskSource, area_allowed
from tocoad.synthesis.placement import Mask, place
from tocoad.synthesis.poisson import poisson_blend

MASK_ATTEMPTS = 50
SAMPLE_ATTEMPTS = 5
GOLDEN = (5.0**0.5 - 1.0) / 2.0

_CLEAN = 1


@dataclass(frozen=True)
class SyntheticSample:
    """`image` uint8 `(S, S, 3)` RGB differs from its normal image exactly where `gt_mask` bool `(S, S)` allows it."""

    image: Image
    gt_mask: Mask


def resolve_contents(recipes: Sequence[GeneratorSettings], *, has_textures: bool) -> tuple[GeneratorSettings, ...]:
    """The recipes with what `auto` means here. SettingsError where textures are asked for and there are none."""
    if any(recipe.content == "texture" for recipe in recipes) and not has_textures:
        raise SettingsError("content: texture needs synthesis.texture_dir, a folder of texture images")
    default = "texture" if has_textures else "structure"
    return tuple(
        recipe.model_copy(update={"content": default}) if recipe.content == "auto" else recipe for recipe in recipes
    )


class AnomalyGenerator:
    """Makes anomalies on `normals` uint8 `(N, S, S, 3)` RGB; what it draws depends on (seed, step, index) alone.

    Of several `recipes` every sample takes one, all equally likely.

    `foreground` bool `(N, S, S)`, none of them empty, keeps the anomalies on the object. `textures` uint8
    `(T, S, S, 3)`. The side S is a multiple of 32. Poisson blending is normal for objects and mixed for textures.
    """

    def __init__(
        self,
        recipes: Sequence[GeneratorSettings],
        normals: Image,
        foreground: Mask | None,
        textures: Image | None,
        kind: Kind,
        seed: int,
    ) -> None:
        self.recipes = resolve_contents(recipes, has_textures=textures is not None)
        self.kind = kind
        self.seed = seed
        self.normals = normals
        self.foreground = foreground
        self._textures = textures

    def sample(self, image: int, step: int, index: int) -> SyntheticSample:
        """An anomaly on normal number `image`. Clean in the rare case that no draw gave an allowed mask."""
        rng = np.random.default_rng((self.seed, step, index))
        recipe = self.recipes[int(rng.integers(len(self.recipes)))] if len(self.recipes) > 1 else self.recipes[0]
        normal = self.normals[image]
        for _ in range(SAMPLE_ATTEMPTS):
            regions = self._regions(rng, image, MASK_SOURCES[recipe.mask])
            blended = normal
            for region in regions:
                blended = self._blend(rng, recipe, blended, self._fill(rng, recipe, image, region), region)
            gt_mask = changed_mask(normal, blended, np.logical_or.reduce(regions)) if regions else None
            if gt_mask is not None and area_allowed(gt_mask):
                return SyntheticSample(paste(normal, blended, gt_mask), gt_mask)
        return self.clean(image)

    def clean(self, image: int) -> SyntheticSample:
        """Normal number `image` as it is, with an empty mask."""
        normal = self.normals[image]
        return SyntheticSample(normal.copy(), np.zeros(normal.shape[:2], dtype=np.bool_))

    def batch(self, step: int, images: Sequence[int], clean_fraction: float, first: int = 0) -> tuple[Image, Mask]:
        """Samples `(B, S, S, 3)` and their masks `(B, S, S)`, their position in the batch, from `first` on, as index;
        some stay clean.
        """
        samples = [
            self.clean(image) if self.stays_clean(step, index, clean_fraction) else self.sample(image, step, index)
            for index, image in enumerate(images, first)
        ]
        return np.stack([s.image for s in samples]), np.stack([s.gt_mask for s in samples])

    def stays_clean(self, step: int, index: int, clean_fraction: float) -> bool:
        """Multiples of the golden ratio from a random start: every batch comes close to the wanted share."""
        start = np.random.default_rng((self.seed, step, 0, _CLEAN)).random()
        return (start + index * GOLDEN) % 1.0 < clean_fraction

    def _regions(self, rng: np.random.Generator, image: int, source: MaskSource) -> list[Mask]:
        """The regions of one sample, their union of an allowed area; empty when none was found."""
        for _ in range(MASK_ATTEMPTS):
            regions = [self._region(rng, image, source) for _ in range(source.count(rng))]
            if area_allowed(np.logical_or.reduce(regions)):
                return [region for region in regions if region.any()]
        return []

    def _region(self, rng: np.random.Generator, image: int, source: MaskSource) -> Mask:
        mask = source.draw(rng, self.normals.shape[1])
        if self.foreground is None:
            return mask
        foreground = self.foreground[image]
        return place(rng, mask, foreground) if source.placed else mask & foreground

    def _fill(self, rng: np.random.Generator, recipe: GeneratorSettings, image: int, region: Mask) -> Image:
        if recipe.content == "texture":
            assert self._textures is not None
            return texture_content(rng, self._textures)
        if recipe.content == "structure":
            return structure_content(rng, self.normals[image])
        source = image if recipe.content == "same_image" else self._other(rng, image)
        foreground = None if self.foreground is None else self.foreground[source]
        return copied_content(rng, self.normals[source], foreground, region, zoomed=MASK_SOURCES[recipe.mask].zoomed)

    def _other(self, rng: np.random.Generator, image: int) -> int:
        """Any other normal image; the same one where there is no other."""
        count = len(self.normals)
        return (image + int(rng.integers(1, count))) % count if count > 1 else image

    def _blend(
        self, rng: np.random.Generator, recipe: GeneratorSettings, image: Image, content: Image, region: Mask
    ) -> Image:
        if recipe.blend == "poisson":
            return poisson_blend(image, content, region, mixed=self.kind == "texture")
        # A copied patch is pasted as it is (CutPaste); only what is foreign to the image shines through (DRAEM).
        foreign = recipe.content in ("texture", "structure")
        return alpha_blend(image, content, region, LARGEST_OPACITY * rng.random() if foreign else 0.0)
