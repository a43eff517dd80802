"""Python's collector of garbage rests in the block, and in no other."""

from __future__ import annotations

import gc

import pytest

from services.uncollected import uncollected


def test_it_works_again_after_the_block_whatever_ended_that() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError, match="ended"), uncollected():
        assert not gc.isenabled()
        raise ValueError("ended")
    assert gc.isenabled()


def test_a_block_within_a_block_does_not_wake_it() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
