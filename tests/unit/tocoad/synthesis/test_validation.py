from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tocoad.settings.sections import GeneratorSettings
from tocoad.synthesis.generator import AnomalyGenerator, SyntheticSample
from tocoad.synthesis.validation import ATTEMPTS, FIRST_STEP, validation_set


def test_every_normal_appears_once_with_an_anomaly_and_once_clean(render_surfaces: Callable[..., np.ndarray]) -> None:
    normals = render_surfaces(3)
    generator = AnomalyGenerator([GeneratorSettings()], normals, None, None, "texture", 0)
    images, gt_masks = validation_set(generator, 9)
    assert gt_masks.any(axis=(1, 2)).tolist() == [True, False] * 4 + [True]
    for number, normal in zip(range(9), (0, 0, 1, 1, 2, 2, 0, 0, 1), strict=True):
        unchanged = ~gt_masks[number]
        assert np.array_equal(images[number][unchanged], normals[normal][unchanged])


def test_two_anomalies_on_the_same_normal_are_different(render_surfaces: Callable[..., np.ndarray]) -> None:
    generator = AnomalyGenerator([GeneratorSettings()], render_surfaces(1), None, None, "texture", 0)
    _, gt_masks = validation_set(generator, 4)
    assert not np.array_equal(gt_masks[0], gt_masks[2])


def test_draws_without_an_anomaly_are_repeated_a_bounded_number_of_times(
    render_surfaces: Callable[..., np.ndarray],
) -> None:
    class Reluctant(AnomalyGenerator):
        def sample(self, image: int, step: int, index: int) -> SyntheticSample:
            steps.append(step)
            return self.clean(image) if step < self.willing_from else super().sample(image, step, index)

    steps: list[int] = []
    generator = Reluctant([GeneratorSettings()], render_surfaces(2), None, None, "texture", 0)
    generator.willing_from = FIRST_STEP + 2
    assert validation_set(generator, 2)[1].any()
    assert steps == [FIRST_STEP, FIRST_STEP + 1, FIRST_STEP + 2]
    steps.clear()
    generator.willing_from = FIRST_STEP + 1000
    assert not validation_set(generator, 2)[1].any()
    assert len(steps) == ATTEMPTS


def test_validation_steps_take_one_place_of_a_key_and_are_not_the_trainings() -> None:
    # numpy pads keys with zeros and splits numbers of 2^32 and more: (s, 2^32, 0) draws what (s, 0, 1) draws.
    assert 10**6 < FIRST_STEP < FIRST_STEP + ATTEMPTS < 2**32
    collision = np.random.default_rng((5, 2**32, 0)).random()
    assert collision == np.random.default_rng((5, 0, 1)).random()
