from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest

from tocoad.errors import SettingsError
from tocoad.settings.sections import GeneratorSettings
from tocoad.synthesis import generator as module
from tocoad.synthesis.generator import AnomalyGenerator, resolve_contents
from tocoad.synthesis.masks import LARGEST_AREA, MASK_SOURCES, SMALLEST_AREA, MaskSource

CONTENTS = ("texture", "structure", "other_image", "same_image")
BLENDS = get_args(GeneratorSettings.model_fields["blend"].annotation)
MASKS = get_args(GeneratorSettings.model_fields["mask"].annotation)
Make = Callable[..., AnomalyGenerator]


@pytest.fixture
def make(render_objects: Callable[..., tuple], render_surfaces: Callable[..., np.ndarray]) -> Make:
    def make(
        mask: str = "perlin",
        content: str = "structure",
        blend: str = "alpha",
        *,
        kind: str = "texture",
        seed: int = 0,
        size: int = 64,
    ) -> AnomalyGenerator:
        images, foreground = render_objects(size=size) if kind == "object" else (render_surfaces(size=size), None)
        textures = np.random.default_rng(9).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
        settings = GeneratorSettings(mask=mask, content=content, blend=blend)
        return AnomalyGenerator([settings], images, foreground, textures, kind, seed)

    return make


def test_every_mask_source_of_the_settings_exists() -> None:
    assert set(MASK_SOURCES) == set(MASKS)


@pytest.mark.parametrize("kind", ["object", "texture"])
@pytest.mark.parametrize(("mask", "content", "blend"), itertools.product(MASKS, CONTENTS, BLENDS))
def test_an_image_differs_from_its_normal_inside_the_mask_only(
    make: Make, mask: str, content: str, blend: str, kind: str
) -> None:
    generator = make(mask, content, blend, kind=kind)
    anomalous = 0
    for index in range(12):
        normal = generator.normals[index % 6]
        sample = generator.sample(index % 6, 0, index)
        assert sample.image.shape == (64, 64, 3)
        assert sample.image.dtype == np.uint8
        assert sample.gt_mask.shape == (64, 64)
        assert sample.gt_mask.dtype == np.bool_
        differs = (sample.image != normal).any(axis=2)
        assert not (differs & ~sample.gt_mask).any()
        if sample.gt_mask.any():
            anomalous += 1
            assert SMALLEST_AREA <= sample.gt_mask.mean() <= LARGEST_AREA
            assert differs[sample.gt_mask].mean() > 0.5
    assert anomalous >= 10


@pytest.mark.parametrize("mask", MASKS)
def test_anomalies_lie_on_the_object_mostly(make: Make, mask: str) -> None:
    generator = make(mask, "texture", kind="object")
    assert generator.foreground is not None
    for index in range(30):
        gt_mask = generator.sample(index % 6, 1, index).gt_mask
        on_object = (gt_mask & generator.foreground[index % 6]).sum()
        # A patch lies on the object by half; several patches may overlap where they do.
        assert on_object >= (1.0 if mask in ("perlin", "two_perlin") else 0.35) * gt_mask.sum()


def test_samples_do_not_depend_on_the_order_of_calls_or_the_number_of_workers(make: Make) -> None:
    keys = [(index % 6, step, index) for step in range(3) for index in range(8)]
    expected = [make().sample(*key) for key in keys]
    backwards = make()
    for key, sample in reversed(list(zip(keys, expected, strict=True))):
        again = backwards.sample(*key)
        assert np.array_equal(again.image, sample.image)
        assert np.array_equal(again.gt_mask, sample.gt_mask)
    shared = make()
    with ThreadPoolExecutor(4) as pool:
        for again, sample in zip(pool.map(lambda key: shared.sample(*key), keys), expected, strict=True):
            assert np.array_equal(again.image, sample.image)


