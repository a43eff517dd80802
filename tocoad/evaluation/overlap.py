"""What the test images are, and which of them were trained on."""

from __future__ import annotations

from collections import Counter

from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, Manifest
from tocoad.data.training_images import TrainingImages
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.records import TestData
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import METHODS, manifest_dir, output_dir


def present_test_data(workspace: Workspace, category: Category, method: MethodName) -> TestData:
    """By content. What a data set's own validation refuses is not asked of a tree that was put there by hand under an
    older version, nor across categories, whose images one model of them all has seen.

    Raises:
        StageError: a manifest is missing or damaged.
    """
    folder = manifest_dir(workspace, category)
    seen = {image.sha256 for image in Manifest.load(folder / TRAIN_FILE).images}
    for stage in METHODS[method].stages:
        if stage.lists_images and stage.scope == "dataset":
            file = output_dir(workspace, category, method, stage) / stage.outs[0]
            seen.update(image.sha256 for image in TrainingImages.load(file, stage.name).all)
    tested = Manifest.load(folder / TEST_FILE).images
    return TestData(
        images=dict(Counter(image.defect_type for image in tested)),
        duplicates=tuple(image.path for image in tested if image.sha256 in seen),
    )
