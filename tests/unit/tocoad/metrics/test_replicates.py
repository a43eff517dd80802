"""Every draw against the exact metrics on the drawn images themselves, repeated as often as they were drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tocoad.metrics.bootstrap import draw_images
from tocoad.metrics.image import image_AP, image_AUROC, image_F1Max
from tocoad.metrics.names import MetricName
from tocoad.metrics.pixel import pixel_AP, pixel_AUPRO, pixel_AUROC, pixel_F1Max, rank_pixels
from tocoad.metrics.pixel_figures import pixel_figures
from tocoad.metrics.pixel_stream import defect_pixels
from tocoad.metrics.replicates import choose_edges, image_replicates, pixel_replicates

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Item = TypeVar("Item")
LIMIT = 0.3
PIXEL: dict[MetricName, Callable[[list[Map], list[Mask | None]], float | None]] = {
    "pixel_AUROC": pixel_AUROC,
    "pixel_AP": pixel_AP,
    "pixel_F1Max": pixel_F1Max,
    "pixel_AUPRO": lambda maps, masks: pixel_AUPRO(maps, masks, LIMIT),
}


def _smooth(images: int, size: int, levels: int | None = None) -> tuple[list[Map], list[Mask | None]]:
    """Smooth noise with blurred ellipses, as detectors' maps are; each third image is good."""
    maps: list[Map] = []
    masks: list[Mask | None] = []
    for index in range(images):
        rng = np.random.default_rng((3, index))
        anomaly_map = cv2.GaussianBlur(rng.random((size, size), dtype=np.float32), (0, 0), 4) * 2
        mask = None
        if index % 3:
            drawn = np.zeros((size, size), np.uint8)
            for _ in range(1 + index % 2):
                center, axes = rng.integers(size // 4, 3 * size // 4, 2), rng.integers(size // 16, size // 8, 2)
                cv2.ellipse(drawn, center.tolist(), axes.tolist(), 30.0, 0.0, 360.0, 1, -1)
            anomaly_map += cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 3) * 0.15
            mask = drawn.astype(bool)
        maps.append(anomaly_map if levels is None else np.round(anomaly_map * levels))
        masks.append(mask)
    return maps, masks


def _repeated(items: list[Item], draw: NDArray[np.uint16]) -> list[Item]:
    return [item for item, count in zip(items, draw, strict=True) for _ in range(count)]


@pytest.mark.parametrize("ties", [False, True])
def test_image_metrics_are_exact_on_every_draw(ties: bool) -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1], [11, 17]))
    scores = (rng.integers(0, 6, 28) + labels if ties else rng.normal(size=28) + labels).astype(np.float32)
    draws = draw_images(labels, 40, 1)
    values = image_replicates(draws, labels, scores)
    for index, draw in enumerate(draws):
        y, s = np.repeat(labels, draw), np.repeat(scores, draw)
        assert values["image_AUROC"][index] == pytest.approx(image_AUROC(y, s), abs=1e-12)
        assert values["image_AP"][index] == pytest.approx(image_AP(y, s), abs=1e-12)
        assert values["image_F1Max"][index] == pytest.approx(image_F1Max(y, s), abs=1e-12)


# With few distinct scores every one is an edge: exact. Else the curves are straight between 2048 edges.
@pytest.mark.parametrize(("size", "levels", "error"), [(48, 12, 1e-12), (160, None, 1e-4)])
def test_pixel_metrics_on_every_draw(size: int, levels: int | None, error: float) -> None:
    maps, masks = _smooth(9, size, levels)
    pixels = pixel_figures(maps, masks, LIMIT, resampled=True)
    assert pixels is not None
    assert pixels.tables is not None
    distinct = np.unique(pixels.defects.scores).size
    assert distinct < 100 if levels else distinct > 3000
    draws = np.concatenate([np.ones((1, 9), np.uint16), draw_images([m is None for m in masks], 12, 2)])
    values = pixel_replicates(draws, pixels.tables, pixels.defects, LIMIT)
    for name, metric in PIXEL.items():
        for value, draw in zip(values[name], draws, strict=True):
            assert value == pytest.approx(metric(_repeated(maps, draw), _repeated(masks, draw)), abs=error), name


def test_blocks_of_draws_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, masks = _smooth(5, 32)
    pixels = pixel_figures(maps, masks, LIMIT, resampled=True)
    assert pixels is not None
    assert pixels.tables is not None
    draws = draw_images(np.zeros(5, int), 30, 0)
    draws = draws[(draws[:, [1, 2, 4]].sum(axis=1) > 0)]
    whole = pixel_replicates(draws, pixels.tables, pixels.defects, LIMIT)
    monkeypatch.setattr("tocoad.metrics.replicates._BLOCK", 2 * pixels.tables.edges.size * 7)
    for name, values in pixel_replicates(draws, pixels.tables, pixels.defects, LIMIT).items():
        np.testing.assert_allclose(values, whole[name], rtol=0, atol=1e-14)


def test_the_edges_are_anomalous_scores_from_the_greatest_to_the_least() -> None:
    maps, masks = _smooth(6, 64)
    ranking = rank_pixels(maps, masks)
    assert ranking is not None
    edges = choose_edges(ranking, defect_pixels(maps, masks), LIMIT, edges=50)
    assert 25 < edges.size <= 50
    assert (np.diff(edges) < 0).all()
    assert (edges[0], edges[-1]) == (ranking.scores[-1], ranking.scores[0])
    assert np.isin(edges, ranking.scores).all()
    # Even in recall at least as a fifth of the edges alone would be.
    assert np.diff([(ranking.scores >= edge).mean() for edge in edges]).max() < 5 / 49


def test_a_perfect_map_is_perfect_on_every_draw() -> None:
    # 6,400 distinct scores, more than edges; the best ones are in one image, which is not in every draw.
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 64), bool)
    mask[10:50, 10:50] = True
    masks: list[Mask | None] = [mask, mask, mask, mask, None]
    maps = [rng.random((64, 64)).astype(np.float32) + (0 if k is None else k * (i + 1)) for i, k in enumerate(masks)]
    pixels = pixel_figures([m.astype(np.float32) for m in maps], masks, LIMIT, resampled=True)
    assert pixels is not None
    assert pixels.tables is not None
    draws = draw_images([1, 1, 1, 1, 0], 50, 0)
    assert (draws[:, 3] == 0).any()
    for name, values in pixel_replicates(draws, pixels.tables, pixels.defects, LIMIT).items():
        np.testing.assert_allclose(values, 1.0, rtol=0, atol=1e-12, err_msg=name)
