"""A source is merged into a data set, images are taken out: told before, and completed after a run that broke off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.datasets import ChangedDataset, add_dataset
from services.dvc import data
from services.merging import bring_in, remove_images
from tests.helpers.dataset_files import contents, drawn
from tocoad.data.merging import Comparisons
from tocoad.data.problems import DataError
from tocoad.errors import SettingsError, StageError
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration


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
