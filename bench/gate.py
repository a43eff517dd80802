"""How often does the gate promote a challenger that is worse, or keep a good one out, on 10 to 500 test images?

Simulated champions and challengers whose true figures are known, and the real detectors of studies/tocoad. Writes
docs/results/gate.md.
"""

from __future__ import annotations

from bench.gate_page import Simulated, write_page
from bench.gate_simulation import Shares, simulate
from bench.gate_studies import breaches, retrains
from bench.timing import Row

SIZES = (10, 20, 40, 100, 200, 500)
UNGUARDED = (10, 20)
# True image AUROC of the champion, and what the challenger's is more or less.
DIFFERENCES = {0.95: (-0.05, -0.02, -0.01, 0.0, 0.01, 0.02), 0.99: (-0.05, -0.02, -0.01, 0.0, 0.005)}
TRIALS = 500


def run() -> list[Row]:
    simulated: Simulated = {
        champion: {images: {step: simulate(champion, step, images, TRIALS) for step in differences} for images in SIZES}
        for champion, differences in DIFFERENCES.items()
    }
    unguarded: Simulated = {
        champion: {
            images: {step: simulate(champion, step, images, TRIALS, images_min=1) for step in differences}
            for images in UNGUARDED
        }
        for champion, differences in DIFFERENCES.items()
    }
    write_page(simulated, unguarded, TRIALS, retrains(), breaches())
    return [
        row
        for champion, sizes in simulated.items()
        for images, shares in sizes.items()
        for row in _rows(f"champion {champion:g}, {images} images", shares)
    ]


def _rows(what: str, shares: dict[float, Shares]) -> list[Row]:
    """The worst case among the challengers that are worse by more than the margin, and the equally good one."""
    worse = [share for step, share in shares.items() if step < 0]
    return [
        Row(f"{what}: wrongly promoted, keep", 100 * max(share.keep for share in worse), "%"),
        Row(f"{what}: wrongly promoted, promote", 100 * max(share.promote for share in worse), "%"),
        Row(f"{what}: equally good and kept out, keep", 100 * (1 - shares[0.0].keep), "%"),
        Row(f"{what}: equally good and kept out, promote", 100 * (1 - shares[0.0].promote), "%"),
    ]
