"""How much is taken from callers at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`waiting` requests may wait beside the `threads` that are scored; `seconds` is the time from a request's head to
    its answer, `image_bytes` the size of an image file. Of how many pixels it may be is the decoder's to say.
    """

    threads: int
    waiting: int = 64
    seconds: float = 30.0
    image_bytes: int = 32 * 2**20

    @property
    def places(self) -> int:
        return self.threads + self.waiting
