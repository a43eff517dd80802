"""Data sets in a workspace whose disk is arranged by its owner: links in it, and links of DVC's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.datasets import add_dataset, check_dataset
from services.dvc import data
from services.dvc.moved_links import LostLinkError
from tests.helpers.dataset_files import contents, use_cache
from tocoad.data.problems import DataError
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration


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
