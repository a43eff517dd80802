"""Objects in a bucket, by DVC's own client of its S3 remotes. The one file that knows the internal API of DVC's store.

Keys and endpoint come from the environment, AWS's usual files or DVC's settings of the remote, and stay in the client.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from aiobotocore.session import AioSession
from botocore.exceptions import FlexibleChecksumError
from dvc.config import ConfigError
from dvc.fs import get_cloud_fs
from dvc_data.hashfile.db import get_odb
from fsspec.asyn import sync

from services.store.errors import AbsentError, DamagedError, StoreError
from services.store.faults import is_absent, told
from services.store.objects import ASIDE, LAYOUT, NOTES, Found, is_hash, is_named, md5_of
from tocoad.files.temporary import temporary_folder
from tocoad.text.redaction import redacted

TIMEOUTS = {"connect_timeout": 10, "read_timeout": 20}
"""Of one request, in seconds: the second is how long a server may be silent."""
# A request that writes may take so many times that. Of what a server does not read no client notices it.
_TO_WRITE = 15
_JOBS = 16
_PART = 8 * 2**20
"""Each object on its way has so much in memory."""
_MOST_PARTS = 9000


class BucketPlace:
    """An object appears whole: with one request, or with the last of a multi-part upload."""

    def __init__(self, url: str, settings: Mapping[str, Any]) -> None:
        self.name, self.jobs, self.is_near = redacted(url), _JOBS, False
        try:
            kind, config, path = get_cloud_fs({}, url=url, **{**TIMEOUTS, **settings})
        except ConfigError as error:
            raise StoreError(f"{self.name}: DVC does not know what is set for it in .dvc/config*: mend that") from error
        self.longest = float(_TO_WRITE * config["read_timeout"])
        self._dvc, self._bucket, self._path = kind(**config), path.partition("/")[0], path

    def existing(self, hashes: set[str]) -> set[str]:
        with told(self.name):
            found = set(self._odb.oids_exist(hashes, jobs=self.jobs)) if hashes else set()
            if not found:
                # Of a bucket that is not there, the listing says the same as of an empty one.
                self._call("head_bucket")
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

    def scratch(self) -> AbstractContextManager[Path]:
        return temporary_folder("store")

    @contextmanager
    def at_hand(self, name: str, scratch: Path) -> Iterator[Path]:
        file = scratch / secrets.token_hex(8)
        try:
            with told(self.name):
                try:
                    # In one stream: many come at once, and none of them in pieces of 50 MB that are all in memory.
                    self._client.get_file(self._odb.oid_to_path(name), str(file), max_concurrency=1)
                except Exception as error:
                    if is_absent(error):
                        raise AbsentError(f"{self.name}: object {name} is not there") from error
                    if isinstance(error, FlexibleChecksumError):
                        raise DamagedError(f"object {name}: {error}") from error
                    raise
            yield file
        finally:
            file.unlink(missing_ok=True)

    def take(self, name: str, file: Path, scratch: Path) -> int:
        part = max(_PART, file.stat().st_size // _MOST_PARTS)
        with told(self.name), file.open("rb") as stream:
            piece = stream.read(part)
            if len(piece) == part:
                return self._take_in_parts(name, piece, stream, part)
            _check(name, md5_of(piece).hexdigest())
            self._call("put_object", Key=self._key(name), Body=piece, ContentMD5=_sent_along(piece))
            return len(piece)

    def _take_in_parts(self, name: str, piece: bytes, stream: BinaryIO, part: int) -> int:
        digest, size, parts = md5_of(), 0, list[dict[str, Any]]()
        upload = {"Key": self._key(name)}
        upload["UploadId"] = self._call("create_multipart_upload", **upload)["UploadId"]
        try:
            while piece:
                digest.update(piece)
                size += len(piece)
                which = {"PartNumber": len(parts) + 1}
                sent = self._call("upload_part", **upload, **which, Body=piece, ContentMD5=_sent_along(piece))
                parts.append({**which, "ETag": sent["ETag"]})
                piece = stream.read(part)
            _check(name, digest.hexdigest())
            self._call("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts})
        except BaseException:
            with suppress(Exception):
                self._call("abort_multipart_upload", **upload)
            raise
        return size

    def remove(self, name: str) -> None:
        with told(self.name):
            self._call("delete_object", Key=self._key(name))

    def set_aside(self, name: str) -> str:
        aside = self._dvc.join(self._path, *ASIDE, name)
        with told(self.name):
            self._client.cp_file(self._odb.oid_to_path(name), aside)
            self._call("delete_object", Key=self._key(name))
        return str(self._dvc.unstrip_protocol(aside))

    def write_note(self, name: str, content: bytes) -> None:
        with told(self.name):
            self._call("put_object", Key=_key(self._note(name)), Body=content, ContentMD5=_sent_along(content))

    def note(self, name: str) -> bytes | None:
        with told(self.name):
            try:
                return bytes(self._client.cat_file(self._note(name)))
            except Exception as error:
                if is_absent(error):
                    return None
                raise

    def remove_note(self, name: str) -> None:
        with told(self.name):
            self._call("delete_object", Key=_key(self._note(name)))

    def notes(self) -> list[Found]:
        root = self._note("")
        with told(self.name):
            entries = self._client.find(root, detail=True)
        named = ((path.removeprefix(root).lstrip("/"), entry) for path, entry in entries.items())
        return [Found(name, int(entry["size"] or 0), _changed(entry)) for name, entry in named]

    def _note(self, name: str) -> str:
        return str(self._dvc.join(self._path, NOTES, name))

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        client = self._client
        return dict(sync(client.loop, client._call_s3, method, timeout=self.longest, Bucket=self._bucket, **arguments))

    def _key(self, name: str) -> str:
        return _key(str(self._odb.oid_to_path(name)))

    @cached_property
    def _odb(self) -> Any:
        assert self._client  # with its settings, before DVC makes one
        path = self._dvc.join(self._path, *LAYOUT)
        return get_odb(self._dvc, path, hash_name="md5")  # type: ignore[no-untyped-call]

    @cached_property
    def _client(self) -> Any:
        """Made with the first question: a wrong setting is told by who asks."""
        arguments = self._dvc.fs_args
        session = AioSession(profile=arguments.pop("profile", None))
        # Before it sends a body it would ask whether it may, and wait for the answer without any limit.
        session.get_component("event_emitter").register_last("before-call.s3", _send_at_once)
        # What others put since is to be seen.
        arguments |= {"session": session, "use_listings_cache": False}
        if "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ:
            # Or it would ask for the bucket's region before every request to a server that names none.
            arguments["cache_regions"] = False
        if "AWS_MAX_ATTEMPTS" not in os.environ:
            # Who asks again is `patiently`. The tries of both libraries multiply: a server that is silent would be
            # waited for 25 times.
            arguments["config_kwargs"]["retries"] = {"total_max_attempts": 1}
        self._dvc.fs.retries = 1
        return self._dvc.fs


def _key(path: str) -> str:
    """In the bucket that the path begins with."""
    return path.partition("/")[2]


def _check(name: str, digest: str) -> None:
    if not is_named(name, digest):
        raise DamagedError(f"object {name} has the content of {digest}")


def _sent_along(content: bytes) -> str:
    """As the server is told it, which refuses what came otherwise."""
    return base64.b64encode(md5_of(content).digest()).decode()


def _changed(entry: Mapping[str, Any]) -> float | None:
    changed = entry.get("LastModified")
    return changed.timestamp() if isinstance(changed, datetime) else None


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    params["headers"].pop("Expect", None)
