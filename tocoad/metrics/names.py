"""The seven metrics of today's papers, in the order of every table."""

from __future__ import annotations

from typing import Literal, get_args

MetricName = Literal["image_AUROC", "image_AP", "image_F1Max", "pixel_AUROC", "pixel_AP", "pixel_F1Max", "pixel_AUPRO"]
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)
