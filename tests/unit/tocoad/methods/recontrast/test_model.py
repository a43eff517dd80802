"""The anomaly map against its definition written out, and its way through a package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from tocoad.config import ComputeSettings
from tocoad.data.cache import stage_images
from tocoad.data.manifest import Manifest
from tocoad.methods.recontrast.fit import fit
from tocoad.methods.recontrast.model import ReContrastModel
from tocoad.methods.recontrast.train import load_networks, train
from tocoad.nn.device import compute_context
from tocoad.package.detector import Detector, load_detector, score_images
from tocoad.stage import StageContext

Context = Callable[..., StageContext]
SIZE = 64


def trained(context: Context, **sections: object) -> StageContext:
    """The context of `fit`, after `train`."""
    train(context("run", "train", **sections))
    return context("run", "fit", **sections)


@torch.inference_mode()
def model_of(context: StageContext) -> ReContrastModel:
    made = load_networks(context)
    settings = context.settings
    return ReContrastModel.assemble(
        made.trained, made.frozen, made.network, SIZE, settings.train, settings.scoring
    ).eval()


def image(seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def test_the_map_is_the_smoothed_sum_of_the_six_distances(context: Context) -> None:
    fit_context = trained(context)
    networks = load_networks(fit_context)
    with torch.no_grad():
        target_frozen, target_trained = networks.frozen(image()), networks.trained(image())
        of_frozen, of_trained = networks.network(target_trained, target_frozen)
    total = np.zeros((SIZE, SIZE))
    for targets, predictions in ((target_frozen, of_frozen), (target_trained, of_trained)):
        for level in (1, 2, 3):
            t, r = targets[level].double(), predictions[level].double()
            distance = 1 - (t * r).sum(1) / (t.norm(dim=1) * r.norm(dim=1))
            total += F.interpolate(distance[:, None], SIZE, mode="bilinear", align_corners=False)[0, 0].numpy()
    expected = gaussian_filter(total, 4.0, mode="mirror", truncate=4.0)
    maps, score = model_of(fit_context).score(image())
    np.testing.assert_allclose(maps[0].numpy(), expected, rtol=1e-3, atol=1e-4)
    assert float(score) == float(maps.max())


@pytest.mark.parametrize("rule", ["max", "mean", "top_mean"])
def test_the_image_score_follows_the_rule(rule: str, context: Context) -> None:
    maps, score = model_of(trained(context, scoring={"image_score": rule, "top_percent": 5.0})).score(image())
    values = np.sort(maps.numpy().ravel())[::-1]
    expected = {"max": values[0], "mean": values.mean(), "top_mean": values[: SIZE * SIZE * 5 // 100].mean()}
    assert float(score) == pytest.approx(float(expected[rule]), rel=1e-5)


def test_the_package_is_loaded_without_any_source_of_weights_and_scores_to_the_bit(context: Context) -> None:
    fit_context = trained(context)
    fit(fit_context)
    detector = load_detector(fit_context.output_dir / "detector")
    manifest = Manifest.load(fit_context.inputs["manifest"] / "train.json")
    calibration = stage_images(fit_context, manifest, "calibration")
    again = detector.predict(calibration).pred_score
    assert again.tolist() == list(np.float32(detector.card.calibration.scores))
    assert detector.card.method == "recontrast"
    with compute_context(ComputeSettings()) as compute:
        maps, _ = score_images(compute.place(model_of(fit_context)), calibration, compute)
    assert np.array_equal(maps, detector.predict(calibration).anomaly_map)


def test_batches_of_1_and_16_give_the_same_scores(context: Context) -> None:
    fit_context = trained(context)
    fit(fit_context)
    detector = load_detector(fit_context.output_dir / "detector")
    images = np.random.default_rng(0).integers(0, 256, (16, SIZE, SIZE, 3), dtype=np.uint8)
    together = detector.predict(images)
    alone = [detector.predict(images[i : i + 1]) for i in range(16)]
    assert together.pred_score.tolist() == [float(p.pred_score[0]) for p in alone]
    assert all(np.array_equal(together.anomaly_map[i], alone[i].anomaly_map[0]) for i in range(16))


def test_the_networks_themselves_treat_images_alike_in_any_batch(context: Context) -> None:
    """`predict` goes image by image; this would hold without it, but for rounding."""
    made = model_of(trained(context))
    images = torch.cat([image(seed) for seed in range(4)])
    with torch.inference_mode():
        together, _ = made.score(images)
        for i in range(4):
            torch.testing.assert_close(together[i], made.score(images[i : i + 1])[0][0], rtol=1e-4, atol=1e-4)


def test_same_seed_same_bytes(context: Context) -> None:
    packages = []
    for run in ("a", "b"):
        train(context(run, "train"))
        made = context(run, "fit")
        fit(made)
        folder: Path = made.output_dir / "detector"
        packages.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})
    assert packages[0] == packages[1]


def test_a_defect_scores_higher_than_what_it_was_made_from(context: Context) -> None:
    fit_context = trained(context, train={"iterations": 40, "batch_size": 4, "decoder_blocks": [1, 1, 1]})
    fit(fit_context)
    detector: Detector = load_detector(fit_context.output_dir / "detector")
    manifest = Manifest.load(fit_context.inputs["manifest"] / "train.json")
    normal = np.array(stage_images(fit_context, manifest, "calibration"))
    damaged = normal.copy()
    damaged[:, 24:40, 24:40] = (255, 0, 0)
    before, after = detector.predict(normal), detector.predict(damaged)
    assert (after.pred_score > before.pred_score).all()
    rise = (after.anomaly_map - before.anomaly_map).mean(0)
    assert rise[24:40, 24:40].mean() > 2 * rise.mean()
