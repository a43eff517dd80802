"""What may be the place of a store: a folder, or `s3://BUCKET/PREFIX`; and never a key in it.

The place lies in a file that git tracks, and is printed, logged and kept in records. No refusal repeats the text: what
is refused may hold a key.
"""

from __future__ import annotations

import re

from tocoad.errors import SettingsError
from tocoad.text.redaction import redacted

S3 = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_HOW = "endpoint and keys come from the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID ...) or AWS's own files"


def checked_url(text: str) -> str:
    """The same, without a slash at its end.

    Raises:
        SettingsError: it is no place, or holds a user, a query or one of the environment's secrets.
    """
    # In front of the first slash a folder has neither: `user:password@host:...`, `s3:bucket`.
    bare = text.removeprefix(S3)
    told = text.startswith(S3) and redacted(text) != text
    if told or "?" in text or "@" in bare.partition("/")[0]:
        raise SettingsError(f"the remote's URL holds a user, a key or a query, which git would keep: {_HOW}")
    if ":" in bare.partition("/")[0] or not text.isprintable() or not bare.strip("/ "):
        raise SettingsError(f"a remote is a folder or {S3}BUCKET/PREFIX, and this is neither; {_HOW}")
    if text.startswith(S3):
        _check_s3(bare)
    return text.rstrip("/")


def _check_s3(bare: str) -> None:
    bucket, _, prefix = bare.rstrip("/").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise SettingsError(f"the remote's bucket has no name that S3 takes: 3 to 63 of a-z, 0-9, '.', '-'; {_HOW}")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise SettingsError("the remote's prefix has an empty part, '.' or '..' in it: S3 takes them for names")
