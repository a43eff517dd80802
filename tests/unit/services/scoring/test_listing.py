"""The listing of a batch: in order, by content, and of any length."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from services.scoring import listing as listing_module
from services.scoring.listing import SHARD, read_listing, write_listing
from services.scoring.source import FolderSource


def names_of(count: int) -> list[tuple[str, str]]:
    return [(f"cam{index % 7}/part{index:05d}.png", f"{index} 1") for index in range(count)]


def test_images_come_in_order_of_their_names_whatever_order_they_were_found_in(tmp_path: Path) -> None:
    found = [
        ("b/a.png", "1"),
        ("b.png", "2"),
        ("a b.png", "3"),
        ("ä.png", "4"),
        ("Z.png", "5"),
        ("line\nfeed.png", "6"),
    ]
    listings = [
        write_listing(order, tmp_path / f"{number}")
        for number, order in enumerate((found, reversed(found), sorted(found)))
    ]
    assert listings[0].names(0) == sorted(name for name, _ in found)
    assert len({listing.digest for listing in listings}) == 1


def test_a_listing_that_was_sorted_in_parts_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = names_of(1000)
    random.Random(1).shuffle(images)
    whole = write_listing(images, tmp_path / "whole")
    monkeypatch.setattr(listing_module, "_SORTED_AT_ONCE", 30)
    monkeypatch.setattr(listing_module, "_MOST_OPEN", 4)
    parts = write_listing(images, tmp_path / "parts")
    assert parts.file.read_bytes() == whole.file.read_bytes() and parts.digest == whole.digest
    assert {file.name for file in tmp_path.iterdir()} == {"whole", "parts"}


def test_shards_hold_every_image_once(tmp_path: Path) -> None:
    images = names_of(2 * SHARD + 3)
    write_listing(images, tmp_path / "listing")
    listing = read_listing(tmp_path / "listing")
    shards = [listing.names(shard) for shard in range(listing.shards)]
    assert [name for names in shards for name in names] == sorted(name for name, _ in images)
    assert (
        [len(names) for names in shards]
        == [listing.size(shard) for shard in range(listing.shards)]
        == [SHARD, SHARD, 3]
    )


def test_another_stamp_or_name_is_another_listing(tmp_path: Path) -> None:
    images = names_of(10)
    others = [images, images[1:], [*images[:-1], (images[-1][0], "changed")], [*images[:-1], ("other.png", "9 1")]]
    digests = {write_listing(other, tmp_path / f"{number}").digest for number, other in enumerate(others)}
    assert len(digests) == len(others)


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "_SORTED_AT_ONCE", 1000)
    peaks = []
    for count in (2_000, 20_000):
        tracemalloc.start()
        listing = write_listing(((f"{index:09d}.png", "1 1") for index in range(count)), tmp_path / f"{count}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert listing.images == count
    # Of 18,000 images more: an open file and a line for each run of a thousand.
    assert peaks[1] - peaks[0] < 18_000 * 40


def test_a_folder_names_what_is_no_image_and_a_changed_image_has_another_stamp(tmp_path: Path) -> None:
    for name in ("b.png", "sub/a.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    source, others = FolderSource("parts/", tmp_path), list[str]()
    found = dict(source.images(others.append))
    assert (sorted(found), others, source.place) == (["b.png", "gone.png", "sub/a.jpg"], ["notes.txt"], "parts")
    (tmp_path / "b.png").write_bytes(b"12")
    assert dict(source.images(others.append))["b.png"] != found["b.png"]
