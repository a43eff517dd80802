"""Files of more than 8 bits that no library at hand writes: PNG with a chunk sBIT, TIFF with packed samples."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TIFF_TAGS = 10


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(file: Path, values: NDArray[np.uint16], significant_bits: int | None = None, further: bytes = b"") -> Path:
    """(H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB; `further` are chunks before the pixels."""
    height, width = values.shape[:2]
    colour, channels = {1: (0, 1), 2: (4, 1), 3: (2, 3)}[values.shape[2] if values.ndim == 3 else 1]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    alpha = [16] if colour == 4 else []
    said = b"" if significant_bits is None else png_chunk(b"sBIT", bytes([significant_bits] * channels + alpha))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + header + said + further + pixels)
    return file


def packed_tiff(
    file: Path,
    values: NDArray[np.uint16],
    bits: int,
    order: str = "<",
    photometric: int | None = None,
    planar: int = 1,
    deflate: bool = False,
    width: int | None = None,
) -> Path:
    """(H, W) grey or (H, W, 3) RGB in one strip, rows packed to `bits` a sample; `width` is what the header says."""
    height, channels = values.shape[0], values.shape[2] if values.ndim == 3 else 1
    places = np.arange(bits - 1, -1, -1)
    rows = ((values.reshape(height, -1)[..., None] >> places) & 1).astype(np.uint8).reshape(height, -1)
    pixels = np.packbits(rows, axis=1).tobytes()
    pixels = zlib.compress(pixels) if deflate else pixels
    after_tags = 8 + 2 + 12 * _TIFF_TAGS + 4
    several = struct.pack(f"{order}{channels}H", *[bits] * channels) if channels > 1 else b""
    photometric = (2 if channels == 3 else 1) if photometric is None else photometric
    short, long = 3, 4
    tags = [
        (256, short, 1, values.shape[1] if width is None else width),
        (257, short, 1, height),
        (258, long if several else short, channels, after_tags if several else bits),
        (259, short, 1, 8 if deflate else 1),
        (262, short, 1, photometric),
        (273, long, 1, after_tags + len(several)),
        (277, short, 1, channels),
        (278, short, 1, height),
        (279, long, 1, len(pixels)),
        (284, short, 1, planar),
    ]
    assert len(tags) == _TIFF_TAGS
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    for tag, kind, count, value in tags:
        content = struct.pack(f"{order}HH", value, 0) if kind == short else struct.pack(f"{order}I", value)
        head += struct.pack(f"{order}HHI", tag, short if tag == 258 else kind, count) + content
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(head + struct.pack(f"{order}I", 0) + several + pixels)
    return file
