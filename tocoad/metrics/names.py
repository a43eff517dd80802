"""The seven metrics of today's papers, in the order of every table, and the names of what stands beside them."""

from __future__ import annotations

from typing import Literal, get_args

MetricName = Literal["image_AUROC", "image_AP", "image_F1Max", "pixel_AUROC", "pixel_AP", "pixel_F1Max", "pixel_AUPRO"]
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)

# For comparison with published figures only: no gate and no interval reads them.
FurtherName = Literal["pixel_AUPRO_at_0.05", "pixel_AUPRO_per_image", "pixel_AUPIMO"]
FURTHER_NAMES: tuple[FurtherName, ...] = get_args(FurtherName)

CurveName = Literal["roc", "pr", "pixel_pr", "pro"]
