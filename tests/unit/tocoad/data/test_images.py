from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images, read_image, read_mask
from tocoad.data.problems import DataError

GREY = np.arange(96, dtype=np.uint8).reshape(8, 12) * 2
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def reason(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path, FULL_DEPTH)
    (problem,) = caught.value.problems
    assert problem.file == path
    return problem.reason


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".BMP", ".tif", ".Tiff"])
def test_lossless_formats_come_back_exactly_in_any_letter_case(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(COLOUR).save(tmp_path / f"image{suffix}")
    pixels = read_image(tmp_path / f"image{suffix}", FULL_DEPTH)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, COLOUR)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_jpeg_is_read_as_opencv_reads_it(tmp_path: Path, suffix: str) -> None:
    smooth = cv2.resize(COLOUR, (96, 64), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(smooth).save(tmp_path / f"image{suffix}", quality=95)
    expected = cv2.imread(str(tmp_path / f"image{suffix}"))[..., ::-1]
    assert np.abs(read_image(tmp_path / f"image{suffix}", FULL_DEPTH).astype(int) - expected).max() <= 2


def test_grey_is_repeated_over_the_channels(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png", FULL_DEPTH), np.repeat(GREY[..., None], 3, axis=2))


@pytest.mark.parametrize("widen", [lambda x: x * np.uint16(257), lambda x: x * np.uint16(256)])
@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "colour.png", "colour.tif", "alpha.png"])
def test_16_bit_gives_back_the_8_bit_image_that_was_widened(
    tmp_path: Path, name: str, widen: Callable[[np.ndarray], np.ndarray]
) -> None:
    alpha = np.dstack([COLOUR, np.full_like(GREY, 7)])
    image = {"grey": GREY, "colour": COLOUR, "alpha": alpha}[name.partition(".")[0]]
    wide = widen(image.astype(np.uint16))
    if name.endswith(".tif"):
        tifffile.imwrite(tmp_path / name, wide, photometric="minisblack" if wide.ndim == 2 else "rgb")
    else:
        order = {2: wide, 3: wide[..., [2, 1, 0, 3][: wide.shape[-1]]]}[wide.ndim]
        cv2.imwrite(str(tmp_path / name), order)
    expected = np.repeat(GREY[..., None], 3, axis=2) if name.startswith("grey") else COLOUR
    np.testing.assert_array_equal(read_image(tmp_path / name, FULL_DEPTH), expected)


def test_big_endian_16_bit_tiff_is_read_alike(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "big.tif", GREY.astype(np.uint16) * 256, byteorder=">", photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "big.tif", FULL_DEPTH)[..., 0], GREY)


def test_alpha_is_dropped_and_the_colours_below_stay(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([COLOUR, np.zeros_like(GREY)]), "RGBA").save(tmp_path / "clear.png")
    np.testing.assert_array_equal(read_image(tmp_path / "clear.png", FULL_DEPTH), COLOUR)


def test_palette_image_gives_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([1, 0])
    image.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png", FULL_DEPTH), [[[200, 100, 50], [10, 20, 30]]])


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated clockwise by 90 degrees
    Image.fromarray(COLOUR).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png", FULL_DEPTH), np.rot90(COLOUR, k=-1))


def test_pixels_may_be_written_to(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "image.png")
    assert read_image(tmp_path / "image.png", FULL_DEPTH).flags.writeable


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"image{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert "truncated" in reason(path)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").touch()
    assert reason(tmp_path / "text.png") == "not a readable png, jpg, bmp or tif image"
    assert reason(tmp_path / "empty.png") == "the file is empty"
    assert reason(tmp_path / "absent.png") == "cannot be read (No such file or directory)"


def test_other_formats_are_not_decoded_whatever_their_suffix(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "image.png", format="GIF")
    assert reason(tmp_path / "image.png") == "not a readable png, jpg, bmp or tif image"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_001, 40_000])
def test_decompression_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    assert "million pixels" in reason(tmp_path / "bomb.png")


def test_several_pages_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([GREY, GREY]), photometric="minisblack")
    assert "several pages" in reason(tmp_path / "pages.tif")


