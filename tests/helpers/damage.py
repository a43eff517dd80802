"""Files as a power cut or a bad disk leaves them."""

from __future__ import annotations

from collections.abc import Iterator


def damages(whole: bytes, places: int = 200) -> Iterator[bytes]:
    """The content cut at places evenly spread from none of it to all but its last byte, with a bit flipped at each, and
    with zeros from there to its end, as a file system leaves a file whose size reached the disk before its blocks.
    """
    for place in sorted({round(i * (len(whole) - 1) / places) for i in range(places + 1)}):
        yield whole[:place]
        yield whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :]
        yield whole[:place] + bytes(len(whole) - place)
