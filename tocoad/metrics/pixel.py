"""Pixel-level metrics over all pixels of the test split; None where no defect or no normal pixel is known.

Maps `(H_i, W_i)` float32 and masks `(H_i, W_i)` bool may differ in size from image to image. A mask of None is a good
image: all of its pixels are normal. Defective images without a mask must be left out by the caller.

Memory: about 60 bytes for each defect pixel and one chunk of normal pixels (256 MiB), however many images there are.
"""

from __future__ import annotations

from tocoad.metrics.aupro import PRO_LIMIT, aupro
from tocoad.metrics.curves import auroc, average_precision, f1_max
from tocoad.metrics.pixel_stream import CHUNK, DefectPixels, Maps, Masks, defect_pixels, normal_chunks
from tocoad.metrics.ranking import Ranker, Ranking


def rank_pixels(
    maps: Maps, masks: Masks, defects: DefectPixels | None = None, *, top: float = 1.0, chunk: int = CHUNK
) -> Ranking | None:
    """Ranks of the defect pixels among the normal ones; `top` as in `Ranker.add`, where everything is in one chunk."""
    defects = defect_pixels(maps, masks) if defects is None else defects
    if not defects.scores.size:
        return None
    ranker = Ranker(defects.scores)
    for index, normal in enumerate(normal_chunks(maps, masks, range(len(maps)), chunk)):
        ranker.add(normal, top if index == 0 and normal.size < chunk else 1.0)
    return ranker.ranking()


def pixel_AUROC(maps: Maps, masks: Masks) -> float | None:
    ranking = rank_pixels(maps, masks)
    return None if ranking is None else auroc(ranking)


def pixel_AP(maps: Maps, masks: Masks) -> float | None:
    ranking = rank_pixels(maps, masks)
    return None if ranking is None else average_precision(ranking)


def pixel_F1Max(maps: Maps, masks: Masks) -> float | None:
    """An oracle: the threshold is chosen on the very masks it is judged by."""
    ranking = rank_pixels(maps, masks)
    return None if ranking is None else f1_max(ranking)[0]


def pixel_AUPRO(maps: Maps, masks: Masks, limit: float = PRO_LIMIT) -> float | None:
    """Only the share `limit` of the normal pixels is sorted; see `tocoad.metrics.aupro` for the definition."""
    defects = defect_pixels(maps, masks)
    ranking = rank_pixels(maps, masks, defects, top=limit)
    return None if ranking is None else aupro(ranking, defects.shares, int(defects.regions.sum()), limit)
