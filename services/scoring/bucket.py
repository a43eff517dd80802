"""The images below a prefix of a bucket. Endpoint and keys come from the environment or AWS's own files, as those of a
store do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from services.scoring.source import Listed, is_image_key
from services.store.faults import is_absent, told
from services.store.patience import PATIENCE_SECONDS, patiently
from tocoad.data.problems import DataError, Problem
from tocoad.files.remote_url import S3, checked_url

_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 20}
_CONNECTIONS = 32
_PAGE = 1000


class BucketSource:
    """A server that is away is asked again for a while; then it is a StoreAwayError."""

    def __init__(self, place: str, patience: float = PATIENCE_SECONDS) -> None:
        """Raises SettingsError where it is no place in S3, or holds a key."""
        self.place, self._patience = checked_url(place), patience
        self._bucket, _, prefix = self.place.removeprefix(S3).partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    def images(self, other: Callable[[str], object]) -> Iterator[Listed]:
        page: dict[str, Any] = {"IsTruncated": True}
        where: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix, "MaxKeys": _PAGE}
        while page["IsTruncated"]:
            page = self._ask("list_objects_v2", **where)
            for entry in page.get("Contents", ()):
                name = entry["Key"].removeprefix(self._prefix)
                if (is_image := is_image_key(name)) is None:
                    continue
                if is_image:
                    yield name, f"{entry['Size']} {entry['ETag']}"
                else:
                    other(name)
            where["ContinuationToken"] = page.get("NextContinuationToken", "")

    def read(self, name: str) -> bytes:
        try:
            return patiently(partial(self._content, name), self._patience)
        except FileNotFoundError:
            raise DataError([Problem(Path(name), "is not there any more")]) from None

    def _content(self, name: str) -> bytes:
        with told(self.place):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
                return bytes(answer["Body"].read())
            except Exception as error:
                if is_absent(error):
                    raise FileNotFoundError(name) from None
                raise

    def _ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with told(self.place):
                return dict(getattr(self._client, method)(**arguments))

        return patiently(ask, self._patience)

    @cached_property
    def _client(self) -> Any:
        """Threads may share it. Who asks again is `patiently`: the tries of both would multiply."""
        import boto3
        from botocore.config import Config

        retries = {"total_max_attempts": 1}
        return boto3.session.Session().client(
            "s3", config=Config(max_pool_connections=_CONNECTIONS, retries=retries, **_TIMEOUTS)
        )
