from __future__ import annotations

import pytest

from tocoad.errors import SettingsError
from tocoad.files.remote_url import checked_url

SECRET = "hunter2/Zq7"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("s3://inspection/line-3", "s3://inspection/line-3"),
        ("s3://inspection/a@b/c:d/", "s3://inspection/a@b/c:d"),
        ("s3://inspection/", "s3://inspection"),
        ("../store", "../store"),
        ("~/store/", "~/store"),
        ("/mnt/a store/x", "/mnt/a store/x"),
    ],
)
def test_a_folder_and_a_bucket_with_or_without_a_prefix_are_places(url: str, kept: str) -> None:
    assert checked_url(url) == kept


@pytest.mark.parametrize(
    "url",
    [
        f"s3://AKIA123:{SECRET}@inspection/line-3",
        f"s3://{SECRET.replace('/', '')}@inspection/line-3",
        f"s3://inspection/line-3?X-Amz-Signature={SECRET}",
        f"s3://inspection/line-3/{SECRET}",
        f"https://AKIA123:{SECRET}@minio.example:9000/inspection",
        f"https://minio.example:9000/inspection?key={SECRET}",
        f"ops:{SECRET}@host:/store",
        f"gs://{SECRET}",
        f"s3://AKIA123:{SECRET}",
    ],
)
def test_a_url_with_a_key_in_it_is_refused_in_one_line_that_does_not_repeat_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with pytest.raises(SettingsError) as refused:
        checked_url(url)
    told = str(refused.value)
    assert "\n" not in told and "AWS_ACCESS_KEY_ID" in told
    assert not any(part in told for part in ("AKIA123", "hunter2", "Zq7", "inspection", "***"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "this is neither"),
        ("/", "this is neither"),
        ("s3://", "this is neither"),
        ("s3:inspection", "this is neither"),
        ("https://minio.example:9000/inspection", "AWS_ENDPOINT_URL"),
        ("a\nb", "this is neither"),
        ("s3://ab/x", "3 to 63"),
        ("s3://Inspection/x", "3 to 63"),
        ("s3://inspection//x", "an empty part"),
        ("s3://inspection/../x", "an empty part"),
    ],
)
def test_what_is_no_place_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        checked_url(url)
