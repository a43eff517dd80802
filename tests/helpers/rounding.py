"""Bounds that follow from the arithmetic: what was seen on one processor is no bound on another."""

from __future__ import annotations

import torch
from torch import Tensor

UNIT = 2.0**-24
"""The greatest relative error of one operation in float32."""


def sum_error(terms: int, magnitude: float = 1.0) -> float:
    """The greatest error of a sum of `terms` products in float32, in any order, with fused operations or without.

    `magnitude` is the sum of the products without their signs (Higham 2002, section 3.1).
    """
    return terms * UNIT / (1 - terms * UNIT) * magnitude


def assert_same_in_double(actual: Tensor, expected: Tensor) -> None:
    """Of two ways to compute a network's maps in double precision: any order of its sums rounds away some 1e-14 of the
    greatest value, and a fault in the arithmetic is not as small as 1e-9.
    """
    assert actual.dtype == expected.dtype == torch.float64
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-9 * float(expected.detach().abs().max()))
