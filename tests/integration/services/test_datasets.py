"""A folder becomes a data set: under a valid name, while nobody reads the one before, and each image is read once."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.datasets import add_dataset, add_sample
from services.dvc import data
from services.store.objects import md5_of
from tests.helpers.dataset_files import contents
from tests.helpers.leases import held_elsewhere
from tocoad.data.stamps import stamp
from tocoad.errors import SettingsError
from tocoad.files.lease import LeaseTakenError, study_owner
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration


@contextmanager
def read_below(folder: Path) -> Iterator[Counter[str]]:
    """How often each file there is opened to be read."""
    _reads.clear()
    _watched.append(f"{folder}/")
    try:
        yield _reads
    finally:
        _watched.clear()


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watched and str(arguments[0]).startswith(_watched[0]) and arguments[1] in ("r", "rb"):
        _reads[str(arguments[0])] += 1


_reads: Counter[str] = Counter()
_watched: list[str] = []
sys.addaudithook(_heard)


@pytest.mark.parametrize("name", ["", ".", "..", "../work", "../elsewhere", "a/b"])
def test_a_name_that_is_none_replaces_no_folder_of_the_workspace(workspace: Workspace, source: Path, name: str) -> None:
    kept = workspace.root / "data/earlier/part/train/good/000.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"an image")
    (workspace.root / "work").mkdir()
    before = contents(workspace.root)
    with pytest.raises(SettingsError, match="not a valid name of a data set"):
        add_dataset(workspace, source, name, "auto", silent)
    with pytest.raises(SettingsError, match="not a valid name of a data set"):
        add_sample(workspace, name, 0, silent)
    assert contents(workspace.root) == before


@pytest.mark.parametrize("reader", [Category("tiny", "plate"), "tiny", study_owner(Category("tiny", "gear"))])
def test_a_data_set_is_not_replaced_while_a_run_reads_it(
    workspace: Workspace, source: Path, tmp_path: Path, reader: Owner
) -> None:
    shutil.copytree(source, tmp_path / "tiny")
    add_dataset(workspace, tmp_path / "tiny", "tiny", "auto", silent)
    before = contents(workspace.dataset_dir("tiny"))
    # The category that is read is no longer there in what is to take its place.
    shutil.rmtree(tmp_path / "tiny/plate")
    with held_elsewhere(workspace, reader), pytest.raises(LeaseTakenError, match=r"the run .* works there"):
        add_dataset(workspace, tmp_path / "tiny", "tiny", "auto", silent, wait=0)
    assert contents(workspace.dataset_dir("tiny")) == before
    add_dataset(workspace, tmp_path / "tiny", "tiny", "auto", silent, wait=0)
    assert not workspace.dataset_dir("tiny").joinpath("plate").exists()


def test_dvc_reads_no_image_again_that_was_just_checked(workspace: Workspace, source: Path) -> None:
    images = workspace.dataset_dir("tiny").resolve()
    with read_below(images) as reads:
        add_dataset(workspace, source, "tiny", "auto", silent)
    # Once each, on the way into the cache.
    assert {reads[path] for path in reads if "/ground_truth/" not in path} == {1}
    assert len(reads) == len(contents(images))
    kept = [file for file in (workspace.root / ".dvc/cache/files/md5").rglob("*") if file.is_file()]
    assert {file.stat().st_mode & 0o777 for file in kept if file.suffix != ".dir"} == {0o444}
    assert not [file for file in kept if file.suffix == ".tmp"]
    for file in kept:
        assert md5_of(file.read_bytes()).hexdigest() == file.parent.name + file.name.removesuffix(".dir")
    known = data.data_version(workspace, "tiny")
    (images.parent / "tiny.dvc").unlink()
    shutil.rmtree(workspace.root / ".dvc")
    assert data.track_dataset(workspace, "tiny") == known


def test_of_a_file_that_is_no_longer_as_it_was_checked_dvc_takes_what_it_is(workspace: Workspace, source: Path) -> None:
    images = workspace.dataset_dir("tiny")
    shutil.copytree(source, images)
    honest = data.track_dataset(workspace, "tiny")
    file, wrong = "gear/train/good/000.png", "0" * 32
    checked = stamp(images / file)
    (images / file).write_bytes((images / file).read_bytes())
    assert data.track_dataset(workspace, "tiny", True, [(file, wrong, checked)]) == honest
    # What is believed otherwise.
    assert data.track_dataset(workspace, "tiny", True, [(file, wrong, stamp(images / file))]) != honest
