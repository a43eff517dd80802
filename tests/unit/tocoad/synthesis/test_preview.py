from __future__ import annotations

import numpy as np

from tocoad.synthesis.generator import SyntheticSample
from tocoad.synthesis.preview import (
    GAP,
    LABEL_HEIGHT,
    OUTLINE,
    TILE,
    Row,
    contact_sheet,
    highlighted,
    outlined,
    sample_rows,
)


def scar() -> np.ndarray:
    mask = np.zeros((64, 64), dtype=np.bool_)
    mask[20:30, 40:42] = True
    return mask


def test_the_outline_runs_around_the_mask_and_leaves_it_visible() -> None:
    image = np.full((64, 64, 3), 120, dtype=np.uint8)
    drawn = (outlined(image, scar()) == OUTLINE).all(axis=2)
    rows, columns = np.nonzero(drawn)
    scale = TILE // 64
    assert (rows.min(), rows.max()) == (20 * scale - 2, 30 * scale + 1)
    assert (columns.min(), columns.max()) == (40 * scale - 2, 42 * scale + 1)
    assert not drawn[20 * scale : 30 * scale, 40 * scale : 42 * scale].any()
    assert (image == 120).all()


def test_all_but_the_foreground_is_washed_out() -> None:
    image = np.full((64, 64, 3), 100, dtype=np.uint8)
    shown = highlighted(image, scar())
    assert (shown[scar()] == 100).all()
    # 0.25 * 100 + 0.75 * 255
    assert (shown[~scar()] == 216).all()


def test_the_sheet_holds_every_image_at_its_place_under_its_label() -> None:
    colours = [np.full((32, 32, 3), value, dtype=np.uint8) for value in (10, 90, 170)]
    sheet = np.asarray(contact_sheet("a title", [Row("first", colours), Row("second", colours[:1])]))
    assert sheet.shape == (LABEL_HEIGHT + 2 * (LABEL_HEIGHT + TILE + GAP), GAP + 3 * (TILE + GAP), 3)
    for row, column, value in ((0, 0, 10), (0, 1, 90), (0, 2, 170), (1, 0, 10), (1, 1, 255)):
        top = LABEL_HEIGHT + row * (LABEL_HEIGHT + TILE + GAP) + LABEL_HEIGHT
        left = GAP + column * (TILE + GAP)
        assert (sheet[top : top + TILE, left : left + TILE] == value).all()
    for top in (0, LABEL_HEIGHT, 2 * LABEL_HEIGHT + TILE + GAP):
        assert sheet[top : top + LABEL_HEIGHT].min() < 100


def test_samples_are_shown_as_normal_synthetic_and_outlined() -> None:
    normal, changed = (np.full((64, 64, 3), value, dtype=np.uint8) for value in (50, 150))
    rows = sample_rows("training", [normal], [SyntheticSample(changed, scar())])
    assert [row.label for row in rows] == ["training: normal", "training: synthetic", "training: mask"]
    assert np.array_equal(rows[0].images[0], normal)
    assert np.array_equal(rows[1].images[0], changed)
    assert (rows[2].images[0] == OUTLINE).all(axis=2).any()
