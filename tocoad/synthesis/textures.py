"""The texture folder: the source of content that is foreign to every category."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tocoad.data.depth import common_depth, reach_of
from tocoad.data.images import load_images
from tocoad.data.listing import list_images
from tocoad.errors import SettingsError
from tocoad.files.stand_ins import where
from tocoad.settings.sections import SynthesisSettings
from tocoad.synthesis.augment import Image

MOST_TEXTURES = 400


def load_textures(settings: SynthesisSettings, size: int) -> Image | None:
    """Textures uint8 `(T, size, size, 3)` in the order of their paths, or None where the settings name no folder.

    Of more than 400 images, 400 evenly spread ones are taken, so that every sub-folder has its share.
    """
    if settings.texture_dir is None:
        return None
    folder = where(settings.texture_dir)
    if not folder.is_dir():
        raise SettingsError(
            f"synthesis.texture_dir: {settings.texture_dir} is not a folder; name one with images, or leave it empty"
        )
    files = _chosen(list_images(folder).images)
    if not files:
        raise SettingsError(
            f"synthesis.texture_dir: {settings.texture_dir} holds no images; name another folder, or leave it empty"
        )
    reaches = (reach_of(file) for file in files)
    return load_images(files, size, common_depth(reach for reach in reaches if reach is not None))


def _chosen(files: Sequence[Path]) -> Sequence[Path]:
    if len(files) <= MOST_TEXTURES:
        return files
    return [files[i] for i in np.linspace(0, len(files) - 1, MOST_TEXTURES).round().astype(int)]
