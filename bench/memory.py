"""How much memory do all figures of 1,000 maps of 1024 x 1024 take, and how long? (The maps alone are 4 GiB.)

Maps and masks are rendered when they are asked for, in a process of its own, whose greatest resident set is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np

from bench.maps import RenderedMaps, RenderedMasks
from bench.timing import Row, greatest_resident_set
from tocoad.metrics.predictions import Predictions, evaluate_metrics

IMAGES, SIZE, RESAMPLES = 1000, 1024, 1000


def run() -> list[Row]:
    command = [sys.executable, "-m", "bench.memory"]
    measured = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    case = f"{IMAGES} maps of {SIZE} x {SIZE}"
    return [
        Row(f"{case}: rendering all of them once", measured["render"], "s"),
        Row(f"{case}: all figures, bootstrap of {RESAMPLES} draws, with rendering", measured["evaluate"], "s"),
        Row(f"{case}: defect pixels", measured["defects"] / 1e6, "million"),
        Row(f"{case}: greatest resident set before", measured["before"] / 2**20, "MiB"),
        Row(f"{case}: greatest resident set", measured["peak"] / 2**20, "MiB"),
    ]


def _measure() -> dict[str, float]:
    masks = RenderedMasks(IMAGES, SIZE)
    maps = RenderedMaps(masks)
    start = time.perf_counter()
    defects, scores = 0, np.empty(IMAGES, np.float32)
    for index in range(IMAGES):
        mask = masks[index]
        defects += 0 if mask is None else int(mask.sum())
        scores[index] = maps[index].max()
    rendered = time.perf_counter()
    before = greatest_resident_set()
    labels = (np.arange(IMAGES) % 4 > 0).astype(np.int64)
    evaluate_metrics(Predictions(labels, scores, maps, masks), pro_limit=0.3, resamples=RESAMPLES, seed=0)
    return {
        "render": rendered - start,
        "evaluate": time.perf_counter() - rendered,
        "defects": defects,
        "before": before,
        "peak": greatest_resident_set(),
    }


if __name__ == "__main__":
    print(json.dumps(_measure()))
