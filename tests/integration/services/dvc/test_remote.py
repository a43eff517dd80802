"""The default remote in DVC's own configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc.remote import configure_remote, configured_remote
from tests.helpers.project import project_workspace
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

CONFIG = "[core]\n    analytics = false\n    autostage = true\n['remote \"mine\"']\n    url = /mnt/mine\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "workspace"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(CONFIG)
    (root / "dvc.yaml").write_text("stages: {}\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return project_workspace(root)


def default_of_dvc(folder: Path) -> str:
    """What the tool itself would push to."""
    with Repo(str(folder)) as repo:
        remote = repo.cloud.get_remote()
        return str(remote.fs.unstrip_protocol(remote.path)).removeprefix("file://")


def test_a_workspace_without_a_default_remote_has_none(workspace: Workspace) -> None:
    assert configured_remote(workspace) is None


def test_a_bucket_becomes_dvcs_default_remote_and_nothing_else_of_the_file_changes(workspace: Workspace) -> None:
    configure_remote(workspace, "s3://inspection/line-3/")
    assert default_of_dvc(workspace.root) == "s3://inspection/line-3"
    before, after = CONFIG.splitlines(), (workspace.root / ".dvc" / "config").read_text().splitlines()
    assert [line for line in after if line not in before] == [
        "    remote = store",
        "['remote \"store\"']",
        "    url = s3://inspection/line-3",
    ]
    assert [line for line in after if line in before] == before
    assert [file.name for file in (workspace.root / ".dvc").glob("*config*")] == ["config"]


def test_a_relative_folder_is_one_of_where_the_user_stands_and_moves_with_the_workspace(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    below = workspace.root / "data"
    below.mkdir()
    monkeypatch.chdir(below)
    told = configure_remote(workspace, "../../store")
    assert told.url == str(tmp_path / "store") == default_of_dvc(workspace.root)
    assert "url = ../../store\n" in (workspace.root / ".dvc" / "config").read_text()
    (tmp_path / "moved").mkdir()
    moved = Workspace(workspace.root.rename(tmp_path / "moved" / "workspace"))
    remote = configured_remote(moved)
    assert remote is not None and remote.url == str(tmp_path / "moved" / "store")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("link", "is a link"),
        ("link/below", "is a link"),
        ("workspace/data/store", "is in the workspace"),
        (".", "holds the workspace"),
        ("file", "is a file"),
    ],
)
def test_a_folder_that_is_no_place_for_a_store_is_refused_and_the_file_stays(
    workspace: Workspace, tmp_path: Path, place: str, reason: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=reason):
        configure_remote(workspace, str(tmp_path / place))
    assert (workspace.root / ".dvc" / "config").read_text() == CONFIG


def test_a_key_that_another_tool_wrote_into_the_url_is_not_used_and_not_told(workspace: Workspace) -> None:
    with (workspace.root / ".dvc" / "config").open("a") as config:
        config.write("['remote \"keyed\"']\n    url = s3://AKIA123:hunter2@bucket/x\n")
    with (workspace.root / ".dvc" / "config.local").open("w") as config:
        config.write("[core]\n    remote = keyed\n")
    with pytest.raises(SettingsError, match="a user, a key or a query") as refused:
        configured_remote(workspace)
    assert "hunter2" not in str(refused.value)


def test_a_remote_that_the_users_own_file_puts_before_it_is_told(workspace: Workspace) -> None:
    (workspace.root / ".dvc" / "config.local").write_text("[core]\n    remote = mine\n")
    with pytest.raises(SettingsError, match=r"config\.local names another default remote"):
        configure_remote(workspace, "s3://inspection/line-3")