def test_seed_step_and_index_each_change_the_sample(make: Make) -> None:
    first = make().sample(0, 5, 3).gt_mask
    others = (make(seed=1).sample(0, 5, 3), make().sample(0, 6, 3), make().sample(0, 5, 4))
    assert not any(np.array_equal(first, other.gt_mask) for other in others)


def test_a_batch_is_its_samples_and_its_clean_images(make: Make) -> None:
    generator = make()
    order = [3, 0, 5, 1, 1, 2, 4, 0]
    images, gt_masks = generator.batch(7, order, 0.5)
    assert images.shape == (8, 64, 64, 3)
    assert gt_masks.shape == (8, 64, 64)
    clean = [generator.stays_clean(7, index, 0.5) for index in range(8)]
    assert 0 < sum(clean) < 8
    for index, image in enumerate(order):
        if clean[index]:
            assert np.array_equal(images[index], generator.normals[image])
            assert not gt_masks[index].any()
        else:
            assert np.array_equal(images[index], generator.sample(image, 7, index).image)


def test_a_smaller_batch_is_the_beginning_of_a_larger_one(make: Make) -> None:
    generator = make("rectangle")
    large, _ = generator.batch(2, [0, 1, 2, 3, 4, 5], 0.3)
    small, _ = generator.batch(2, [0, 1, 2], 0.3)
    assert np.array_equal(large[:3], small)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_the_wanted_share_stays_clean_in_the_long_run_and_nearly_in_each_batch(make: Make, fraction: float) -> None:
    generator = make()
    counts = np.array([[generator.stays_clean(step, i, fraction) for i in range(16)] for step in range(400)]).sum(
        axis=1
    )
    assert counts.mean() / 16 == pytest.approx(fraction, abs=0.01)
    assert np.abs(counts - 16 * fraction).max() <= 2


def test_the_clean_share_is_no_matter_of_the_position_in_the_batch(make: Make) -> None:
    generator = make()
    clean = np.array([[generator.stays_clean(step, i, 0.5) for i in range(8)] for step in range(1000)])
    assert clean.mean(axis=0) == pytest.approx(np.full(8, 0.5), abs=0.06)


def test_normals_are_never_changed(make: Make) -> None:
    generator = make("nsa", "other_image", "poisson")
    before = generator.normals.copy()
    images, _ = generator.batch(0, [0, 1, 2, 3], 0.5)
    images[:] = 0
    assert np.array_equal(generator.normals, before)


def test_where_no_mask_is_allowed_the_sample_is_clean(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "area_allowed", lambda mask: False)
    generator = make()
    sample = generator.sample(2, 0, 0)
    assert np.array_equal(sample.image, make().normals[2])
    assert not sample.gt_mask.any()
    sample.image[:] = 0
    assert np.array_equal(generator.normals, make().normals)


def test_masks_too_small_or_too_large_are_drawn_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = np.zeros((64, 64), dtype=np.bool_)
    wanted[10:20, 10:30] = True
    drawn = iter((np.ones_like(wanted), np.zeros_like(wanted), wanted))
    generator = make(content="texture")
    source = MaskSource(lambda rng, size: next(drawn), placed=False)
    monkeypatch.setattr(module, "MASK_SOURCES", {"perlin": source})
    gt_mask = generator.sample(0, 0, 0).gt_mask
    assert gt_mask.any()
    assert not (gt_mask & ~wanted).any()
    assert next(drawn, None) is None


