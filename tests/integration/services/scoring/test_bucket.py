"""Images below a prefix of a real S3 server."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest

from services.scoring import bucket as bucket_module
from services.scoring.bucket import BucketSource
from services.store.errors import StoreAwayError, StoreError
from tests.helpers.environment import kept_environment
from tests.helpers.fault_proxy import fault_proxy
from tests.helpers.s3_servers import BUCKET, S3Server
from tocoad.data.problems import DataError
from tocoad.errors import SettingsError

pytestmark = pytest.mark.integration

NAMES = ["a b.png", "a.png", "a/b.png", "sub/ü.jpg", "z.tiff"]


@pytest.fixture(params=["rclone", "moto"])
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    """With the images below `line/`, and others beside it that are none of them."""
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    with kept_environment():
        os.environ.update(server.env)
        client = boto3.session.Session().client("s3")
        for name in (*NAMES, "notes.txt", "sub/.hidden.png", ".cache/x.png"):
            client.put_object(Bucket=BUCKET, Key=f"line/{name}", Body=name.encode())
        client.put_object(Bucket=BUCKET, Key="line-2/other.png", Body=b"of another line")
        yield server


def test_every_image_below_the_prefix_is_found_page_by_page(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "_PAGE", 2)
    source, others = BucketSource(f"s3://{BUCKET}/line/"), list[str]()
    found = dict(source.images(others.append))
    assert (sorted(found), others) == (NAMES, ["notes.txt"])
    assert {source.read(name) for name in found} == {name.encode() for name in NAMES}
    assert source.place == f"s3://{BUCKET}/line"


def test_another_content_has_another_stamp(server: S3Server) -> None:
    source = BucketSource(f"s3://{BUCKET}/line")
    before = dict(source.images(lambda _: None))
    boto3.session.Session().client("s3").put_object(Bucket=BUCKET, Key="line/a.png", Body=b"A.PNG")
    after = dict(source.images(lambda _: None))
    assert {name for name in after if after[name] != before[name]} == {"a.png"}


def test_an_object_that_has_gone_is_a_fault_of_its_own(server: S3Server) -> None:
    with pytest.raises(DataError, match="is not there any more"):
        BucketSource(f"s3://{BUCKET}/line").read("gone.png")


def test_a_bucket_that_is_none_and_a_wrong_key_are_told_in_a_line_without_the_key(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="no such bucket"):
        list(BucketSource("s3://no-such-bucket/line").images(lambda _: None))
    with pytest.raises(SettingsError, match="endpoint and keys come from the environment"):
        BucketSource("s3://KEY:secret@bucket/line")
    if server.folder is not None:  # moto takes any key
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-of-somebody")
        with pytest.raises(StoreError) as caught:
            BucketSource(f"s3://{BUCKET}/line").read("a.png")
        assert "refuses the key" in str(caught.value) and "wrong-secret" not in str(caught.value)


def test_a_server_that_is_away_for_a_while_is_asked_again(
    rclone_server: S3Server, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fault_proxy(server.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        proxy.busy(2)
        assert BucketSource(f"s3://{BUCKET}/line").read("z.tiff") == b"z.tiff"
        proxy.busy()
        with pytest.raises(StoreAwayError, match="busy or ill"):
            BucketSource(f"s3://{BUCKET}/line", patience=0.5).read("z.tiff")
