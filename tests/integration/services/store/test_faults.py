"""A store that fails: what may pass is asked again within limits, what will not is told, and nothing half is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from services.store.bucket import BucketPlace
from services.store.errors import StoreAwayError, StoreError
from services.store.store import Store, open_store
from services.store.transfer import Moved, transfer
from tests.helpers.fault_proxy import FaultProxy, fault_proxy
from tests.helpers.objects import flip, object_file, put_folder, put_object
from tests.helpers.s3_servers import S3Server

from .conftest import PATIENCE, use

FILES = 6


class Case:
    """A folder of six files here, pushed to a store behind a proxy."""

    def __init__(self, server: S3Server, proxy: FaultProxy, tmp_path: Path) -> None:
        self.server, self.proxy, self.root = server, proxy, tmp_path
        self.url = f"{server.url}/{tmp_path.name}"
        self.folder, self.names = put_folder(tmp_path / "here", FILES, size=200_000)
        self.here = open_store(str(tmp_path / "here"))
        self.there = open_store(str(tmp_path / "there"))

    @cached_property
    def far(self) -> Store:
        settings = {"connect_timeout": 2, "read_timeout": 2}
        return open_store(self.url, settings, patience=PATIENCE)

    def open_anew(self) -> None:
        """As the next command does, with the environment that it finds."""
        self.__dict__.pop("far", None)

    def put(self) -> Moved:
        return transfer(self.here, self.far, [self.folder])

    def get(self) -> Moved:
        return transfer(self.far, self.there, [self.folder])

    def stored(self, name: str) -> Path:
        """As rclone has it."""
        assert self.server.folder
        return object_file(self.server.folder / self.url.split("/", 3)[3], name)

    def whole_or_nothing(self) -> None:
        """What is in the local store is sound, and nothing else lies about."""
        files = [file for file in (self.root / "there" / "files" / "md5").rglob("*") if file.is_file()]
        held = {file.parent.name + file.name for file in files}
        assert held <= {self.folder, *self.names}
        assert self.there.damaged(held) == set()
        assert self.folder not in held or held == {self.folder, *self.names}


@pytest.fixture
def case(rclone_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    with fault_proxy(rclone_server.endpoint) as proxy:
        use(rclone_server.at(proxy.endpoint), monkeypatch)
        yield Case(rclone_server, proxy, tmp_path)


def test_a_store_that_says_503_for_a_while_is_asked_again(case: Case) -> None:
    case.far.patience = 20.0
    case.proxy.busy(times=3)
    assert case.put().objects == FILES + 1
    case.proxy.busy(times=3, method="GET")
    assert case.get().objects == FILES + 1
    case.whole_or_nothing()


def test_a_server_that_starts_again_is_waited_for(case: Case) -> None:
    case.far.patience = 20.0
    case.put()
    case.proxy.refuse()
    threading.Timer(1.0, case.proxy.accept).start()
    assert case.get().objects == FILES + 1
    case.whole_or_nothing()


@pytest.mark.parametrize("fault", ["refuse", "busy", "hang"])
def test_a_store_that_stays_away_is_given_up_in_one_line_and_within_a_limit(case: Case, fault: str) -> None:
    getattr(case.proxy, fault)()
    for step in (case.put, case.far.check):
        begin = time.monotonic()
        with pytest.raises(StoreAwayError) as told:
            step()
        # One request more may be on its way; the library's own tries would take 50 s.
        assert time.monotonic() - begin < PATIENCE + 15
        _in_one_line(case, told.value)
    case.whole_or_nothing()

    case.proxy.sound()
    if fault == "refuse":
        case.proxy.accept()
    assert case.put() == case.get()


def test_a_body_that_is_cut_short_is_asked_for_again_and_leaves_nothing(case: Case) -> None:
    case.far.patience = 20.0
    case.proxy.cut(70_000, times=3, method="PUT")
    assert case.put().objects == FILES + 1
    case.proxy.cut(70_000, times=3)
    assert case.get().objects == FILES + 1
    case.whole_or_nothing()


def test_what_broke_off_goes_on_where_it_was(case: Case) -> None:
    case.put()
    transfer(case.far, case.there, case.names[:2])
    case.proxy.cut(70_000)
    with pytest.raises(StoreAwayError):
        case.get()
    case.whole_or_nothing()

    case.proxy.sound()
    assert case.get().objects == FILES + 1 - 2
    case.whole_or_nothing()


def test_a_push_that_breaks_off_does_not_look_complete(case: Case) -> None:
    case.proxy.cut(70_000, method="PUT")
    with pytest.raises(StoreAwayError):
        case.put()
    assert case.folder in case.far.missing([case.folder])

    case.proxy.sound()
    case.put()
    assert case.far.missing([case.folder, *case.names]) == set()


def test_a_server_that_does_not_read_what_is_put_is_given_up(case: Case) -> None:
    name = put_object(case.root / "here", bytes(9 * 2**20))
    case.proxy.stall(method="PUT")
    assert isinstance(case.far.place, BucketPlace)
    case.far.place.longest = 1.0
    with pytest.raises(StoreAwayError):
        transfer(case.here, case.far, [name])


def test_what_is_altered_on_its_way_is_asked_for_again_and_never_taken(case: Case) -> None:
    case.far.patience = 20.0
    case.proxy.flip(times=2, method="PUT")
    case.put()
    assert case.far.damaged([case.folder, *case.names]) == set()
    for name in (case.folder, case.names[3]):
        case.proxy.flip(times=1, where=f"/{name[2:]}")
    case.get()
    case.whole_or_nothing()

    name = put_object(case.root / "here", b"another object")
    transfer(case.here, case.far, [name])
    case.proxy.shorten(4, f"/{name[2:]}")
    with pytest.raises(StoreError, match=f"object {name} is damaged"):
        transfer(case.far, case.there, [name])
    assert case.there.missing([name]) == {name}


@pytest.mark.parametrize("truncated", [False, True])
def test_a_damaged_object_is_not_taken_is_named_and_put_again_by_who_has_it(case: Case, truncated: bool) -> None:
    case.put()
    damaged = case.names[2]
    if truncated:
        case.stored(damaged).write_bytes(case.stored(damaged).read_bytes()[:1000])
    else:
        flip(case.stored(damaged))
    with pytest.raises(StoreError, match=f"object {damaged} is damaged and not taken: push") as told:
        case.get()
    _in_one_line(case, told.value)
    assert case.there.missing([case.folder, *case.names]) == {damaged, case.folder}, "all others came"

    assert case.put() == Moved(1, 200_000)
    assert case.get().objects == 2
    case.whole_or_nothing()


def test_an_object_missing_below_a_folder_is_noticed_though_the_folder_is_there(case: Case) -> None:
    case.put()
    case.get()
    lost = case.names[0]
    for store in (case.far, case.there):
        store.remove([lost])
    with pytest.raises(StoreError, match=f"object {lost} is not there, and not in .*: push") as told:
        case.get()
    _in_one_line(case, told.value)

    assert case.put().objects == 1
    assert case.get().objects == 1


def test_a_damaged_object_of_the_own_cache_is_never_put(case: Case) -> None:
    file = object_file(case.root / "here", case.names[1])
    flip(file)
    with pytest.raises(StoreError, match=f"object {case.names[1]} is damaged"):
        case.put()
    assert case.far.missing([case.folder, *case.names]) == {case.folder, case.names[1]}


def test_a_damaged_list_of_a_folder_is_taken_from_where_it_is_sound(case: Case) -> None:
    case.put()
    case.get()
    listing = object_file(case.root / "there", case.folder)
    flip(listing)
    case.get()
    case.whole_or_nothing()
    assert case.there.missing([case.folder]) == set()


def test_a_wrong_key_and_a_bucket_that_is_not_there_are_told_at_once(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = open_store("s3://no-such-bucket/x")
    for step in (
        nowhere.check,
        lambda: nowhere.missing([case.folder]),
        lambda: transfer(case.here, nowhere, case.names),
    ):
        with pytest.raises(StoreError, match="s3://no-such-bucket/x: there is no such bucket"):
            step()
    for name, value in (("AWS_SECRET_ACCESS_KEY", "another-secret-9876"), ("AWS_ACCESS_KEY_ID", "ANOTHERKEY")):
        monkeypatch.setenv(name, value)
        case.open_anew()
        for step in (case.far.check, case.put, case.get):
            with pytest.raises(StoreError, match=r"refuses the key .*AWS_SECRET_ACCESS_KEY") as told:
                step()
            _in_one_line(case, told.value)
            assert value not in str(told.value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    case.open_anew()
    with pytest.raises(StoreError, match="there is no key for it"):
        case.put()
    assert len(case.proxy.requests) < 25, "none of them is asked again"


_LISTING, _OBJECT = "list-type", "/files/md5/"


@pytest.mark.parametrize(
    ("method", "where", "step"),
    [("PUT", "", "write"), ("GET", _LISTING, "find"), ("GET", _OBJECT, "read back"), ("DELETE", "", "delete")],
    ids=["write", "find", "read back", "delete"],
)
def test_the_check_says_what_of_it_failed_and_why(case: Case, method: str, where: str, step: str) -> None:
    case.proxy.deny(method, where)
    with pytest.raises(StoreError, match=f"^{step} failed: .*refuses the key .AccessDenied") as told:
        case.far.check()
    _in_one_line(case, told.value)


def test_the_check_notices_what_comes_back_otherwise(case: Case) -> None:
    case.proxy.shorten(3, _OBJECT)
    with pytest.raises(StoreError, match=r"^read back failed: .*not what was written"):
        case.far.check()


def _in_one_line(case: Case, error: Exception) -> None:
    text = str(error)
    assert case.url in text and "\n" not in text
    assert case.server.key not in text and case.server.secret not in text and "Signature=" not in text
