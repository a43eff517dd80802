"""A detector is one folder: `detector.json`, `model.safetensors`, `probes.zip`, which only the check of the package
reads, and `reference.npz`, which only the watch reads. There is one scoring path, `predict`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tocoad.data.images import resize_images
from tocoad.data.threads import thread_pool
from tocoad.errors import StageError, first_line
from tocoad.nn.device import Compute, compute_context, resolve_device
from tocoad.nn.encoder import Triple
from tocoad.package.card import CARD_FILE, MODEL_FILE, DetectorCard, model_sha256, read_card, write_card
from tocoad.package.formats import NewerCardError
from tocoad.scoring.own_size import maps_at_own_size
from tocoad.settings.sections import ComputeSettings
from tocoad.stages.graph import METHODS
from tocoad.training.tensors import image_tensor

MODELS = {name: place for method in METHODS.values() for name, place in method.models.items()}
"""Model name of a card -> the module and class of its networks, as the methods declare them."""


class ScoringModel(Protocol):
    """The networks of a detector: an nn.Module that is rebuilt from its architecture and scores normalised images."""

    mean: Triple
    std: Triple

    @property
    def architecture(self) -> dict[str, Any]: ...

    @classmethod
    def from_architecture(cls, architecture: dict[str, Any]) -> ScoringModel: ...

    def score(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, S, S) -> anomaly map (1, S, S) and image score (1,)."""
        ...

    def embed(self, images: Tensor) -> Tensor:
        """(1, 3, S, S) -> (1, D) float32: what kind of image it is."""
        ...


class PackageError(StageError):
    """The folder is not a whole detector package; one line."""


@dataclass(frozen=True)
class Prediction:
    """Of B images (H, W); higher = more anomalous. Scores and maps are raw, never normalised.

    pred_score (B,) float32, anomaly_map (B, H, W) float32, pred_label (B,) bool, pred_mask (B, H, W) bool.
    """

    pred_score: NDArray[np.float32]
    anomaly_map: NDArray[np.float32]
    pred_label: NDArray[np.bool_]
    pred_mask: NDArray[np.bool_]


class Detector:
    """A trained detector: scores images and labels them by the thresholds of its card.

    On any device it scores in the precision that it was calibrated in, whatever `settings` say of autocast.
    """

    def __init__(self, card: DetectorCard, model: ScoringModel, settings: ComputeSettings) -> None:
        self.card = card
        self.model = model
        self._settings = settings.model_copy(update={"autocast": card.autocast})

    @property
    def image_size(self) -> int:
        return self.card.image_size

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        return "cuda" if resolve_device(self._settings).type == "cuda" else "cpu"

    def as_loaded(self) -> Detector:
        """The same detector, computing as one that `load_detector` gives by itself: what a training was told of threads
        and memory formats rounds otherwise. The networks are the same objects.
        """
        settings = ComputeSettings(device=self.device)
        with compute_context(settings) as compute:
            compute.place(cast(nn.Module, self.model))
        return Detector(self.card, self.model, settings)

    def with_card(self, card: DetectorCard) -> Detector:
        """The same networks."""
        return Detector(card, self.model, self._settings)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While it is open, threads may predict at the same time: torch's settings are the process's, and a prediction
        puts back what it found.
        """
        with compute_context(self._settings):
            yield

    def predict(self, images: NDArray[np.uint8]) -> Prediction:
        """Images (B, H, W, 3) uint8 RGB of any size. Those of another than `image_size` are resized as `load_images`
        does, and their maps come back at their own, as `evaluate --save-maps` writes them.
        """
        with compute_context(self._settings) as compute:
            maps, scores = score_images(self.model, resize_images(images, self.image_size), compute)
        maps = maps_at_own_size(maps, *images.shape[1:3])
        return Prediction(
            pred_score=scores,
            anomaly_map=maps,
            pred_label=scores > self.card.image_threshold.value,
            pred_mask=maps > self.card.pixel_threshold,
        )

    def embed(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, D) of images as `predict` takes them."""
        with compute_context(self._settings) as compute:
            return embed_images(self.model, resize_images(images, self.image_size), compute)

    def predict_on(self, threads: int, images: NDArray[np.uint8]) -> Prediction:
        """The same bytes as `predict`, with an image on each of `threads` cores. To divide the sums of one image among
        threads would round them otherwise, and is slower than one thread where the cores are busy.
        """
        if len(images) < 2 or threads < 2:
            return self.predict(images)
        with self.shared(), thread_pool(threads) as pool:
            parts = list(pool.map(self.predict, images[:, None]))
        fields = ("pred_score", "anomaly_map", "pred_label", "pred_mask")
        return Prediction(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in fields})

    def save(self, folder: Path) -> None:
        """Writes the package into `folder`, which is made."""
        folder.mkdir(parents=True)
        state = cast(nn.Module, self.model).state_dict()
        save_file({key: value.detach().cpu().contiguous() for key, value in state.items()}, folder / MODEL_FILE)
        write_card(folder, self.card)


