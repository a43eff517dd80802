"""Probes: a few images of the category that travel with its detector, with what it gave for them when it was packaged.

They are calibration normals, the only images that are neither trained on nor tested with. Each is of at most `_SIDE`
pixels a side, which bounds their bytes; where networks are larger, probes are enlarged as any image would be.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tocoad.data.decoding import DeepImage, decode
from tocoad.data.depth import Depth
from tocoad.data.images import image_from_bytes, resize_image
from tocoad.nn.processor import processor_name
from tocoad.package.card import MAP_STEP, PROBES_FILE, Probe, Probes, write_card
from tocoad.package.detector import Detector

_SIDE = 256


def probe_images(normals: NDArray[np.uint8], files: Sequence[Path]) -> list[bytes]:
    """PNG files from calibration normals (N, S, S, 3) and the files that they were read from, N of each and at least 1.

    - A whole image, as the networks see it.
    - One with a square of it turned and inverted: what is far from normal takes other ways through the networks.
    - A piece of a file, at its own size and depth: it is decoded and resized as an image of production is.
    """
    side = min(normals.shape[1], _SIDE)
    first, middle = (resize_image(normals[index], side) for index in (0, len(normals) // 2))
    return [_png(first), _png(_defaced(middle)), _piece(files[-1], side)]


def pack_probes(folder: Path, detector: Detector, images: Sequence[bytes]) -> None:
    """Lays the images into the package `folder`, which is saved, with what `detector` gives for them."""
    probes: list[Probe] = []
    content: dict[str, bytes] = {}
    for number, image in enumerate(images):
        prediction = detector.predict(probe_pixels(image, detector.card.depth))
        anomaly_map = prediction.anomaly_map[0]
        probe = Probe(
            image=f"{number}.png",
            map=f"{number}.tiff",
            score=float(prediction.pred_score[0]),
            map_sha256=map_sha256(anomaly_map),
        )
        probes.append(probe)
        content |= {probe.image: image, probe.map: _tiff(thinned(anomaly_map))}
    (folder / PROBES_FILE).write_bytes(_zip(content))
    sha256, processor = probes_sha256(folder), processor_name(detector.device)
    packed = Probes(sha256=sha256, device=detector.device, processor=processor, images=tuple(probes))
    write_card(folder, detector.card.model_copy(update={"probes": packed}))


def probes_sha256(folder: Path) -> str:
    return hashlib.sha256((folder / PROBES_FILE).read_bytes()).hexdigest()


def probe_pixels(image: bytes, depth: Depth) -> NDArray[np.uint8]:
    """(1, H, W, 3), read as a file of the category is."""
    return image_from_bytes(image, depth, PROBES_FILE)[None]


def read_map(tiff: bytes) -> NDArray[np.float32]:
    """A map that `thinned` left, as it lies in the package."""
    return np.asarray(tifffile.imread(BytesIO(tiff)), np.float32)


def thinned(anomaly_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """A sixteenth of the map (H, W). Maps are smooth: what differs anywhere by more than rounding differs there."""
    return np.ascontiguousarray(anomaly_map[::MAP_STEP, ::MAP_STEP])


def map_sha256(anomaly_map: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(anomaly_map).tobytes()).hexdigest()


def _defaced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    low, high = len(pixels) * 3 // 8, len(pixels) * 5 // 8
    defaced = pixels.copy()
    defaced[low:high, low:high] = 255 - pixels[low:high, low:high][::-1, ::-1]
    return defaced


def _piece(file: Path, side: int) -> bytes:
    """From the middle, at most `side` high and three quarters of it wide: never of the networks' own shape."""
    image = decode(file)
    width, height = image.size
    rows, columns = _middle(height, side), _middle(width, side * 3 // 4)
    if isinstance(image, DeepImage):
        return _deep_png(image.values[rows, columns], image.declared)
    return _png(np.array(image.convert("RGB"))[rows, columns])


def _middle(length: int, most: int) -> slice:
    start = max(length - most, 0) // 2
    return slice(start, start + most)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Grey as grey: a third of the bytes, and `rgb_pixels` makes three channels of it again."""
    grey = bool((pixels == pixels[..., :1]).all())
    return _encoded(Image.fromarray(pixels[..., 0] if grey else pixels))


def _deep_png(values: NDArray[np.uint16], declared: int | None) -> bytes:
    """OpenCV writes 16-bit colour, which Pillow does not. Neither writes sBIT, the chunk with a declared depth."""
    _, encoded = cv2.imencode(".png", values if values.ndim == 2 else values[..., ::-1])
    png = encoded.tobytes()
    if declared is None:
        return png
    chunk = b"sBIT" + bytes([declared] * (1 if values.ndim == 2 else 3))
    header = 33  # signature and IHDR
    sbit = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:header] + sbit + png[header:]


def _encoded(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _tiff(anomaly_map: NDArray[np.float32]) -> bytes:
    stream = BytesIO()
    tifffile.imwrite(stream, anomaly_map)
    return stream.getvalue()


def _zip(content: dict[str, bytes]) -> bytes:
    """Without times: the same content is the same bytes."""
    stream = BytesIO()
    with ZipFile(stream, "w") as file:
        for name, data in content.items():
            file.writestr(ZipInfo(name), data)
    return stream.getvalue()
