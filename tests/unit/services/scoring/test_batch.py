"""A batch that was begun: who may go on in it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from services.scoring.batch import ENDING, Batch, batch
from services.scoring.journal import Row, journal, line_of
from services.scoring.running import order_of
from services.scoring.source import FolderSource, open_source
from services.scoring.table import write_table
from tocoad.data.problems import DataError
from tocoad.errors import SettingsError


@pytest.fixture
def source(tmp_path: Path) -> FolderSource:
    (tmp_path / "images").mkdir()
    for number in range(3):
        (tmp_path / "images" / f"{number}.png").write_bytes(b"an image")
    (tmp_path / "images" / "notes.txt").touch()
    return FolderSource("line/today", tmp_path / "images")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "scores.csv"


def begin(out: Path, source: FolderSource) -> None:
    """With the row of one image known."""
    with batch(out, source, "models:/a.b@champion", "digest") as begun, journal(begun.journal(0)) as kept:
        kept.add(line_of(1, Row(0.5, True)))


def test_the_same_call_goes_on_with_what_is_known(out: Path, source: FolderSource) -> None:
    begin(out, source)
    with batch(out, source, "models:/a.b@champion", "digest") as again:
        assert again.found == 1 and list(again.known()) == [(0, 3, 1)]
        order = order_of(again, 0, threads=1, shared=True)
        assert order.names == {0: "0.png", 2: "2.png"} and order.journal == str(again.journal(0))
        assert (again.begun.left_out.count, again.begun.left_out.first) == (1, ("notes.txt",))


def test_another_detector_under_the_same_name_is_refused(out: Path, source: FolderSource) -> None:
    begin(out, source)
    with (
        pytest.raises(SettingsError, match=r"another detector, as models:/a\.b@champion was then: .*--anew"),
        batch(out, source, "models:/a.b@champion", "other"),
    ):
        pass


@pytest.mark.parametrize("change", ["one more", "one less", "another content"])
def test_other_images_are_refused(out: Path, source: FolderSource, change: str) -> None:
    begin(out, source)
    {
        "one more": lambda: (source.folder / "9.png").touch(),
        "one less": lambda: (source.folder / "0.png").unlink(),
        "another content": lambda: (source.folder / "0.png").write_bytes(b"another image"),
    }[change]()
    now = {"one more": 4, "one less": 2, "another content": 3}[change]
    with (
        pytest.raises(SettingsError, match=f"3 in line/today then, {now} in line/today now.*--anew scores all"),
        batch(out, source, "m", "digest"),
    ):
        pass


def test_anew_forgets_what_was_known(out: Path, source: FolderSource) -> None:
    begin(out, source)
    with batch(out, source, "m", "other", anew=True) as new:
        assert new.found == 0 and new.begun.package == "other"


def test_a_folder_of_somebody_else_is_left_alone(out: Path, source: FolderSource) -> None:
    kept = out.with_name(out.name + ENDING) / "kept"
    kept.parent.mkdir()
    kept.touch()
    for anew in (False, True):
        with pytest.raises(SettingsError, match="is in the way"), batch(out, source, "m", "digest", anew):
            pass
    assert kept.exists()


def test_two_at_once_do_not_work_on_one_batch(out: Path, source: FolderSource) -> None:
    with (
        batch(out, source, "m", "digest"),
        pytest.raises(SettingsError, match="another tocoad score works there"),
        batch(out, source, "m", "digest", anew=True),
    ):
        pass


def test_of_two_that_list_at_once_the_first_to_begin_keeps_its_batch(out: Path, source: FolderSource) -> None:
    with ExitStack() as stack:
        first: list[Batch] = []

        def meanwhile(_: int) -> None:
            first.append(stack.enter_context(batch(out, source, "m", "digest")))

        with (
            pytest.raises(SettingsError, match="another tocoad score works there"),
            batch(out, source, "m", "other", listed=meanwhile),
        ):
            pass
        with journal(first[0].journal(0)) as kept:
            kept.add(line_of(1, Row(0.5, True)))
    with batch(out, source, "m", "digest") as again:
        assert again.found == 1


def test_a_listing_that_was_broken_off_leaves_no_batch(out: Path, source: FolderSource) -> None:
    def broken_off(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), batch(out, source, "m", "digest", listed=broken_off):
        pass
    assert [file.name for file in out.parent.iterdir()] == ["images"]


def test_a_source_without_images_or_that_is_none_is_refused(out: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image in it"), batch(out, open_source(str(tmp_path / "empty")), "m", "d"):
        pass
    with pytest.raises(SettingsError, match="no such folder"):
        open_source(str(tmp_path / "nowhere"))


def test_the_table_is_in_order_and_the_batch_goes_when_it_is_written(out: Path, source: FolderSource) -> None:
    with batch(out, source, "m", "digest") as begun:
        with journal(begun.journal(0)) as kept:
            for place, row in ((2, Row(0.25, False)), (0, Row(0.5, True)), (1, Row(error="the file is empty"))):
                kept.add(line_of(place, row))
        told = write_table(out, begun.table(), {})
        begun.remove()
    assert out.read_text() == (
        "image_path,pred_score,pred_label,error\n"
        "line/today/0.png,0.5,1,\n"
        "line/today/1.png,,,the file is empty\n"
        "line/today/2.png,0.25,0,\n"
    )
    assert (told.images, told.rejected, told.errors) == (3, 1, 1)
    assert told.first_errors == (("line/today/1.png", "the file is empty"),)
    assert not out.with_name(out.name + ENDING).exists()
