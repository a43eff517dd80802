"""The anomaly map against its definition written out, and its way through a package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from rounding import sum_error
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from tocoad.data.cache import stage_images
from tocoad.data.manifest import Manifest
from tocoad.methods.recontrast.fit import fit
from tocoad.methods.recontrast.model import ReContrastModel
from tocoad.methods.recontrast.train import load_networks, train
from tocoad.nn.device import compute_context
from tocoad.package.detector import Detector, load_detector, score_images
from tocoad.settings.sections import ComputeSettings
from tocoad.stages.stage import StageContext

Context = Callable[..., StageContext]
SIZE = 64
# Of the map in float32, where the networks compute in double: of six distances, sums of at most 112 products, and of
# their up-sampling, two sums of at most 16. A distance is at most 2.
ROUNDING = sum_error(2 * 112 + 2 * 17 + 6, 6 * 2)


def trained(context: Context, **sections: object) -> StageContext:
    """The context of `fit`, after `train`."""
    train(context("run", "train", **sections))
    return context("run", "fit", **sections)


@torch.inference_mode()
def model_of(context: StageContext, dtype: torch.dtype = torch.float32) -> ReContrastModel:
    made = load_networks(context)
    networks = (made.trained.to(dtype), made.frozen.to(dtype), made.network.to(dtype))
    model = ReContrastModel.assemble(*networks, SIZE, context.settings.train, context.settings.scoring).eval()
    for name, operator in model.named_buffers(recurse=False):  # they belong to the map, which is float32
        model.register_buffer(name, operator.float(), persistent=False)
    return model


def image(seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def test_the_map_is_the_smoothed_sum_of_the_six_distances(context: Context) -> None:
    fit_context = trained(context)
    networks, x = load_networks(fit_context), image().double()
    with torch.no_grad():
        target_frozen, target_trained = networks.frozen.double()(x), networks.trained.double()(x)
        of_frozen, of_trained = networks.network.double()(target_trained, target_frozen)
    total = np.zeros((SIZE, SIZE))
    for targets, predictions in ((target_frozen, of_frozen), (target_trained, of_trained)):
        for level in (1, 2, 3):
            t, r = targets[level], predictions[level]
            distance = 1 - (t * r).sum(1) / (t.norm(dim=1) * r.norm(dim=1))
            total += F.interpolate(distance[:, None], SIZE, mode="bilinear", align_corners=False)[0, 0].numpy()
    expected = gaussian_filter(total, 4.0, mode="mirror", truncate=4.0)
    maps, score = model_of(fit_context, torch.float64).score(x)
    np.testing.assert_allclose(maps[0].numpy(), expected, rtol=0, atol=ROUNDING)
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
    made = model_of(trained(context), torch.float64)
    images = torch.cat([image(seed) for seed in range(4)]).double()
    with torch.inference_mode():
        together, _ = made.score(images)
        for i in range(4):
            alone, _ = made.score(images[i : i + 1])
            torch.testing.assert_close(together[i], alone[0], rtol=0, atol=2 * ROUNDING)


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
