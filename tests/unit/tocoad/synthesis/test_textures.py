from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tocoad.errors import SettingsError
from tocoad.settings.sections import SynthesisSettings
from tocoad.synthesis import textures
from tocoad.synthesis.textures import load_textures


def write(folder: Path, name: str, value: int) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 50), (value, value, value)).save(file)


def test_no_folder_means_no_textures() -> None:
    assert load_textures(SynthesisSettings(), 32) is None


def test_textures_come_in_the_order_of_their_paths_resized_to_the_side(tmp_path: Path) -> None:
    for name, value in (("b/x.png", 30), ("a/z.png", 20), ("a/y.PNG", 10)):
        write(tmp_path, name, value)
    (tmp_path / "notes.txt").write_text("not an image", encoding="utf-8")
    loaded = load_textures(SynthesisSettings(texture_dir=tmp_path), 32)
    assert loaded is not None
    assert loaded.shape == (3, 32, 32, 3)
    assert loaded[:, 0, 0, 0].tolist() == [10, 20, 30]


def test_of_too_many_textures_evenly_spread_ones_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "MOST_TEXTURES", 3)
    for value in range(9):
        write(tmp_path, f"{value}.png", value)
    loaded = load_textures(SynthesisSettings(texture_dir=tmp_path), 32)
    assert loaded is not None
    assert loaded[:, 0, 0, 0].tolist() == [0, 4, 8]


@pytest.mark.parametrize(("folder", "reason"), [("missing", "is not a folder"), ("empty", "holds no images")])
def test_a_folder_without_textures_is_refused_by_its_key(tmp_path: Path, folder: str, reason: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=f"synthesis.texture_dir: .*{folder} {reason}") as error:
        load_textures(SynthesisSettings(texture_dir=tmp_path / folder), 32)
    assert "\n" not in str(error.value)
