"""Loops that numpy and torch cannot express, as machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

from tocoad.nn.compiled_cache import CheckedCacheFile

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Machine code, kept beside the source or in the user's cache: compiling takes 2 s.

    Sums may be reordered, so that they vectorise, and a product may be fused with the sum after it: rounding depends on
    the processor, and on nothing else. No more of fast-math.
    """
    fastmath = {"reassoc", "contract"}
    try:
        kept: Function = njit(function, cache=True, fastmath=fastmath)
    except RuntimeError:  # numba found no place it may write to
        fresh: Function = njit(function, fastmath=fastmath)
        return fresh
    cache: Any = vars(kept)["_cache"]
    cache._cache_file = CheckedCacheFile.of(cache._cache_file)
    return kept
