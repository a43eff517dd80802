from __future__ import annotations

import numpy as np
import pytest

from tocoad.synthesis import content


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without augmentation and jitter: what is left is where the pixels come from."""
    for name in ("augment", "colour_jitter"):
        monkeypatch.setattr(content, name, lambda rng, image: image)


def numbered(size: int = 64) -> np.ndarray:
    """An image in which no two pixels are equal: channels hold row and column."""
    rows, columns = np.mgrid[:size, :size].astype(np.uint8)
    return np.stack((rows, columns, np.full_like(rows, 7)), axis=2)


def box(size: int, top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


@pytest.mark.usefixtures("plain")
def test_structure_is_the_image_in_64_shuffled_tiles() -> None:
    image = numbered()
    shuffled = content.structure_content(np.random.default_rng(0), image)

    def tiles(of: np.ndarray) -> list[bytes]:
        return [of[y : y + 8, x : x + 8].tobytes() for y in range(0, 64, 8) for x in range(0, 64, 8)]

    assert tiles(shuffled) != tiles(image)
    assert sorted(tiles(shuffled)) == sorted(tiles(image))


@pytest.mark.usefixtures("plain")
def test_texture_is_any_of_the_textures() -> None:
    textures = np.stack([np.full((32, 32, 3), value, dtype=np.uint8) for value in (1, 2, 3)])
    rng = np.random.default_rng(0)
    assert {int(content.texture_content(rng, textures)[0, 0, 0]) for _ in range(50)} == {1, 2, 3}


@pytest.mark.usefixtures("plain")
def test_a_copy_is_a_piece_of_the_source_from_an_eighth_of_the_side_away_at_least() -> None:
    image, mask = numbered(), box(64, 20, 20, 9, 7)
    for seed in range(60):
        layer = content.copied_content(np.random.default_rng(seed), image, None, mask, zoomed=False)
        y, x = (int(v) for v in layer[24, 23, :2])
        assert max(abs(y - 24), abs(x - 23)) >= 8
        assert layer[24, 23, 2] == 7
        if 5 <= y <= 58 and 4 <= x <= 59:
            # The piece and one pixel around it, for the gradients across its border.
            assert np.array_equal(layer[19:30, 19:28], image[y - 5 : y + 6, x - 4 : x + 5])


@pytest.mark.usefixtures("plain")
def test_a_copy_shows_the_object_where_there_is_one() -> None:
    foreground = box(64, 40, 40, 6, 10)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        layer = content.copied_content(rng, numbered(), foreground, box(64, 4, 4, 5, 5), zoomed=False)
        y, x = layer[6, 6, :2]
        assert foreground[y, x]


def test_a_zoomed_copy_is_enlarged_or_reduced_between_07_and_13() -> None:
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (256, 1))[..., None], 3, axis=2)
    steps = []
    for seed in range(60):
        layer = content.copied_content(np.random.default_rng(seed), ramp, None, box(256, 100, 100, 40, 40), zoomed=True)
        row = layer[120, 100:140, 0].astype(float)
        if np.all(np.diff(row) >= 0):  # not reflected at the image's border
            steps.append((row[-1] - row[0]) / 39)
    assert min(steps) == pytest.approx(1 / 1.3, abs=0.05)
    assert max(steps) == pytest.approx(1 / 0.7, abs=0.05)
    assert len(steps) > 20


def test_a_copy_at_the_image_border_is_reflected_not_empty() -> None:
    image = np.full((64, 64, 3), 50, dtype=np.uint8)
    for seed in range(30):
        layer = content.copied_content(
            np.random.default_rng(seed), image, None, np.ones((64, 64), dtype=np.bool_), zoomed=True
        )
        assert np.array_equal(layer, image)
