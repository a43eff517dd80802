"""Objects in a bucket, by DVC's own client of its remotes. The one file that knows the internal API of DVC's store.

Keys and endpoint come from the environment, AWS's usual files or DVC's settings of the remote, and stay in the client.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from dvc.config import ConfigError
from dvc.fs import RemoteMissingDepsError, get_cloud_fs
from dvc_data.hashfile.db import get_odb

from services.store.errors import AbsentError, DamagedError, StoreError
from services.store.faults import is_absent, told
from services.store.objects import ASIDE, LAYOUT, Found, is_hash, is_named, read_through
from tocoad.text.redaction import redacted

TIMEOUTS = {"connect_timeout": 10, "read_timeout": 20}
"""Of one request, in seconds: the second is how long a server may be silent."""
_MOST_JOBS = 16
# Each object on its way has so much in memory; S3 takes 10,000 parts.
_PART = 8 * 2**20


class RemotePlace:
    """An object appears whole: with one request, or with the last of a multi-part upload."""

    def __init__(self, url: str, settings: Mapping[str, Any]) -> None:
        self.name = redacted(url)
        self._is_s3 = url.startswith("s3://")
        timeouts = TIMEOUTS if self._is_s3 else {}
        try:
            kind, config, path = get_cloud_fs({}, url=url, **{**timeouts, **settings})
            self._dvc = kind(**config)
        except (ConfigError, RemoteMissingDepsError) as error:
            raise StoreError(f"{self.name}: DVC knows no such remote, or lacks a package for it") from error
        self._path, self.jobs, self.is_near = path, min(self._dvc.jobs, _MOST_JOBS), False

    def existing(self, hashes: set[str]) -> set[str]:
        with told(self.name):
            found = set(self._odb.oids_exist(hashes, jobs=self.jobs)) if hashes else set()
            if not found and self._is_s3:
                # Of a bucket that is not there, the listing says the same as of an empty one.
                self._client.call_s3("head_bucket", Bucket=self._path.partition("/")[0])
        return found

    def found(self, part: str) -> list[Found]:
        with told(self.name):
            try:
                entries = self._client.ls(self._dvc.join(self._path, *LAYOUT, part), detail=True)
            except FileNotFoundError as error:
                if not is_absent(error):
                    raise
                return []
        named = [(part + str(entry["name"]).rstrip("/").rpartition("/")[2], entry) for entry in entries]
        return [Found(name, int(entry["size"] or 0), _changed(entry)) for name, entry in named if is_hash(name)]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="tocoad-store-") as folder:
            yield Path(folder)

    @contextmanager
    def at_hand(self, name: str, scratch: Path) -> Iterator[Path]:
        file = scratch / secrets.token_hex(8)
        try:
            with told(self.name):
                try:
                    self._client.get_file(self._object(name), str(file), **self._one_stream)
                except Exception as error:
                    if is_absent(error):
                        raise AbsentError(f"{self.name}: object {name} is not there") from error
                    raise
            yield file
        finally:
            file.unlink(missing_ok=True)

    def take(self, name: str, file: Path, scratch: Path) -> int:
        with told(self.name):
            upload = self._client.open(self._object(name), "wb", block_size=_PART)
            try:
                digest, size = read_through(file, upload.write)
                if not is_named(name, digest):
                    raise DamagedError(f"object {name} has the content of {digest}")
                upload.close()
            except BaseException:
                # Closed in any case, or the collector of garbage puts what there is.
                upload.closed = True
                with suppress(Exception):
                    upload.discard()
                raise
        return size

    def remove(self, name: str) -> None:
        with told(self.name), suppress(FileNotFoundError):
            self._client.rm_file(self._object(name))

    def set_aside(self, name: str) -> str:
        aside = self._dvc.join(self._path, *ASIDE, name)
        with told(self.name):
            self._client.cp_file(self._object(name), aside)
            self._client.rm_file(self._object(name))
        return str(self._dvc.unstrip_protocol(aside))

    def _object(self, name: str) -> str:
        return str(self._odb.oid_to_path(name))

    @cached_property
    def _odb(self) -> Any:
        path = self._dvc.join(self._path, *LAYOUT)
        return get_odb(self._dvc, path, hash_name="md5")  # type: ignore[no-untyped-call]

    @cached_property
    def _client(self) -> Any:
        """Made with the first question: a wrong setting is told by who asks."""
        if self._is_s3:
            # What others put since is to be seen; and who asks again is `patiently`, in place of both libraries, whose
            # tries multiply: a server that is silent would be waited for 25 times.
            self._dvc.fs_args["use_listings_cache"] = False
            if "AWS_MAX_ATTEMPTS" not in os.environ:
                self._dvc.fs_args["config_kwargs"]["retries"] = {"total_max_attempts": 1}
            self._dvc.fs.retries = 1
        return self._dvc.fs

    @property
    def _one_stream(self) -> dict[str, int]:
        """Many objects come at once: none of them in pieces of 50 MB that are all in memory."""
        return {"max_concurrency": 1} if hasattr(self._client, "max_concurrency") else {}


def _changed(entry: Mapping[str, Any]) -> float | None:
    """By whichever of their words the client of such a place tells it."""
    told_as = next(
        (entry[word] for word in ("LastModified", "last_modified", "mtime", "updated") if word in entry), None
    )
    if isinstance(told_as, datetime):
        return told_as.timestamp()
    return float(told_as) if isinstance(told_as, int | float) else None