def score_images(
    model: ScoringModel, images: NDArray[np.uint8], compute: Compute
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Anomaly maps (B, S, S) and image scores (B,) of uint8 images (B, S, S, 3).

    Image by image: kernels of another batch size round otherwise, and a score must not depend on its neighbours
    (methods.md: score and thresholds).
    """
    maps, scores = [], []
    with torch.inference_mode():
        for image in images:
            x = image_tensor(image[None], model.mean, model.std, compute)
            with compute.autocast():
                anomaly_map, score = model.score(x)
            maps.append(anomaly_map.float().cpu().numpy())
            scores.append(score.float().cpu().numpy())
    if not maps:
        size = images.shape[1]
        return np.empty((0, size, size), np.float32), np.empty(0, np.float32)
    return np.concatenate(maps), np.concatenate(scores)


def embed_images(model: ScoringModel, images: NDArray[np.uint8], compute: Compute) -> NDArray[np.float32]:
    """(B, D) of uint8 images (B, S, S, 3), at least one; image by image, as they are scored."""
    with torch.inference_mode(), compute.autocast():
        found = [model.embed(image_tensor(image[None], model.mean, model.std, compute)).float() for image in images]
    return torch.cat(found).cpu().numpy()


def load_detector(folder: Path, settings: ComputeSettings | None = None) -> Detector:
    """Reads a package; nothing in it is executed.

    Raises:
        PackageError: a file is missing, broken, or of a format that came after this software.
    """
    settings = settings or ComputeSettings()
    for name in (CARD_FILE, MODEL_FILE):
        if not (folder / name).is_file():
            raise PackageError(f"{folder} is not a detector package: {name} is missing")
    try:
        card, tensors = read_card(folder)
        if tensors is not None and tensors != model_sha256(folder):
            raise SafetensorError("its bytes are not those that were saved")
        module, _, name = MODELS[card.model].partition(":")
        model = getattr(importlib.import_module(module), name).from_architecture(card.architecture)
        model.load_state_dict(load_file(folder / MODEL_FILE))
    except NewerCardError as error:
        raise PackageError(str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise PackageError(f"{folder / CARD_FILE}: {where}: {first['msg']}") from None
    except ValueError as error:
        raise PackageError(f"{folder / CARD_FILE}: {error}: get the package again") from None
    except KeyError as error:
        raise PackageError(f"{folder / CARD_FILE}: unknown model {error}; known are {', '.join(MODELS)}") from None
    except (SafetensorError, RuntimeError) as error:
        reason = first_line(error)
        raise PackageError(f"{folder / MODEL_FILE} does not fit {CARD_FILE} or is damaged: {reason}") from None
    with compute_context(settings) as compute:
        compute.place(model.requires_grad_(False).eval())
    return Detector(card, model, settings)
