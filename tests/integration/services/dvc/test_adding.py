"""A folder that is added again is, for DVC, as DVC itself would have added it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.utils import get_mtime_and_size

from services.dvc import data
from services.store.objects import md5_of_file
from tests.helpers.project import project_workspace
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = project_workspace(tmp_path)
    write(made, "a/0.png", "0")
    write(made, "a/1.png", "1")
    data.track_dataset(made, "set")
    return made


def write(workspace: Workspace, name: str, content: str) -> None:
    file = workspace.dataset_dir("set") / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_text(content)


def objects(root: Path) -> dict[str, tuple[bytes, int]]:
    """What DVC's cache holds, with the rights."""
    files = [file for file in (root / ".dvc/cache/files/md5").glob("*/*") if file.is_file()]
    return {file.parent.name + file.name: (file.read_bytes(), file.stat().st_mode) for file in files}


def added_by_dvc(workspace: Workspace) -> None:
    with Repo(str(workspace.root)) as repo:
        repo.add(str(workspace.dataset_dir("set")))


@pytest.mark.parametrize("cache_type", ["copy", "symlink", "hardlink"])
def test_what_dvc_keeps_of_it_is_what_its_own_add_would_keep(workspace: Workspace, cache_type: str) -> None:
    root, folder = workspace.root, workspace.dataset_dir("set")
    with Repo(str(root)) as repo, repo.config.edit("local") as config:
        config["cache"]["type"] = [cache_type]
    write(workspace, "b/2.png", "2")
    write(workspace, "b/twice.png", "2")
    write(workspace, "a/1.png", "another")
    data.track_dataset(workspace, "set", changed=True)
    document, kept = (root / "data/set.dvc").read_bytes(), objects(root)
    assert {md5_of_file(file) for file in folder.rglob("*.png")} <= kept.keys()
    if cache_type == "symlink":
        assert all(file.is_symlink() for file in folder.rglob("*.png"))
    with Repo(str(root)) as repo:
        mtimes, _ = get_mtime_and_size(str(folder), localfs, repo.dvcignore)
        assert repo.state.links["data/set"] == (folder.stat().st_ino, mtimes), "a checkout without it takes it away"
        assert not repo.status(targets=[str(root / "data/set.dvc")])
    added_by_dvc(workspace)
    assert ((root / "data/set.dvc").read_bytes(), objects(root)) == (document, kept)


def test_an_object_that_was_cut_off_or_is_gone_is_put_there_anew(workspace: Workspace) -> None:
    cache = workspace.root / ".dvc/cache/files/md5"
    sound = objects(workspace.root)
    cut, gone = (md5_of_file(workspace.dataset_dir("set") / name) for name in ("a/0.png", "a/1.png"))
    half = cache / cut[:2] / cut[2:]
    half.chmod(0o644)
    half.write_bytes(b"")
    (cache / gone[:2] / gone[2:]).unlink()
    data.track_dataset(workspace, "set", changed=True)
    assert objects(workspace.root) == sound
