"""Old versions go from the cache and from the store, and nothing that anything kept needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from services.dvc import data
from services.dvc.calls import DvcError
from services.dvc.remote import configure_remote
from services.gc.named import UnknownNeedsError
from services.gc.plan import Choice, Plan, make_plan
from services.gc.removal import tidy
from services.store.errors import StoreError
from tests.helpers.leases import said, start_holder
from tests.helpers.line_of_versions import Factory
from tests.helpers.objects import object_file
from tests.helpers.s3_servers import S3Server
from tocoad.errors import SettingsError
from tocoad.files.lease import LeaseTakenError
from tocoad.files.workspace import Category
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration

A, B, OTHER = Category("set", "a"), Category("set", "b"), Category("other", "a")


def run(factory: Factory, keep: int, **choice: bool) -> Plan:
    return tidy(factory.workspace, factory.registry, "set", Choice(keep, 0, **choice), None, None, silent)


def is_whole(factory: Factory, category: Category, version: int, scratch: Path) -> list[bool]:
    """In the cache, and in the store."""
    found = []
    for number, place in enumerate(factory.places):
        try:
            restored = factory.restored(category, version, place, scratch / f"{version}-{number}")
        except FileNotFoundError:
            found.append(False)
        else:
            assert restored == factory.made[category.model_name, version]
            found.append(True)
    return found


def test_versions_that_nothing_keeps_go_from_the_cache_and_the_store_and_all_others_stay(
    factory: Factory, tmp_path: Path
) -> None:
    for number in range(5):
        factory.images("set", {"a/1": b"always", "a/2": b"night %d" % number})
        factory.retrain(A, b"%d" % number, "kept" if number else "promoted")
    plan = run(factory, keep=2)
    kept = plan.categories()["a"]
    assert kept.kept == {5: ("one of the last 2",), 4: ("one of the last 2",), 1: ("champion",)} and kept.going == [
        3,
        2,
    ]
    assert [is_whole(factory, A, number, tmp_path) for number in (1, 4, 5)] == [[True, True]] * 3
    assert [is_whole(factory, A, number, tmp_path) for number in (2, 3)] == [[False, False]] * 2
    # Of each of the two the image, the list of images, two outputs.
    assert [len(share.sizes) for share in plan.shares] == [8, 8]
    again = run(factory, keep=2)
    assert again.objects == set() and again.categories()["a"].gone == [3, 2]


def test_champion_previous_and_a_challenger_without_a_verdict_stay_whatever_is_kept_else(
    factory: Factory, tmp_path: Path
) -> None:
    verdicts = ["promoted", "kept", "promoted", "kept", None, "kept"]
    for number, verdict in enumerate(verdicts):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number, verdict)
    plan = run(factory, keep=1)
    assert plan.categories()["a"].kept == {
        6: ("one of the last 1",), 5: ("open challenger",), 3: ("champion",), 1: ("previous",)
    }  # fmt: skip
    assert [is_whole(factory, A, number, tmp_path) for number in (1, 3, 5, 6)] == [[True, True]] * 4
    assert plan.categories()["a"].going == [4, 2]


def test_what_another_category_another_data_set_and_the_workspace_need_stays(factory: Factory, tmp_path: Path) -> None:
    factory.images("set", {"a/1": b"1", "b/1": b"1"})
    factory.retrain(A, b"same")
    factory.retrain(B, b"same")
    factory.images("other", {"a/1": b"1", "b/1": b"1"})  # the same list of files
    factory.retrain(OTHER, b"same")
    factory.images("set", {"a/1": b"2", "b/1": b"1"})
    factory.retrain(A, b"2")
    factory.promote(A, 2)
    factory.images("set", {"a/1": b"3", "b/1": b"1"})
    factory.retrain(A, b"3")
    plan = run(factory, keep=1)
    assert plan.categories()["a"].going == [] and plan.categories()["a"].shared == [1]
    factory.images("set", {"a/1": b"2", "b/1": b"1"})  # what lies there is of no version that is kept
    factory.retrain(A, b"4")
    factory.retrain(A, b"5")
    plan = run(factory, keep=1)
    assert plan.categories()["a"].kept.keys() == {5, 4}
    for category, version in ((A, 4), (A, 5), (B, 1), (OTHER, 1)):
        assert is_whole(factory, category, version, tmp_path / str(category)) == [True, True]


def test_tips_of_git_stay_and_what_only_its_history_names_goes(factory: Factory, tmp_path: Path) -> None:
    root = factory.workspace.root
    (root / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")

    def commit(message: str, *more: str) -> None:
        author = ("-c", "user.name=anna", "-c", "user.email=anna@example.com")
        files = ["data/set.dvc", *(["dvc.lock"] if (root / "dvc.lock").exists() else [])]
        subprocess.run(["git", "add", "-f", *files], cwd=root, check=True)
        subprocess.run(["git", *author, "commit", "-q", "-m", message], cwd=root, check=True)
        for command in more:
            subprocess.run(["git", *command.split()], cwd=root, check=True)

    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    names = []
    for content in (b"tagged", b"forgotten", b"now"):
        factory.images("set", {"a/1": content})
        names.append(data.data_version(factory.workspace, "set") or "")
        commit(content.decode(), *(["tag line-3"] if content == b"tagged" else []))
    factory.retrain(A, b"1")
    plan = run(factory, keep=1)
    lying = [object_file(factory.places[0], name).is_file() for name in names]
    assert lying == [True, False, True] and len(plan.cache.sizes) == 2


def test_of_a_record_that_cannot_be_read_nothing_is_removed(factory: Factory) -> None:
    for number in range(3):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number)
    night = factory.registry.version(A.model_name, 3).tags["workspace"]
    [record] = factory.workspace.services_dir.rglob(f"{night}/artifacts/workspace")
    (record / "dvc.lock").unlink()
    before = set(factory.objects())
    with pytest.raises(UnknownNeedsError, match=r"set\.a version 3 .* has no dvc\.lock"):
        run(factory, keep=1)
    shutil.rmtree(record)
    with pytest.raises(UnknownNeedsError, match=f"run {night} cannot be read"):
        run(factory, keep=1)
    (factory.workspace.root / "dvc.lock").write_text("<<<<<<< ours\n")
    with pytest.raises(DvcError, match=r"the workspace: dvc\.lock cannot be read"):
        run(factory, keep=1)
    assert set(factory.objects()) == before


def test_of_a_kept_version_whose_list_of_images_is_nowhere_nothing_is_removed_unless_that_is_said(
    factory: Factory,
) -> None:
    for number in range(3):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number)
        if number == 1:
            lost = data.data_version(factory.workspace, "set") or ""
    for place in factory.places:
        object_file(place, lost).unlink()
    before = set(factory.objects())
    with pytest.raises(UnknownNeedsError, match=rf"set.a version 2 is kept, and its folder {lost} is not in"):
        run(factory, keep=1)
    assert set(factory.objects()) == before
    assert run(factory, keep=1, ignore_lost=True).categories()["a"].going == [1]


def test_a_store_that_refuses_is_an_error_and_nothing_is_removed(
    factory: Factory, rclone_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number)
    for name, value in (rclone_server.env | {"AWS_SECRET_ACCESS_KEY": "wrong"}).items():
        monkeypatch.setenv(name, value)
    configure_remote(factory.workspace, rclone_server.url)
    before = set(factory.objects())
    with pytest.raises(StoreError, match="refuses the key"):
        run(factory, keep=1)
    assert set(factory.objects()) == before


def test_what_came_to_the_store_within_a_day_stays_there_with_its_files(factory: Factory) -> None:
    for number in range(3):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number)
    stored = {name for name in factory.objects() if str(factory.store) in name}
    plan = tidy(factory.workspace, factory.registry, "set", Choice(1, 24 * 3600), None, None, silent)
    assert plan.store is not None and not plan.store.sizes and plan.store.young == 4 == len(plan.cache.sizes)
    assert {name for name in factory.objects() if str(factory.store) in name} == stored


def test_while_another_run_works_in_the_workspace_nothing_is_removed(factory: Factory) -> None:
    factory.images("set", {"a/1": b"1"})
    factory.images("other", {"a/1": b"1"})
    factory.retrain(A, b"1")
    holder = start_holder(factory.workspace.root, "tocoad retrain other", "other/a")
    try:
        assert said(holder) == "held"
        with pytest.raises(LeaseTakenError, match=r"other/a: .*tocoad retrain other"):
            tidy(factory.workspace, factory.registry, "set", Choice(1, 0), None, None, silent, wait=0)
    finally:
        holder.communicate("\n", timeout=60)


def test_an_unknown_data_set_is_named_with_the_nearest_known_one(factory: Factory) -> None:
    factory.images("set", {"a/1": b"1"})
    with pytest.raises(SettingsError, match="did you mean 'set'"):
        make_plan(factory.workspace, factory.registry, "sett", Choice(1, 0), silent)
