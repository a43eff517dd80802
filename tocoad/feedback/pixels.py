"""What an image shows, whatever its name and its file's format: two images of the same digest are the same one."""

from __future__ import annotations

import hashlib

import numpy as np

from tocoad.data.decoding import Decoded, DeepImage


def pixel_digest(image: Decoded) -> str:
    """sha256 over size and pixels; grey that a tool repeated over three channels, or alpha that it added, is no other
    image.
    """
    pixels = image.values if isinstance(image, DeepImage) else np.asarray(image.convert("RGB"))
    if pixels.ndim == 3 and (pixels[..., :1] == pixels).all():
        pixels = pixels[..., 0]
    head = f"{pixels.shape} {pixels.dtype}\n".encode()
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).hexdigest()
