"""The stage `synthesize`: what synthetic anomalies need once per category, made from normal images only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tocoad.data.cache import stage_images
from tocoad.data.manifest import TRAIN_FILE, Manifest, Split
from tocoad.errors import SettingsError, StageError
from tocoad.settings.sections import GeneratorSettings, Settings, SynthesisSettings
from tocoad.stages.stage import Progress, StageContext, StageRecord
from tocoad.synthesis.augment import Image
from tocoad.synthesis.foreground import decide_foreground
from tocoad.synthesis.generator import AnomalyGenerator, resolve_contents
from tocoad.synthesis.output import (
    PNG_LEVEL,
    PREVIEW_FILE,
    SynthesisDescription,
    SynthesisOutput,
    ValidationName,
    load_synthesis,
    save_description,
    save_foreground,
    save_validation,
)
from tocoad.synthesis.placement import Mask
from tocoad.synthesis.preview import Row, contact_sheet, highlighted, sample_rows
from tocoad.synthesis.textures import load_textures
from tocoad.synthesis.validation import normal_number, validation_set

__all__ = ["SynthesisOutput", "load_synthesis", "synthesize", "training_generator"]

Recipes = tuple[GeneratorSettings, ...]

PREVIEW_COLUMNS = 8
STEPS = 3


def synthesize(context: StageContext) -> StageRecord:
    """Finds the object on the training images, makes two validation sets on the calibration images, and a preview.

    Raises:
        SettingsError: the texture folder cannot be used, or both generators come to the same.
        StageError: there are no calibration images, or a generator finds no place for an anomaly.
    """
    settings = context.settings.synthesis
    textures = load_textures(settings, context.settings.image.size)
    recipes = _recipes(settings, has_textures=textures is not None)
    train_paths, train = _read(context, "train")
    held_out_paths, held_out = _read(context, "calibration")
    context.progress(Progress(1, STEPS))

    rule = decide_foreground(train)
    restricted = rule.kind == "object" and settings.foreground == "auto"
    train_foreground = rule.masks(train) if restricted else None
    held_out_foreground = rule.masks(held_out) if restricted else None

    def generator(name: ValidationName, normals: Image, foreground: Mask | None) -> AnomalyGenerator:
        return AnomalyGenerator(recipes[name], normals, foreground, textures, rule.kind, context.settings.seed)

    count = settings.validation_count
    sets = {name: validation_set(generator(name, held_out, held_out_foreground), count) for name in recipes}
    for name, (_, gt_masks) in sets.items():
        if not gt_masks.any():
            raise StageError(
                f"{context.category}: {_words(recipes[name])} makes no visible anomaly; change synthesis in params.yaml"
            )
    context.progress(Progress(2, STEPS))

    save_foreground(context.output_dir, train_foreground)
    for name, (images, gt_masks) in sets.items():
        save_validation(context.output_dir, name, images, gt_masks)
    save_description(
        context.output_dir,
        SynthesisDescription(
            kind=rule.kind,
            threshold=rule.threshold,
            bright=rule.bright,
            size=context.settings.image.size,
            images=train_paths,
            validation_images=tuple(held_out_paths[normal_number(i, len(held_out))] for i in range(count)),
            train=recipes["same"] if len(recipes["same"]) > 1 else recipes["same"][0],
            validation=recipes["other"][0],
            textures=0 if textures is None else len(textures),
        ),
    )
    rows = [
        *_preview_rows(generator("same", train, train_foreground), "training"),
        *_preview_rows(generator("other", held_out, held_out_foreground), "validation"),
    ]
    contact_sheet(f"{context.category} ({rule.kind})", rows).save(
        context.output_dir / PREVIEW_FILE, compress_level=PNG_LEVEL
    )
    context.progress(Progress(3, STEPS))
    return StageRecord(_metrics(train_foreground, sets))


def training_generator(settings: Settings, normals: Image, output: SynthesisOutput, seed: int) -> AnomalyGenerator:
    """The generator of the training on its `normals` uint8 `(N, S, S, 3)`, in the manifest's order.

    Raises SettingsError where the texture folder cannot be used.
    """
    textures = load_textures(settings.synthesis, normals.shape[1])
    foreground = None if output.foreground.all() else output.foreground
    return AnomalyGenerator(settings.synthesis.train_generators, normals, foreground, textures, output.kind, seed)


def _recipes(settings: SynthesisSettings, *, has_textures: bool) -> dict[ValidationName, Recipes]:
    """The generators of the two validation sets, `auto` resolved."""
    same, other = (
        resolve_contents(recipes, has_textures=has_textures)
        for recipes in (settings.train_generators, (settings.validation,))
    )
    if other[0] in same:
        raise SettingsError(f"synthesis.validation comes to {_words(other)}, as synthesis.train does; choose another")
    return {"other": other, "same": same}


def _read(context: StageContext, part: Split) -> tuple[tuple[str, ...], Image]:
    """Paths and images uint8 `(N, S, S, 3)` of one part, in the manifest's order."""
    manifest = Manifest.load(context.inputs["manifest"] / TRAIN_FILE)
    records = manifest.split(part)
    if not records:
        raise StageError(f"{context.category} has no {part} images: change split in params.yaml")
    return tuple(record.path for record in records), stage_images(context, manifest, part)


def _preview_rows(generator: AnomalyGenerator, part: str) -> list[Row]:
    """A few normals spread over the part, and what the generator makes of them in training step 0."""
    count = len(generator.normals)
    chosen = [int(i) for i in np.linspace(0, count - 1, min(PREVIEW_COLUMNS, count)).round()]
    normals = [generator.normals[i] for i in chosen]
    samples = [generator.sample(image, 0, index) for index, image in enumerate(chosen)]
    rows = sample_rows(f"{part}: {_words(generator.recipes)}", normals, samples)
    if generator.foreground is not None:
        found = [highlighted(generator.normals[i], generator.foreground[i]) for i in chosen]
        rows.insert(1, Row(f"{part}: foreground", found))
    return rows


def _words(recipes: Recipes) -> str:
    return " or ".join(f"{recipe.mask} + {recipe.content} + {recipe.blend}" for recipe in recipes)


def _metrics(foreground: Mask | None, sets: Mapping[ValidationName, tuple[Image, Mask]]) -> dict[str, float | None]:
    """Shares of the image: the mean foreground, and the mean anomaly of each validation set."""
    metrics: dict[str, float | None] = {"foreground_area": 1.0 if foreground is None else float(foreground.mean())}
    for name, (_, gt_masks) in sets.items():
        anomalous = gt_masks.any(axis=(1, 2))
        metrics[f"validation_{name}_images"] = float(np.count_nonzero(anomalous))
        metrics[f"validation_{name}_area"] = float(gt_masks[anomalous].mean())
    return metrics
