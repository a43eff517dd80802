"""A shard of a batch, as a worker scores it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.scoring.batch import batch
from services.scoring.journal import Row, Rows, read_rows
from services.scoring.order import ShardOrder
from services.scoring.running import order_of
from services.scoring.shard import score_shard
from services.scoring.source import FolderSource
from services.scoring.table import write_table
from tests.helpers.packages import save_detector
from tests.helpers.processes import wait_until
from tocoad.errors import StageError
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.predict.files import find_images, predict_files

NAMES = [f"{number:02d}.png" for number in range(24)]
DAMAGED, GONE = "05.png", "11.png"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_detector(tmp_path_factory.mktemp("made") / "package", 1, probes=False)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of several sizes; one is no image, and one is gone."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(3)
    for number, name in enumerate(NAMES):
        cv2.imwrite(str(folder / name), rng.integers(0, 256, (32 + number, 40, 3), dtype=np.uint8))
    (folder / DAMAGED).write_bytes((folder / DAMAGED).read_bytes()[:100])
    (folder / GONE).unlink()
    return folder


def whole(images: Path, package: Path, journal: Path | None = None, threads: int = 2) -> str:
    return ShardOrder(
        place=str(images),
        names=dict(enumerate(NAMES)),
        package=package_sha256(package),
        threads=threads,
        journal=None if journal is None else str(journal),
    ).text()


@pytest.fixture(scope="module")
def predicted(images: Path, package: Path) -> dict[str, Row]:
    """What `tocoad predict` says of them."""
    predictions = predict_files(load_detector(package), find_images([images]).images, threads=1)
    return {one.found.file.name: Row(one.pred_score, one.pred_label, one.error) for one in predictions}


def by_name(rows: Rows) -> dict[str, Row]:
    return {NAMES[place]: row for place, row in rows.items()}


@pytest.mark.parametrize("threads", [1, 4])
def test_its_rows_are_what_predict_says_to_the_bit(
    images: Path, package: Path, predicted: dict[str, Row], tmp_path: Path, threads: int
) -> None:
    file = tmp_path / "shard"
    assert score_shard({"package": package}, whole(images, package, file, threads)) == ""
    rows = by_name(read_rows(file))
    gone = rows.pop(GONE)
    assert rows == predicted and "truncated" in str(rows[DAMAGED].error)
    assert gone == Row(error="cannot be read (No such file or directory)")


def test_where_no_disk_is_shared_the_rows_come_home_with_the_answer(
    images: Path, package: Path, predicted: dict[str, Row], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    told.write_text(score_shard({"package": package, "images": images}, whole(Path("elsewhere"), package)))
    rows = by_name(read_rows(told))
    assert {name: rows[name] for name in predicted} == predicted


def test_an_image_whose_name_is_no_text_is_scored_too(
    images: Path, package: Path, predicted: dict[str, Row], tmp_path: Path
) -> None:
    line = tmp_path / "line"
    line.mkdir()
    (line / os.fsdecode(b"St\xfcck.png")).write_bytes((images / NAMES[0]).read_bytes())
    (line / os.fsdecode(b"St\xfcck.txt")).touch()
    source = FolderSource(str(line), line)
    with batch(tmp_path / "scores.csv", source, "m", package_sha256(package)) as begun:
        score_shard({"package": package}, order_of(begun, 0, threads=1, shared=True).text())
        write_table(tmp_path / "scores.csv", begun.table(), {})
        assert [row for _, row in begun.table()] == [predicted[NAMES[0]]]
        assert begun.begun.left_out.first == (r"St\xfcck.txt",)
    assert rf"{line}/St\xfcck.png," in (tmp_path / "scores.csv").read_text()


def test_a_detector_that_has_been_replaced_meanwhile_scores_nothing(images: Path, tmp_path: Path) -> None:
    text = whole(images, save_detector(tmp_path / "package", 2, probes=False), tmp_path / "shard")
    shutil.rmtree(tmp_path / "package")
    save_detector(tmp_path / "package", 3, probes=False)
    with pytest.raises(StageError, match="another detector than when this began"):
        score_shard({"package": tmp_path / "package"}, text)
    assert read_rows(tmp_path / "shard") == {}


def test_after_kill_9_no_image_that_has_its_row_is_scored_again(
    images: Path, package: Path, predicted: dict[str, Row], tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import sys, time\n"
        "from services.scoring import source\n"
        "from services.scoring.shard import score_shard\n"
        "from pathlib import Path\n"
        "read = source.FolderSource.read\n"
        "def slowly(self, name):\n"
        "    time.sleep(0.1 * int(name[:2]))\n"
        "    return read(self, name)\n"
        "source.FolderSource.read = slowly\n"
        "score_shard({'package': Path(sys.argv[1])}, sys.argv[2])\n"
    )
    with batch(tmp_path / "scores.csv", FolderSource(str(images), images), "m", package_sha256(package)) as begun:
        file, text = begun.journal(0), order_of(begun, 0, threads=2, shared=True).text()
        with subprocess.Popen([sys.executable, str(slow), str(package), text]) as process:
            wait_until("some rows are there", lambda: len(read_rows(file)) >= 5, 120)
            process.send_signal(signal.SIGKILL)
        before = file.read_bytes()
        assert 5 <= len(read_rows(file)) < len(predicted)
        score_shard({"package": package}, order_of(begun, 0, threads=2, shared=True).text())
        after = file.read_bytes()
        assert after.startswith(before) and len(after.splitlines()) == len(predicted), "each has one row; those stay"
        found = {Path(path).name: row for path, row in begun.table()}
    assert found == predicted
