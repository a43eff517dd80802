"""`infra/local-cluster.sh`, where it has nothing to start, or may not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from skip_report import reason

from infra.local import postgres
from infra.local.bringing_up import _with_needs
from infra.local.errors import UsageError
from infra.local.state import create

ROOT = Path(__file__).resolve().parents[4]


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "infra/local-cluster.sh", *arguments],
        env={**os.environ, "TOCOAD_CLUSTER_DIR": str(folder), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_not_there_is_down_and_need_not_be_stopped(tmp_path: Path) -> None:
    status = call(tmp_path / "cluster", "status")
    assert status.returncode == 1
    assert [line.split()[1:3] for line in status.stdout.splitlines()] == [["is", "down"]] * 8
    down = call(tmp_path / "cluster", "down")
    assert (down.returncode, down.stdout) == (0, f"{tmp_path / 'cluster'}: there is no cluster here\n")
    assert not (tmp_path / "cluster").exists()


def test_an_unknown_server_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    up = call(tmp_path / "cluster", "up", "redis")
    assert up.returncode == 2
    assert up.stderr.startswith("error: redis: there is no such server; there are postgres, s3, mlflow")
    assert not (tmp_path / "cluster").exists()


def test_what_a_server_needs_comes_before_it() -> None:
    assert [server.name for server in _with_needs(["mlflow"])] == ["postgres", "s3", "mlflow"]
    assert [server.name for server in _with_needs(["prefect-worker"])] == ["postgres", "prefect", "prefect-worker"]


def test_a_machine_without_postgresql_is_told_which_package_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)
    with pytest.raises(UsageError, match="initdb is missing: apt-get install postgresql, or"):
        postgres._program("initdb")


def test_of_debians_versions_the_newest_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)
    for version in ("9.6", "15", "13"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin/initdb").touch()
    assert postgres._program("initdb") == str(tmp_path / "15/bin/initdb")


@pytest.mark.skipif(os.geteuid() != 0, reason=reason("only root has PostgreSQL run as another user", "as root"))
def test_a_folder_that_postgresqls_user_cannot_reach_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    state = create(tmp_path / "closed" / "cluster")
    with pytest.raises(UsageError, match=r"is closed to .*TOCOAD_CLUSTER_DIR"):
        postgres._user(state.folder)
