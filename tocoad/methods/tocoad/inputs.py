"""What both stages read: the training images and the generator of anomalies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocoad.data.cache import stage_images
from tocoad.data.manifest import Manifest
from tocoad.stages.stage import StageContext
from tocoad.synthesis.generator import AnomalyGenerator
from tocoad.synthesis.stage import SynthesisOutput, load_synthesis, training_generator


@dataclass(frozen=True)
class TrainingInputs:
    """Images are uint8 (N, S, S, 3), the training part in the manifest's order."""

    manifest: Manifest
    images: NDArray[np.uint8]
    synthesis: SynthesisOutput
    generator: AnomalyGenerator


def read_inputs(context: StageContext, seed: int) -> TrainingInputs:
    """`seed` keys the generator, so that the two stages see different anomalies."""
    manifest = Manifest.load(context.inputs["manifest"] / "train.json")
    images = stage_images(context, manifest, "train")
    synthesis = load_synthesis(context.inputs["synthesize"])
    generator = training_generator(context.settings, images, synthesis, seed)
    return TrainingInputs(manifest, images, synthesis, generator)
