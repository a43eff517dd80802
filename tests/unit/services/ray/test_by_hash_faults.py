"""Jobs by hash that cannot be done or come too late: told by the names of the workspace, and nothing is changed."""

from __future__ import annotations

import platform
import re
import shutil
from pathlib import Path

import pytest

from services.ray.apart import node_of
from services.ray.carrier import LostInStoreError
from services.ray.order import JobOrder
from services.store.errors import StoreError
from tests.helpers.by_hash import GEAR, SMALL, Way, manifest_of, settings_of
from tocoad.data.problems import DataError
from tocoad.errors import PassingError, SettingsError, StageError
from tocoad.files.fingerprint import folder_digest
from tocoad.files.lease import LeaseLostError, current_ticket, lease
from tocoad.files.workspace import Workspace
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.stage import silent


def test_what_keeps_a_node_from_its_work_is_told_with_its_name_and_not_tried_again(
    workspace: Workspace, way: Way
) -> None:
    """Keys, disks and ways to the store are a machine's own: the driver's may be in order."""
    way.cache.write_text("no folder")
    expected = f"^node {re.escape(platform.node())}: .* cannot be used .*ray.node_cache"
    with pytest.raises(StoreError, match=expected) as raised:
        way.run(manifest_of(workspace), settings_of(workspace))
    assert not isinstance(raised.value, PassingError)


def test_a_store_in_a_folder_of_the_drivers_alone_is_refused_by_the_node(
    workspace: Workspace, way: Way, tmp_path: Path
) -> None:
    way.run(manifest_of(workspace), settings_of(workspace))
    node, order = way.told
    elsewhere = node_of(node.replace(str(way.store), str(tmp_path / "not here")))
    expected = (
        f"^node {re.escape(platform.node())}: there is no folder {tmp_path}/not here: let ray.store name one that"
    )
    with pytest.raises(SettingsError, match=expected):
        elsewhere.run(JobOrder.model_validate_json(order), silent)


def test_a_broken_image_is_named_as_it_is_in_the_workspace(workspace: Workspace, way: Way) -> None:
    image = next((workspace.data_dir(GEAR) / "train" / "good").iterdir())
    image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(DataError, match=str(image.relative_to(workspace.root))) as raised:
        way.run(manifest_of(workspace), settings_of(workspace))
    assert str(way.cache) not in str(raised.value)


def test_what_the_store_has_lost_is_put_there_anew_for_the_next_try(workspace: Workspace, way: Way) -> None:
    settings, job = settings_of(workspace), manifest_of(workspace)
    way.run(job, settings)
    shutil.rmtree(way.store)
    shutil.rmtree(way.cache)
    with pytest.raises(LostInStoreError, match="manifest@tiny/gear"):
        way.run(job, settings)
    way.run(job, settings)


def test_an_answer_that_comes_after_the_lease_was_lost_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    settings, job = settings_of(workspace), manifest_of(workspace)
    with lease(workspace, [GEAR], "the test"):
        way = Way(workspace, tmp_path)
        way.run(job, settings)
        before = folder_digest(job.output_dir(workspace))
        ticket = current_ticket()
        assert ticket is not None
        ticket.unlink()
        with pytest.raises(LeaseLostError):
            way.run(job, settings_of(workspace, SMALL | {"split": {"train_min": 4, "calibration_min": 5}}))
        way.carrier.close()
    assert folder_digest(job.output_dir(workspace)) == before


def test_what_has_not_run_is_told_before_anything_travels(workspace: Workspace, way: Way) -> None:
    with pytest.raises(StageError, match="fit of tiny/gear needs the output of manifest"):
        way.run(Job(GEAR, "patchcore", METHODS["patchcore"].stage("fit")), settings_of(workspace))
    assert not way.told


def test_who_is_told_to_stop_waits_for_no_answer(workspace: Workspace, way: Way) -> None:
    way.carrier.close()
    with pytest.raises(StageError, match="stopped"):
        way.run(manifest_of(workspace), settings_of(workspace))
