"""Judges images with an exported detector. Needs onnxruntime, numpy and pillow, and nothing of tocoad.

    python examples/onnx_detector.py gear-onnx/detector.onnx part.png another.jpg --maps maps

A line for each image: its score, its label, its name. With `--maps` a grey picture of where it is anomalous.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

BATCH = 8


def read(file: Path, size: int) -> np.ndarray:
    """As the detector learned to see: upright, RGB, and resized by Pillow's bilinear filter. Of 8 bits a sample: how
    deeper files become 8 bits is a matter of their camera, and stands in the card as `depth`.
    """
    with Image.open(file) as image:
        if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"):
            raise SystemExit(f"{file}: {image.mode} pixels; save it with 8 bits a sample")
        upright = ImageOps.exif_transpose(image).convert("RGB")
    if upright.size != (size, size):
        upright = upright.resize((size, size), Image.Resampling.BILINEAR)
    return np.array(upright)


def main() -> None:
    parser = argparse.ArgumentParser(description="judge images with a detector that was exported as ONNX")
    parser.add_argument("detector", type=Path, help="detector.onnx")
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--maps", type=Path, help="a folder for the maps, black to white on the category's fixed scale")
    options = parser.parse_args()

    session = onnxruntime.InferenceSession(options.detector, providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    size, low, high = int(said["tocoad.image_size"]), float(said["tocoad.scale_low"]), float(said["tocoad.scale_high"])
    print(f"# {said['tocoad.category']}: anomalous above {float(said['tocoad.image_threshold']):.6g}")
    for start in range(0, len(options.images), BATCH):
        files = options.images[start : start + BATCH]
        images = np.stack([read(file, size) for file in files])
        scores, maps, labels = session.run(["pred_score", "anomaly_map", "pred_label"], {"images": images})
        for file, score, anomaly_map, label in zip(files, scores, maps, labels, strict=True):
            print(f"{score:.6g}\t{'anomalous' if label else 'normal'}\t{file}")
            if options.maps:
                options.maps.mkdir(parents=True, exist_ok=True)
                grey = np.clip((anomaly_map - low) / (high - low) * 255, 0, 255).astype(np.uint8)
                Image.fromarray(grey).save(options.maps / f"{file.name}.map.png")


if __name__ == "__main__":
    main()
