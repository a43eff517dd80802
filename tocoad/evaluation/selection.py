"""Which test images are shown: all defect types, and within each the hard cases as well as the clear ones."""

from __future__ import annotations

from collections.abc import Sequence

from tocoad.evaluation.evaluate import JudgedImage


def spread(images: Sequence[JudgedImage], count: int, *, extremes: bool = True) -> list[JudgedImage]:
    """`count` images, as many of each defect type as there are to share, in order of type.

    Within a type they are evenly spaced from the worst case (the lowest score of a defective image, the highest of a
    good one), which comes first, to the best: neither a gallery of successes nor one of failures. Without `extremes`
    they are the middles of equal parts of that order: what the type usually looks like.
    """
    by_type: dict[str, list[JudgedImage]] = {}
    for image in sorted(images, key=lambda image: (image.record.defect_type, _ease(image), image.record.path)):
        by_type.setdefault(image.record.defect_type, []).append(image)
    shares = _shares([len(group) for group in by_type.values()], count)
    return [
        group[position]
        for group, share in zip(by_type.values(), shares, strict=True)
        for position in _positions(len(group), share, extremes)
    ]


def _ease(image: JudgedImage) -> float:
    return float(image.pred_score) * (1 if image.record.gt_label else -1)


def _positions(size: int, count: int, extremes: bool) -> list[int]:
    if extremes:
        return [i * (size - 1) // max(count - 1, 1) for i in range(count)]
    return [(2 * i + 1) * size // (2 * count) for i in range(count)]


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """Dealt one by one around the groups that have some left."""
    shares = [0] * len(sizes)
    left = min(count, sum(sizes))
    while left:
        for i, size in enumerate(sizes):
            if left and shares[i] < size:
                shares[i] += 1
                left -= 1
    return shares
