"""Stages that several methods have."""

from __future__ import annotations

from tocoad.stages.declaration import Input, Plot, Stage

DETECTOR_DIR = "detector"
TRAIN_LIST, TEST_LIST = "train.json", "test.json"

# A new test image changes `test.json` alone, and so nothing that trains.
OF_TRAINING = Input("manifest", (TRAIN_LIST,))

MANIFEST = Stage(
    "manifest",
    "tocoad.data.stage:manifest",
    params=("split",),
    scope="category",
    data="all",
    outs=(TRAIN_LIST, TEST_LIST),
)
SYNTHESIZE = Stage(
    "synthesize",
    "tocoad.synthesis.stage:synthesize",
    inputs={"manifest": OF_TRAINING},
    params=("seed", "image", "synthesis"),
    scope="category",
    data="train",
    files=("synthesis.texture_dir",),
    outs=("synthesis.json", "foreground.npy", "validation_other", "validation_same", "preview.png"),
)
# The preview is for the eye.
OF_SYNTHESIS = Input("synthesize", ("synthesis.json", "foreground.npy", "validation_other", "validation_same"))


def evaluate(detector: str) -> Stage:
    """The last stage of every method; `detector` is the stage that leaves the package."""
    return Stage(
        "evaluate",
        "tocoad.evaluation.stage:evaluate",
        inputs={"manifest": Input("manifest", (TEST_LIST,)), "detector": Input(detector, folder=DETECTOR_DIR)},
        params=("scoring", "evaluation", "compute"),
        data="all",
        outs=("predictions.csv", "replicates.csv", "overlays", "gallery"),
        metrics=("metrics.json",),
        notes=("latency.json",),
        plots=(
            Plot("curves/roc.csv", "fpr", "tpr"),
            Plot("curves/pr.csv", "recall", "precision"),
            Plot("curves/pixel_pr.csv", "recall", "precision"),
            Plot("curves/pro.csv", "fpr", "pro"),
        ),
    )