def test_textures_shine_through_and_copies_do_not(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    used: dict[str, list[float]] = {content: [] for content in CONTENTS}
    real = module.alpha_blend
    for content, opacities in used.items():

        def record(image, content, mask, opacity, opacities=opacities):
            opacities.append(opacity)
            return real(image, content, mask, opacity)

        monkeypatch.setattr(module, "alpha_blend", record)
        for index in range(30):
            make("rectangle", content).sample(0, 0, index)
    for content in ("texture", "structure"):
        assert 0.0 <= min(used[content]) < 0.1
        assert 0.7 < max(used[content]) <= 0.8
    for content in ("other_image", "same_image"):
        assert set(used[content]) == {0.0}


@pytest.mark.parametrize(("kind", "mixed"), [("object", False), ("texture", True)])
def test_poisson_blending_is_mixed_for_textures_only(
    make: Make, monkeypatch: pytest.MonkeyPatch, kind: str, mixed: bool
) -> None:
    seen = set()
    real = module.poisson_blend
    monkeypatch.setattr(
        module, "poisson_blend", lambda *arguments, mixed: (seen.add(mixed), real(*arguments, mixed=mixed))[1]
    )
    make("rectangle", "other_image", "poisson", kind=kind).sample(0, 0, 0)
    assert seen == {mixed}


def test_other_images_are_other_images_and_all_of_them(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = make("rectangle", "other_image")
    sources = []
    real = module.copied_content

    def record(rng, source, *rest, **options):
        sources.append(next(i for i, normal in enumerate(generator.normals) if np.shares_memory(normal, source)))
        return real(rng, source, *rest, **options)

    monkeypatch.setattr(module, "copied_content", record)
    for index in range(80):
        generator.sample(2, 0, index)
    assert set(sources) == {0, 1, 3, 4, 5}


@pytest.mark.parametrize(("mask", "counts", "zoomed"), [("nsa", {1, 2, 3, 4}, True), ("rectangle", {1}, False)])
def test_nsa_pastes_up_to_four_zoomed_pieces_and_cutpaste_one_as_large_as_it_was(
    make: Make, monkeypatch: pytest.MonkeyPatch, mask: str, counts: set[int], zoomed: bool
) -> None:
    generator = make(mask, "same_image")
    calls: list[bool] = []
    real = module.copied_content

    def record(*arguments, zoomed):
        calls.append(zoomed)
        return real(*arguments, zoomed=zoomed)

    monkeypatch.setattr(module, "copied_content", record)
    found = set()
    for index in range(40):
        calls.clear()
        generator.sample(0, 0, index)
        found.add(len(calls))
        assert set(calls) == {zoomed}
    assert found == counts


def test_a_single_normal_is_its_own_source(make: Make) -> None:
    whole = make("nsa", "other_image")
    single = AnomalyGenerator(whole.recipes, whole.normals[:1], None, None, "texture", 0)
    assert single.sample(0, 0, 0).gt_mask.any()


def test_auto_is_texture_where_there_are_textures_else_structure(make: Make) -> None:
    settings = GeneratorSettings(content="auto")
    assert [r.content for r in resolve_contents([settings], has_textures=True)] == ["texture"]
    assert [r.content for r in resolve_contents([settings], has_textures=False)] == ["structure"]
    assert np.array_equal(make(content="auto").sample(0, 0, 0).image, make(content="texture").sample(0, 0, 0).image)


def test_textures_asked_for_but_not_given_are_refused_by_their_key(make: Make) -> None:
    settings = GeneratorSettings(content="texture")
    with pytest.raises(SettingsError, match=r"synthesis\.texture_dir"):
        AnomalyGenerator([settings], make().normals, None, None, "texture", 0)


def test_of_several_recipes_every_sample_takes_one_evenly(make: Make) -> None:
    rectangle, scar = make("rectangle", "same_image"), make("scar", "same_image")
    mixed = AnomalyGenerator([*rectangle.recipes, *scar.recipes], rectangle.normals, None, None, "texture", 0)
    areas = [int(mixed.sample(0, 0, index).gt_mask.sum()) for index in range(200)]
    again = [int(mixed.sample(0, 0, index).gt_mask.sum()) for index in range(3)]
    assert areas[:3] == again
    # The area tells which recipe it was.
    largest_scar = max(int(scar.sample(0, 0, index).gt_mask.sum()) for index in range(100))
    smallest_rectangle = min(int(rectangle.sample(0, 0, index).gt_mask.sum()) for index in range(100))
    assert largest_scar < smallest_rectangle
    rectangles = sum(area > largest_scar for area in areas)
    assert 75 < rectangles < 125  # of 200; four standard deviations are 28
