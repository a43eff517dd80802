"""Data sets in a workspace whose disk is arranged by its owner: links in it, and links of DVC's own."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import pytest
from dvc.config import Config

from services.datasets import ChangedDataset, add_dataset, add_sample, change_dataset, check_dataset
from services.dvc import data
from services.dvc.moved_links import LostLinkError
from services.dvc.repository import opened
from services.merging import bring_in, remove_images
from services.store.objects import md5_of
from tests.helpers.project import project_workspace
from tocoad.data.changes import Changes
from tocoad.data.layouts.source import Source
from tocoad.data.merging import Comparisons
from tocoad.data.problems import DataError
from tocoad.data.stamps import stamp
from tocoad.errors import SettingsError, StageError
from tocoad.files.lease import LeaseTakenError, lease, study_owner
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import load_params, override
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "tiny"
    render_sample(folder, size=64, counts=SampleCounts(train=6, test_good=2, test_defective=2))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "workspace"
    root.mkdir()
    made = project_workspace(root)
    override(made, {"split.train_min": "3", "split.calibration_min": "2"})
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


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


def use_cache(workspace: Workspace, **settings: str) -> None:
    (workspace.root / ".dvc").mkdir()
    with Config(str(workspace.root / ".dvc")).edit("repo") as config:
        config["core"]["no_scm"] = True
        config["cache"] |= settings


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
@pytest.mark.parametrize("place", ["workspace", "other"])
def test_what_dvc_has_linked_to_its_cache_is_checked_taken_and_replaced_like_any_other(
    workspace: Workspace, source: Path, tmp_path: Path, kind: str, place: str
) -> None:
    cache = workspace.root / ".dvc/cache" if place == "workspace" else tmp_path / "big disk/cache"
    use_cache(workspace, type=kind, **({"dir": str(cache)} if place == "other" else {}))
    added = add_dataset(workspace, source, "tiny", "auto", silent)
    folder = workspace.dataset_dir("tiny")
    images = list(folder.rglob("*.png"))
    assert data.cache_dir(workspace) == cache
    assert all(file.is_symlink() if kind == "symlink" else file.stat().st_nlink > 1 for file in images)
    assert check_dataset(workspace, folder, "auto", silent).categories == added.categories
    version = data.data_version(workspace, "tiny")
    assert add_dataset(workspace, folder, "twin", "auto", silent).categories == added.categories
    assert add_dataset(workspace, source, "tiny", "auto", silent) == added
    assert data.data_version(workspace, "tiny") == data.data_version(workspace, "twin") == version
    assert contents(folder) == contents(workspace.dataset_dir("twin")) == contents(source)


@pytest.mark.parametrize("how", ["renamed", "copied"])
def test_links_to_the_cache_follow_a_workspace_that_moves(
    workspace: Workspace, source: Path, tmp_path: Path, how: str
) -> None:
    use_cache(workspace, type="symlink")
    added = add_dataset(workspace, source, "tiny", "auto", silent)
    moved = Workspace(tmp_path / "moved")
    if how == "renamed":
        workspace.root.rename(moved.root)
    else:
        shutil.copytree(workspace.root, moved.root, symlinks=True)
    assert check_dataset(moved, moved.dataset_dir("tiny"), "auto", silent).categories == added.categories
    links = list(moved.dataset_dir("tiny").rglob("*.png"))
    assert {link.readlink().is_relative_to(moved.root / ".dvc/cache") for link in links} == {True}
    assert data.track_dataset(moved, "tiny") == data.data_version(moved, "tiny")
    next((moved.root / ".dvc/cache/files/md5").glob("*/*[!r]")).unlink()
    back = Workspace(moved.root.rename(tmp_path / "back"))
    with pytest.raises(LostLinkError, match="bring that cache along"):
        data.track_dataset(back, "tiny")


def test_a_link_that_leads_elsewhere_is_still_refused(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    image = next(workspace.dataset_dir("tiny").rglob("good/*.png"))
    (tmp_path / "private.png").write_bytes(image.read_bytes())
    image.unlink()
    image.symlink_to(tmp_path / "private.png")
    with pytest.raises(DataError, match="leads out of the source folder"):
        check_dataset(workspace, workspace.dataset_dir("tiny"), "auto", silent)


@pytest.mark.parametrize("name", ["data", "data/tiny", "work", "work/tiny"])
def test_a_data_set_that_would_lie_behind_a_link_is_refused_and_nothing_is_added(
    workspace: Workspace, source: Path, tmp_path: Path, name: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (workspace.root / name).parent.mkdir(exist_ok=True)
    (workspace.root / name).symlink_to(disk)
    before = workspace.params_file.read_bytes()
    with pytest.raises(SettingsError, match="is a link"):
        add_dataset(workspace, source, "tiny", "auto", silent)
    assert not list(disk.iterdir()) and not workspace.categories("tiny")
    assert workspace.params_file.read_bytes() == before


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


@contextmanager
def held_elsewhere(workspace: Workspace, owner: Owner) -> Iterator[None]:
    """A thread of its own is another run: within one, a lease in a lease of the same is refused."""
    held, over = Event(), Event()

    def run() -> None:
        with lease(workspace, [owner], "the run"):
            held.set()
            over.wait()

    thread = Thread(target=run)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


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


def drawn(file: Path) -> Path:
    cv2.imwrite(str(file), np.random.default_rng(len(file.name)).integers(0, 256, (64, 64, 3), np.uint8))
    return file


@pytest.mark.parametrize("cache", ["copy", "hardlink", "symlink"])
def test_a_change_is_a_new_version_and_the_one_before_stays_in_the_cache(
    workspace: Workspace, source: Path, tmp_path: Path, cache: str
) -> None:
    use_cache(workspace, type=cache)
    add_dataset(workspace, source, "tiny", "auto", silent)
    folder, first = workspace.dataset_dir("tiny"), data.data_version(workspace, "tiny")
    before, note = contents(folder), (workspace.root / "data/tiny.dvc").read_bytes()
    image = "gear/train/good/new.png"
    changes = Changes(add={image: drawn(tmp_path / "a.png")}, remove=["gear/train/good/000.png"])
    made = change_dataset(workspace, "tiny", changes, "the change", silent)
    after = {**before, image: (tmp_path / "a.png").read_bytes()}
    del after["gear/train/good/000.png"]
    assert contents(folder) == after
    assert (made.before, made.after) == (first, data.data_version(workspace, "tiny"))
    assert data.track_dataset(workspace, "tiny") == made.after
    (workspace.root / "data/tiny.dvc").write_bytes(note)
    with opened(workspace) as repo:
        repo.checkout(str(folder), force=True)
    assert contents(folder) == before


def test_a_category_that_comes_or_goes_does_so_in_the_plan(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    folder = workspace.dataset_dir("tiny")
    plates = [path for path in contents(folder) if path.startswith("plate/")]
    new = {f"plug/train/good/{n}.png": drawn(tmp_path / f"{'x' * n}.png") for n in range(1, 7)}
    change_dataset(workspace, "tiny", Changes(add=new, remove=plates), "the change", silent)
    known = {category.partition("/")[2] for category in load_params(workspace).plan.categories}
    assert (
        known == {entry.name for entry in folder.iterdir()} == {*(d.name for d in source.iterdir()), "plug"} - {"plate"}
    )


def test_nothing_is_written_where_nothing_is_to_be_changed_or_it_is_only_asked(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    before, folder = contents(workspace.root), workspace.dataset_dir("tiny").stat().st_ino
    new = Changes(add={"gear/train/good/new.png": drawn(tmp_path / "a.png")})
    asked = change_dataset(workspace, "tiny", new, "the question", silent, write=False)
    made = change_dataset(workspace, "tiny", lambda _: Changes(), "nothing", silent)
    assert asked.inventory != made.inventory
    assert asked.before == asked.after == made.before == made.after == data.data_version(workspace, "tiny")
    assert contents(workspace.root) == before and workspace.dataset_dir("tiny").stat().st_ino == folder


def test_a_data_set_that_is_in_git_and_not_here_is_not_begun_anew(workspace: Workspace, source: Path) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    shutil.rmtree(workspace.dataset_dir("tiny"))
    before = (workspace.root / "data/tiny.dvc").read_bytes()
    told = r"data/tiny is not here, though tiny\.dvc gives its version .* tocoad restore tiny"
    with pytest.raises(StageError, match=told):
        bring_in(workspace, source, "tiny", "auto", "new", print, silent)
    assert (workspace.root / "data/tiny.dvc").read_bytes() == before
    assert bring_in(workspace, source, "tiny", "auto", "all", print, silent).after


def test_a_source_is_told_then_merged_and_brings_nothing_the_second_time(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    new = Path(shutil.copytree(source / "gear/train", tmp_path / "monday/gear/train"))
    (new / "good/more.png").write_bytes(drawn(tmp_path / "a.png").read_bytes())
    add_dataset(workspace, source, "tiny", "auto", silent)
    before, told = contents(workspace.dataset_dir("tiny")), list[Comparisons]()

    def announce(comparisons: Comparisons) -> None:
        assert contents(workspace.dataset_dir("tiny")) == before
        told.append(comparisons)

    made = bring_in(workspace, tmp_path / "monday", "tiny", "auto", "new", announce, silent)
    assert told[0]["gear"].new == ["gear/train/good/more.png"] and len(told[0]["gear"].identical) == 6
    after = contents(workspace.dataset_dir("tiny"))
    assert after == {**before, "gear/train/good/more.png": (tmp_path / "a.png").read_bytes()}
    again = bring_in(workspace, tmp_path / "monday", "tiny", "auto", "new", lambda _: None, silent)
    assert again.before == again.after == made.after != made.before


def test_conflicts_are_refused_or_taken_and_what_is_removed_goes_with_its_mask(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    before, folder = contents(workspace.dataset_dir("tiny")), workspace.dataset_dir("tiny")
    (tmp_path / "gear/train/good").mkdir(parents=True)
    image = "gear/train/good/000.png"
    drawn(tmp_path / image)
    with pytest.raises(DataError, match=r"gear/train/good/000\.png: differs from .*data/tiny/gear/train/good/000"):
        bring_in(workspace, tmp_path / "gear", "tiny", "auto", "new", print, silent)
    assert contents(folder) == before
    bring_in(workspace, tmp_path / "gear", "tiny", "auto", "conflicts", print, silent)
    assert contents(folder) == {**before, image: (tmp_path / image).read_bytes()}
    told = list[Comparisons]()
    mask = next(path for path in before if path.startswith("gear/ground_truth/"))
    gone = {mask, mask.replace("ground_truth", "test").replace("_mask", "")}
    remove_images(workspace, "tiny", [max(gone)], told.append, silent)
    assert set(told[0]["gear"].removed) == gone == {*before} - {*contents(folder)}
    with pytest.raises(SettingsError, match="did you mean 'tiny'"):
        remove_images(workspace, "tin", [image], print, silent)


def test_what_another_run_has_changed_while_this_one_waited_is_looked_at_again(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    seen: list[int] = []

    def plan(present: Source) -> Changes:
        count = sum(len(category.images) for category in present.categories)
        if not seen:
            seen.append(count)
            theirs = {"gear/train/good/theirs.png": drawn(tmp_path / "theirs.png")}
            change_dataset(workspace, "tiny", Changes(add=theirs), "another", silent)
        else:
            seen.append(count)
        return Changes(add={"gear/train/good/mine.png": drawn(tmp_path / "mine.png")})

    change_dataset(workspace, "tiny", plan, "this one", silent)
    names = {file.name for file in workspace.dataset_dir("tiny").glob("gear/train/good/*")}
    assert seen[1] == seen[0] + 1 and {"mine.png", "theirs.png"} <= names


@pytest.mark.parametrize("first", [True, False], ids=["the first version", "a later one"])
def test_a_change_that_was_broken_off_before_dvc_knew_of_it_is_completed_by_the_next(
    workspace: Workspace, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    def merge(folder: Path) -> ChangedDataset:
        return bring_in(workspace, folder, "tiny", "auto", "new", lambda _: None, silent)

    new = source if first else Path(shutil.copytree(source / "gear/train", tmp_path / "monday/gear/train")).parents[1]
    if not first:
        (new / "gear/train/good/more.png").write_bytes(drawn(tmp_path / "a.png").read_bytes())
        merge(source)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("services.dvc.data.track_dataset", broken)
        merge(new)
    lying = contents(workspace.dataset_dir("tiny"))
    again = merge(new)
    assert contents(workspace.dataset_dir("tiny")) == lying
    assert again.after is not None and again.after == again.before == data.data_version(workspace, "tiny")
    assert data.track_dataset(workspace, "tiny", changed=True) == again.after
    assert load_params(workspace).plan.categories


def test_images_that_a_broken_off_change_took_out_are_out_of_the_version_too(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    add_dataset(workspace, source, "tiny", "auto", silent)
    image = "gear/train/good/000.png"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("services.dvc.data.track_dataset", broken)
        remove_images(workspace, "tiny", [image], lambda _: None, silent)
    with pytest.raises(DataError, match=r"000\.png: is no image"):
        remove_images(workspace, "tiny", [image], lambda _: None, silent)
    version = data.data_version(workspace, "tiny")
    assert data.track_dataset(workspace, "tiny", changed=True) == version


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
