"""Cards of every format that was ever written are read; those of a later one are refused with what to upgrade."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.files.sealed import seal
from tocoad.package.card import CARD_FILE, MODEL_FILE, read_card
from tocoad.package.detector import PackageError, load_detector
from tocoad.package.formats import FORMAT, MIGRATIONS

# As these versions wrote them: the first had no seal, the whole one has every key that may be left out there.
CARDS = Path(__file__).with_name("cards")


def package(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / "detector"
    folder.mkdir()
    shutil.copy(CARDS / f"{name}.json", folder / CARD_FILE)
    (folder / MODEL_FILE).touch()
    return folder


def rewritten(tmp_path: Path, **changes: Any) -> Path:
    folder = package(tmp_path, "format_1_sealed")
    document = json.loads((folder / CARD_FILE).read_text())
    del document["sha256"]
    (folder / CARD_FILE).write_text(seal({**document, **changes}))
    return folder


@pytest.mark.parametrize("name", ["format_1_first", "format_1_sealed", "format_1_whole", "format_2", "format_3"])
def test_a_card_of_an_earlier_version_says_what_it_said(tmp_path: Path, name: str) -> None:
    written = json.loads((CARDS / f"{name}.json").read_text())
    card, tensors = read_card(package(tmp_path, name))
    assert tensors == written.pop("model_sha256", None)
    written.pop("sha256", None)
    assert card.model_dump(mode="json") == {**written, "format": FORMAT}


def test_what_the_first_cards_left_out_is_the_default(tmp_path: Path) -> None:
    card, _ = read_card(package(tmp_path, "format_1_first"))
    assert (card.serves, card.depth, card.autocast) == ((), FULL_DEPTH, False)


def test_what_may_be_left_out_is_read_where_it_is_there(tmp_path: Path) -> None:
    card, _ = read_card(package(tmp_path, "format_1_whole"))
    assert (card.serves, card.autocast) == (("gear", "plate"), True)
    assert card.depth == Depth(bits=12, declared="sensor")


def test_every_earlier_format_has_a_card_here_and_a_way_to_the_next() -> None:
    assert sorted(MIGRATIONS) == list(range(1, FORMAT))
    assert {json.loads(file.read_text())["format"] for file in CARDS.iterdir()} == set(range(1, FORMAT + 1))


def test_a_card_of_a_later_format_is_refused_with_what_to_upgrade(tmp_path: Path) -> None:
    folder = rewritten(tmp_path, format=FORMAT + 1, key_of_the_future=1)
    with pytest.raises(PackageError) as caught:
        load_detector(folder)
    here = Path(__file__).parents[4]
    assert str(caught.value) == (
        f"{folder / CARD_FILE} is of format {FORMAT + 1}, and tocoad {version('tocoad')} in {here} reads cards up to "
        f"format {FORMAT}: upgrade tocoad there"
    )


@pytest.mark.parametrize("number", [0, -1, "1", 1.5, True, None])
def test_a_card_of_no_format_is_refused(tmp_path: Path, number: Any) -> None:
    folder = rewritten(tmp_path, format=number)
    with pytest.raises(PackageError, match=rf"{CARD_FILE}: format: .* is none that a card has: get the package again"):
        load_detector(folder)
