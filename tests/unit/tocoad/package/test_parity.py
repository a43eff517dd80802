"""A package that was altered after it was made, with digests that fit, is found out by the numbers that it gives."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep_files import png16
from safetensors.numpy import load_file, save_file

from tests.helpers.packages import alter_weights, as_format_1, save_detector
from tocoad.data.depth import Depth
from tocoad.package.card import MODEL_FILE, PROBES_FILE, read_card, write_card
from tocoad.package.detector import load_detector
from tocoad.package.parity import check_parity
from tocoad.package.probes import pack_probes, probe_images
from tocoad.settings.sections import ComputeSettings


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return save_detector(tmp_path / "detector", 0, probes=False)


@pytest.fixture
def packed(package: Path) -> Path:
    """Of a camera of 12 bits, so that the depth of the card counts."""
    detector = load_detector(package, ComputeSettings(device="cpu"))
    detector.card = detector.card.model_copy(update={"depth": Depth(bits=12)})
    rng = np.random.default_rng(0)
    photo = png16(package.parent / "photo.png", rng.integers(0, 4096, (70, 60), dtype=np.uint16))
    pack_probes(package, detector, probe_images(rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8), [photo]))
    return package


def other_card(folder: Path, **changes: Any) -> None:
    write_card(folder, read_card(folder)[0].model_copy(update=changes))


def other_mean(folder: Path) -> None:
    architecture = read_card(folder)[0].architecture
    other_card(folder, architecture={**architecture, "encoder": {**architecture["encoder"], "mean": [0.5, 0.5, 0.45]}})


def other_size(folder: Path) -> None:
    other_card(folder, image_size=40)


def other_depth(folder: Path) -> None:
    other_card(folder, depth=Depth(bits=14))


def other_score(folder: Path) -> None:
    probes = read_card(folder)[0].probes
    assert probes is not None
    first = probes.images[0].model_copy(update={"score": float(np.nextafter(np.float32(probes.images[0].score), 9))})
    other_card(folder, probes=probes.model_copy(update={"images": (first, *probes.images[1:])}))


def test_an_intact_package_gives_the_very_bytes(packed: Path) -> None:
    parity = check_parity(packed)
    assert (parity.passed, parity.same_bytes, parity.probes, parity.tolerance) == (True, True, 3, 0)
    assert (parity.score_difference, parity.map_difference) == (0, 0)
    assert parity.here == parity.there


@pytest.mark.parametrize("alter", [alter_weights, other_mean, other_size, other_depth])
def test_altered_weights_or_preprocessing_are_found_with_figures(packed: Path, alter: Callable[[Path], None]) -> None:
    alter(packed)
    load_detector(packed)  # its digests are right
    parity = check_parity(packed)
    assert not parity.passed
    assert parity.fault is None
    assert max(parity.score_difference or 0, parity.map_difference or 0) > 1e-5


def test_one_bit_of_a_score_is_too_much_where_the_processor_is_the_same_and_rounding_elsewhere(packed: Path) -> None:
    other_score(packed)
    assert not check_parity(packed).passed
    probes = read_card(packed)[0].probes
    assert probes is not None
    other_card(packed, probes=probes.model_copy(update={"processor": "6502"}))
    elsewhere = check_parity(packed)
    assert (elsewhere.passed, elsewhere.same_bytes, elsewhere.tolerance) == (True, False, 1e-5)
    alter_weights(packed)
    assert not check_parity(packed).passed


@pytest.mark.parametrize("library", ["torch", "one-that-is-needed-no-longer"])
def test_other_libraries_may_round_and_no_more(packed: Path, library: str) -> None:
    other_score(packed)
    provenance = read_card(packed)[0].provenance
    other_card(packed, provenance=provenance.model_copy(update={"versions": {library: "0.4"}}))
    assert check_parity(packed).passed
    other_mean(packed)
    assert not check_parity(packed).passed


@pytest.mark.parametrize("made_on", [{"device": "cuda", "processor": "a GPU"}, {}])
def test_between_a_gpu_and_a_processor_as_in_bf16_more_is_allowed(packed: Path, made_on: dict[str, str]) -> None:
    probes = read_card(packed)[0].probes
    assert probes is not None
    other_card(packed, autocast=not made_on, probes=probes.model_copy(update=made_on or {"processor": "6502"}))
    assert check_parity(packed).tolerance == 0.02


def gone(folder: Path) -> None:
    (folder / PROBES_FILE).unlink()


def of_another(folder: Path) -> None:
    other = save_detector(folder.parent / "other", 1)
    (folder / PROBES_FILE).write_bytes((other / PROBES_FILE).read_bytes())


@pytest.mark.parametrize("lose", [gone, of_another])
def test_probes_that_the_card_names_are_there_or_the_package_is_not_whole(
    packed: Path, lose: Callable[[Path], None]
) -> None:
    lose(packed)
    parity = check_parity(packed)
    assert not parity.passed
    assert parity.fault == (
        "its package does not work: detector/probes.zip is missing, or not the one that was packaged"
    )


def test_a_package_without_probes_passes_and_says_that_nothing_was_compared(package: Path) -> None:
    parity = check_parity(as_format_1(package))
    assert (parity.passed, parity.probes) == (True, 0)
    assert parity.reason.startswith("parity not checked: the package carries no probes")


@contextmanager
def no_file_opens() -> Iterator[None]:
    """As on a machine that has too many open already."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(free := os.open(os.devnull, os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_machine_that_cannot_read_now_says_nothing_of_the_package(packed: Path) -> None:
    """A fault is a finding of the gate, and would reject the package for good."""
    check_parity(packed)
    with pytest.raises(OSError, match="Too many open files"), no_file_opens():
        check_parity(packed)
    assert check_parity(packed).passed


@pytest.mark.parametrize("probes", [True, False])
def test_a_package_whose_scores_are_no_numbers_does_not_work(packed: Path, probes: bool) -> None:
    if not probes:
        other_card(packed, probes=None)
    tensors = load_file(packed / MODEL_FILE)
    save_file(
        {k: v * v.dtype.type(np.nan) if v.dtype.kind == "f" else v for k, v in tensors.items()}, packed / MODEL_FILE
    )
    other_card(packed)
    what = "the score or map of its probe 0.png is not finite" if probes else "the score of a grey image is nan"
    assert check_parity(packed).fault == f"its package does not work: {what}"
