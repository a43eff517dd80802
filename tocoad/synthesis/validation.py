"""Synthetic validation: held-out normals, each once with an anomaly and once clean, before the next one comes."""

from __future__ import annotations

import numpy as np

from tocoad.synthesis.augment import Image
from tocoad.synthesis.generator import AnomalyGenerator, SyntheticSample
from tocoad.synthesis.placement import Mask

# Beyond every training step, so that these draws are never those of the training; below 2^32, see the generator.
FIRST_STEP = 2**31
ATTEMPTS = 10


def validation_set(generator: AnomalyGenerator, count: int) -> tuple[Image, Mask]:
    """`count` images `(count, S, S, 3)` on the generator's normals with their masks `(count, S, S)`.

    The even ones have an anomaly, the odd ones are clean.
    """
    images, gt_masks = [], []
    for number in range(count):
        image = normal_number(number, len(generator.normals))
        sample = generator.clean(image) if number % 2 else _anomalous(generator, image, number)
        images.append(sample.image)
        gt_masks.append(sample.gt_mask)
    return np.stack(images), np.stack(gt_masks)


def normal_number(number: int, normals: int) -> int:
    """Which of so many normals lies under image `number` of the set."""
    return number // 2 % normals


def _anomalous(generator: AnomalyGenerator, image: int, number: int) -> SyntheticSample:
    sample = generator.clean(image)
    for step in range(FIRST_STEP, FIRST_STEP + ATTEMPTS):
        sample = generator.sample(image, step, number)
        if sample.gt_mask.any():
            break
    return sample
