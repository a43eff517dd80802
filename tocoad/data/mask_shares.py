"""Masks that mark everything but the defect: a tool that draws the good part in white turns the truth round.

Of 456 masks of MVTec AD and of magnetic tiles none marks over half of its image, though defects of the whole part do
come near (0.498); what a large defect leaves free is mostly the ground at the image's edge, and an inverted mask marks
that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from tocoad.data.problems import Problem


@dataclass(frozen=True)
class MaskShare:
    """What a mask marks, as shares of the image and of its outermost pixels."""

    file: Path
    image: float
    edge: float

    @classmethod
    def of(cls, file: Path, mask: npt.NDArray[np.bool_]) -> Self:
        edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        return cls(file, float(mask.mean()), float(edge.mean()))

    @property
    def is_large(self) -> bool:
        return self.image > 0.5

    @property
    def seems_inverted(self) -> bool:
        return self.is_large and self.edge > 0.5


def judge_masks(masks: Iterable[tuple[str, MaskShare]]) -> tuple[list[Problem], list[Problem]]:
    """Problems and warnings of a category's masks, each with its defect type; one line a type.

    Inverted as a kind is a problem; a few large masks among others may be of large defects.
    """
    by_type: defaultdict[str, list[MaskShare]] = defaultdict(list)
    for defect_type, share in masks:
        by_type[defect_type].append(share)
    problems, warnings = [], []
    for defect_type, shares in by_type.items():
        large = [share for share in shares if share.is_large]
        inverted = [share for share in shares if share.seems_inverted]
        if 2 * len(inverted) > len(shares):
            found = f"{len(inverted)} of {len(shares)} masks of {defect_type} are inverted, it seems: they mark over "
            way_out = "half of the image and of its edge; make the defect white and the rest black, or remove them"
            problems.append(Problem(shares[0].file.parent, found + way_out))
        elif large:
            found = f"{len(large)} of {len(shares)} masks of {defect_type} mark over half of the image"
            warnings.append(Problem(large[0].file, f"{found}, this one {large[0].image:.0%}; are they inverted?"))
    if by_type and not any(share.image for shares in by_type.values() for share in shares):
        first = next(iter(by_type.values()))[0].file
        reason = "neither this mask nor any other of the category marks anything; draw them anew or remove them"
        problems.append(Problem(first, reason))
    return problems, warnings