@pytest.mark.parametrize(
    ("name", "pixels", "options"),
    [
        ("float", GREY.astype(np.float32), {"photometric": "minisblack"}),
        ("int32", GREY.astype(np.int32), {"photometric": "minisblack"}),
        ("planes", np.moveaxis(COLOUR.astype(np.uint16), 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        ("inverted", GREY.astype(np.uint16), {"photometric": "miniswhite"}),
    ],
)
def test_tiff_that_would_decode_to_other_pixels_is_refused(
    tmp_path: Path, name: str, pixels: np.ndarray, options: dict[str, str]
) -> None:
    tifffile.imwrite(tmp_path / f"{name}.tif", pixels, **options)
    assert "save it" in reason(tmp_path / f"{name}.tif")


def test_any_mask_pixel_above_zero_is_anomalous(tmp_path: Path) -> None:
    mask = np.array([[0, 1, 255]], np.uint8)
    for name, image in (
        ("grey", Image.fromarray(mask)),
        ("binary", Image.fromarray(mask).convert("1", dither=Image.Dither.NONE)),
        ("wide", Image.fromarray(mask.astype(np.uint16))),
        ("colour", Image.fromarray(np.dstack([0 * mask, mask, 0 * mask]))),
    ):
        image.save(tmp_path / f"{name}.png")
        expected = [[False, name != "binary", True]]
        read = read_mask(tmp_path / f"{name}.png")
        assert read.dtype == np.bool_
        np.testing.assert_array_equal(read, expected, err_msg=name)


def test_opaque_alpha_does_not_make_a_mask_anomalous(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[0, 1, :3] = 255
    Image.fromarray(pixels, "RGBA").save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), [[False, True, False]])


@pytest.mark.parametrize("below", [0, 255])
@pytest.mark.parametrize("stroke", [0, 255])
def test_strokes_on_a_transparent_layer_are_the_mask(tmp_path: Path, stroke: int, below: int) -> None:
    pixels = np.full((1, 3, 4), below, np.uint8)
    pixels[..., 3] = 0
    pixels[0, 1] = (stroke, stroke, stroke, 255)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), [[False, True, False]])


def test_palette_mask_is_read_by_colour_not_by_index(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([128, 0, 0, 0, 0, 0])
    image.putdata([1, 0, 1])
    image.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), [[False, True, False]])


def test_noise_of_a_jpeg_mask_is_not_anomalous(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20:41, 21:43] = 255
    Image.fromarray(mask).save(tmp_path / "mask.jpg", quality=60)
    assert np.count_nonzero(np.asarray(Image.open(tmp_path / "mask.jpg"))) > np.count_nonzero(mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.jpg"), mask > 0)


def test_loaded_images_keep_their_order_and_are_not_resampled_at_their_own_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 16, 16, 3), np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    for threads in (1, 3):
        np.testing.assert_array_equal(load_images(paths, 16, FULL_DEPTH, threads), images)


def test_loading_halves_by_an_antialiased_triangle_filter(tmp_path: Path) -> None:
    line = np.array([0, 0, 0, 0, 240, 240, 240, 240], np.uint8)
    Image.fromarray(np.tile(line, (8, 1))).save(tmp_path / "step.png")
    # Weights of a triangle of half-width 2 at the offsets 0.5 and 1.5: 3/8, 3/8, 1/8, 1/8.
    expected = [0, 240 * 1 / 8, 240 * 7 / 8, 240]
    loaded = load_images([tmp_path / "step.png"], 4, FULL_DEPTH)
    assert loaded.shape == (1, 4, 4, 3)
    np.testing.assert_allclose(loaded[0, 1, :, 0], expected, atol=1)


def test_loading_nothing_gives_an_empty_array() -> None:
    assert load_images([], 8, FULL_DEPTH).shape == (0, 8, 8, 3)


def test_loading_names_the_file_that_cannot_be_read(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"bad\.png: not a readable"):
        load_images([tmp_path / "good.png", tmp_path / "bad.png"], 8, FULL_DEPTH)
