"""Images of more than 8 bits: the file's own depth, else the category's; never a range of an image's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from deep_files import packed_tiff, png16, png_chunk
from PIL import Image

from tocoad.data.depth import FULL_DEPTH, Depth, Reach, common_depth, depth_note, reach_of
from tocoad.data.images import read_image, read_mask
from tocoad.data.problems import DataError

RAMP = np.tile(np.linspace(0, 4095, 256).astype(np.uint16), (4, 1))
COLOUR = np.dstack([RAMP, RAMP[:, ::-1], RAMP // 2])
Writer = Callable[[Path, np.ndarray], object]


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path, FULL_DEPTH)
    (problem,) = caught.value.problems
    assert problem.file == path
    assert "\n" not in str(problem)
    return problem.reason


WRITERS: dict[str, Writer] = {
    "packed.tif": lambda path, values: packed_tiff(path, values, 12),
    "packed_mm.tif": lambda path, values: packed_tiff(path, values, 12, order=">"),
    "packed_deflate.tif": lambda path, values: packed_tiff(path, values, 12, deflate=True),
    "said.png": lambda path, values: png16(path, values, 12),
}


@pytest.mark.parametrize("values", [RAMP, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_declares_12_bits_is_read_by_its_own_word(tmp_path: Path, name: str, values: np.ndarray) -> None:
    WRITERS[name](tmp_path / name, values)
    expected = (values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)) >> 4
    for depth in (FULL_DEPTH, Depth(bits=10)):
        np.testing.assert_array_equal(read_image(tmp_path / name, depth), expected)


@pytest.mark.parametrize("bits", [10, 14])
def test_other_packed_depths_are_read_by_their_own_word(tmp_path: Path, bits: int) -> None:
    ramp = np.tile(np.linspace(0, 2**bits - 1, 256).astype(np.uint16), (4, 1))
    packed_tiff(tmp_path / "packed.tif", ramp, bits)
    np.testing.assert_array_equal(read_image(tmp_path / "packed.tif", FULL_DEPTH)[..., 0], ramp >> (bits - 8))


@pytest.mark.parametrize("values", [RAMP, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("name", ["silent.png", "silent.tif"])
def test_a_file_without_a_word_is_read_at_the_depth_of_its_category(
    tmp_path: Path, name: str, values: np.ndarray
) -> None:
    if name.endswith(".png"):
        cv2.imwrite(str(tmp_path / name), values if values.ndim == 2 else values[..., ::-1])
    else:
        tifffile.imwrite(tmp_path / name, values, photometric="minisblack" if values.ndim == 2 else "rgb")
    for bits in (10, 12, 14, 16):
        expected = np.minimum(values >> (bits - 8), 255)  # above the range: white
        read = read_image(tmp_path / name, Depth(bits=bits))
        np.testing.assert_array_equal(read if values.ndim == 3 else read[..., 0], expected)
    assert len(np.unique(read_image(tmp_path / name, Depth(bits=12)))) == 256


def test_16_bit_colour_below_transparency_and_turned_comes_with_all_its_bits(tmp_path: Path) -> None:
    transparent = np.dstack([COLOUR[..., ::-1], np.zeros_like(RAMP)])
    cv2.imwrite(str(tmp_path / "clear.png"), transparent)
    np.testing.assert_array_equal(read_image(tmp_path / "clear.png", Depth(bits=12)), COLOUR >> 4)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = png16(tmp_path / f"{orientation}.png", COLOUR, further=png_chunk(b"eXIf", exif.tobytes()[6:]))
        Image.fromarray((COLOUR >> 4).astype(np.uint8)).save(tmp_path / "8bit.png", exif=exif)
        expected = read_image(tmp_path / "8bit.png", FULL_DEPTH)
        np.testing.assert_array_equal(read_image(turned, Depth(bits=12)), expected, err_msg=str(orientation))


def test_png_samples_that_are_spread_over_16_bits_are_read_as_the_standard_says(tmp_path: Path) -> None:
    bright = png16(tmp_path / "bright.png", RAMP << 4, 12)
    dark = png16(tmp_path / "dark.png", (RAMP >> 5) << 4, 12)
    depth = common_depth(reach for reach in (reach_of(bright), reach_of(dark)) if reach)
    assert depth == Depth(declared="spread")
    np.testing.assert_array_equal(read_image(bright, depth)[..., 0], RAMP >> 4)
    # By itself it looks like 12 bits in the low places; its category knows better.
    np.testing.assert_array_equal(read_image(dark, depth)[..., 0], (RAMP >> 5) >> 4)


def test_what_png_says_of_alpha_does_not_count(tmp_path: Path) -> None:
    png16(tmp_path / "alpha.png", np.dstack([RAMP, np.full_like(RAMP, 65535)]), 12)
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png", FULL_DEPTH)[..., 0], RAMP >> 4)
    png16(tmp_path / "nothing.png", RAMP, 0)
    np.testing.assert_array_equal(read_image(tmp_path / "nothing.png", Depth(bits=12))[..., 0], RAMP >> 4)


def silent(greatest: int) -> Reach:
    return Reach(None, False, greatest)


@pytest.mark.parametrize(
    ("greatest", "bits"),
    [(0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (2640, 12), (4095, 12), (4096, 14), (16384, 16), (65535, 16)],
)
def test_a_category_has_the_smallest_depth_of_a_camera_that_holds_its_greatest_value(greatest: int, bits: int) -> None:
    assert common_depth([silent(greatest // 2), silent(greatest)]) == Depth(bits=bits)


def test_what_files_declare_does_not_decide_for_those_that_declare_nothing() -> None:
    assert common_depth([]) == FULL_DEPTH
    assert common_depth([Reach(16, False, 65535)]) == FULL_DEPTH
    assert common_depth([Reach(12, True, 4095), silent(900)]) == Depth(bits=10, declared="sensor")
    assert common_depth([Reach(12, False, 4095), silent(65535)]) == Depth(bits=16, declared="sensor")


def test_the_note_says_what_was_taken_and_names_what_does_not_fit() -> None:
    trained = [("train/good/0.png", silent(2640))]
    fits = depth_note(Depth(bits=12), trained, trained)
    assert fits == "16-bit files without a declared depth, taken as 12 bit (greatest value in training 2640)"
    beyond = depth_note(Depth(bits=12), trained, [*trained, ("test/dent/1.png", silent(5000))])
    assert beyond == f"{fits}; greater values become white: test/dent/1.png"
    alone = depth_note(FULL_DEPTH, [], [("test/dent/1.png", silent(5000))])
    assert alone is not None and alone.endswith("as 16 bit: test/dent/1.png; where that is wrong save them with 8 bits")
    # What is put aside for the threshold lies in train/good too: the note must not say that nothing does.
    aside = depth_note(FULL_DEPTH, [], [("train/good/1.png", silent(5000))])
    assert aside is not None and "none of them trained on" in aside and "calibration has no say" in aside
    declared = [("train/good/0.png", Reach(12, True, 4000))]
    assert depth_note(Depth(declared="sensor"), declared, declared) is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bits": 12, "planar": 2}, "12-bit TIFF of a kind that is not read right"),
        ({"bits": 12, "photometric": 0}, "12-bit TIFF of a kind that is not read right"),
        ({"bits": 11}, "11-bit TIFF of a kind that is not read right"),
        ({"bits": 12, "width": 65535, "order": ">"}, "truncated"),
    ],
)
def test_a_packed_tiff_that_is_not_read_right_is_refused(
    tmp_path: Path, options: dict[str, int], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    values = COLOUR if options.get("planar") else RAMP
    packed_tiff(tmp_path / "odd.tif", values, **options)  # type: ignore[arg-type]
    assert reason in refusal(tmp_path / "odd.tif")
    assert capfd.readouterr().err == ""


def test_limits_hold_for_packed_tiff_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    packed_tiff(tmp_path / "bomb.tif", np.zeros((2000, 8), np.uint16), 12, order=">", width=60000)
    assert "million pixels" in refusal(tmp_path / "bomb.tif")
    whole = packed_tiff(tmp_path / "cut.tif", RAMP, 12, order=">").read_bytes()
    for part in (whole[:-9], whole[:60], whole[:20]):
        (tmp_path / "cut.tif").write_bytes(part)
        assert refusal(tmp_path / "cut.tif")
    assert capfd.readouterr().err == ""


def test_a_deep_mask_marks_every_value_above_zero(tmp_path: Path) -> None:
    mask = np.zeros((4, 6), np.uint16)
    mask[1, 2] = 1
    packed_tiff(tmp_path / "packed.tif", mask, 12)
    png16(tmp_path / "colour.png", np.dstack([mask, mask, mask]))
    for name in ("packed.tif", "colour.png"):
        np.testing.assert_array_equal(read_mask(tmp_path / name), mask > 0)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", [*WRITERS, "packed10.tif"])
def test_whatever_is_altered_in_a_header_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    WRITERS.get(name, lambda path, values: packed_tiff(path, values >> 2, 10))(file, COLOUR)
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, 150, rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        file.write_bytes(damaged)
        try:
            assert read_image(file, FULL_DEPTH).dtype == np.uint8
        except DataError as error:
            assert "\n" not in str(error)
