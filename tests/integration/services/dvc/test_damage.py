"""What a power cut or a bad disk leaves of DVC's files is told and made anew, and nothing is taken for up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc import data, record, staleness
from services.dvc.calls import DvcError
from tests.helpers.damage import damages
from tests.helpers.shell_stages import A, B, produce
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


def logged_files(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.name == "services.dvc.damage")


def test_a_damaged_record_of_stages_is_set_aside_and_they_are_stale(
    recorded: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    lock = recorded.root / "dvc.lock"
    whole = lock.read_bytes()
    for damaged in damages(whole, places=2):
        caplog.clear()
        lock.write_bytes(damaged)
        data.track_dataset(recorded, "set")
        stale = staleness.stale(recorded, [*A, *B])
        assert stale <= {*A, *B}
        aside = lock.with_name("dvc.lock.damaged")
        if aside.exists():
            assert f"{lock}: damaged" in logged_files(caplog)
            assert aside.read_bytes() == damaged
            assert stale == {*A, *B}
            aside.unlink()
    record.commit(recorded, [*A, *B])
    assert lock.read_bytes() == whole


def test_a_damaged_data_file_is_made_anew(recorded: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    file = recorded.root / "data" / "set.dvc"
    whole, version = file.read_bytes(), data.data_version(recorded, "set")
    refused = 0
    for damaged in damages(whole, places=3):
        file.write_bytes(damaged)
        try:
            data.data_version(recorded, "set")
        except DvcError as error:
            refused += 1
            assert str(error).startswith(f"{file}: damaged")
            assert "\n" not in str(error)
        assert data.track_dataset(recorded, "set") == version
        assert data.data_version(recorded, "set") == version
        assert staleness.is_clean(recorded, [*A, *B])
    assert refused > 3


def test_a_damaged_object_of_dvc_s_cache_is_written_anew_by_the_next_run(recorded: Workspace) -> None:
    objects = {file: file.read_bytes() for file in (recorded.root / ".dvc" / "cache").rglob("*") if file.is_file()}
    for file, whole in objects.items():
        file.chmod(0o644)
        file.write_bytes(whole[: len(whole) // 2])
    data.track_dataset(recorded, "set")
    stale = staleness.stale(recorded, [*A, *B])
    assert stale == {*A, *B}
    produce(recorded, "a", "b")
    record.commit(recorded, sorted(stale))
    assert {file: file.read_bytes() for file in objects} == objects


def test_dvc_s_damaged_memory_of_hashes_is_made_anew(recorded: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    with Repo(str(recorded.root)) as repo:
        memories = [*Path(repo.site_cache_dir).rglob("cache.db")]
    for memory in memories:
        memory.write_bytes(b"no database" * 1000)
        for name in ("cache.db-wal", "cache.db-shm"):
            memory.with_name(name).unlink(missing_ok=True)
    data.track_dataset(recorded, "set")
    assert staleness.is_clean(recorded, [*A, *B])
    assert "DVC's memory of hashes is damaged (file is not a database)" in logged_files(caplog)
