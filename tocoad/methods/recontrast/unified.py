"""One ReContrast for all categories of a data set: trained once, calibrated for each.

See methods.md: one model for all categories.
"""

from __future__ import annotations

from dataclasses import replace

from tocoad.data.cache import cached_images
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.data.training_images import TrainingImages, read_training_images
from tocoad.errors import StageError
from tocoad.methods.recontrast.fit import fit
from tocoad.methods.recontrast.settings import UnifiedSettings
from tocoad.methods.recontrast.train import train_on
from tocoad.stages.stage import StageContext, StageRecord

IMAGES_FILE = "images.json"


def list_unified(context: StageContext) -> StageRecord:
    """Writes which images are to be trained on: another test image changes nothing there, and so trains nothing."""
    images = read_training_images(context.data_dir, context.settings.split, context.settings.compute.threads)
    images.save(context.output_dir / IMAGES_FILE)
    return StageRecord()


def train_unified(context: StageContext) -> StageRecord:
    """Writes what `train` writes, of the training images of all categories in one shuffled loader, and their names.

    Raises:
        StageError: an image is not what the list says.
    """
    images = TrainingImages.load(context.inputs["images"] / IMAGES_FILE, "list_unified")
    images.refuse_changed(context.data_dir, context.settings.compute.threads)
    images.save(context.output_dir / IMAGES_FILE)
    pixels = cached_images(images.files(context.data_dir), context.settings, context.cache_dir)
    return train_on(_as_single(context), pixels, images.digest)


def fit_unified(context: StageContext) -> StageRecord:
    """Calibrates the networks of all for this category and writes its detector package.

    Raises:
        StageError: they were not trained on the training part of its manifest, so that its calibration images may have
            been among them.
    """
    trained_on = TrainingImages.load(context.inputs["train"] / IMAGES_FILE, "train_unified")
    mine = {image.sha256 for image in trained_on.categories.get(context.category.name, ())}
    manifest = Manifest.load(context.inputs["manifest"] / TRAIN_FILE)
    depth = trained_on.depths.get(context.category.name, FULL_DEPTH)
    if mine != {image.sha256 for image in manifest.split("train")} or depth != manifest.depth:
        raise StageError(f"{context.category}: its images or split changed after train_unified: run that stage again")
    return fit(_as_single(context), tuple(trained_on.categories))


def _as_single(context: StageContext) -> StageContext:
    """With the section `unified` where a model of one category has `train`."""
    settings = context.settings.of(UnifiedSettings).unified
    if settings.encoder_batch_norm == "paper":  # what it chose for one model of all
        settings = settings.model_copy(update={"encoder_batch_norm": "eval"})
    return replace(context, settings=context.settings.model_copy(update={"train": settings}))
