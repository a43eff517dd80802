"""What S3's clients raise, as an error of ours.

Of what the server says only its code is told: a message or an address of the library may hold a key or a signature.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientError as HttpError
from botocore import exceptions as boto

from services.store.errors import StoreAwayError, StoreError
from tocoad.errors import TocoadError

_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE and ~/.aws"
_REFUSED = {"403", "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken"} | {
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_ELSEWHERE = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"} | {
    "PermanentRedirect",
    "Redirect",
    "TemporaryRedirect",
}
_BUSY = {"408", "429", "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"} | {
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "Throttling",
}
_SILENT = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    boto.ResponseStreamingError,
    boto.FlexibleChecksumError,
    HttpError,
    ConnectionError,
    TimeoutError,
    asyncio.IncompleteReadError,
)


@contextmanager
def told(place: str) -> Iterator[None]:
    """For a block that asks the store at `place`, its URL as it may be printed.

    Raises:
        StoreAwayError, StoreError: in place of what a client of S3 raised; it is the cause.
    """
    try:
        yield
    except TocoadError:
        raise
    except Exception as error:
        if (ours := _translated(place, error)) is None:
            raise
        raise ours from error


def _translated(place: str, error: BaseException) -> TocoadError | None:
    """None for what is no client's, such as a full disk here."""
    for reason in _chain(error):
        if isinstance(reason, boto.ClientError):
            return _answered(place, reason)
        if isinstance(reason, boto.NoCredentialsError | boto.PartialCredentialsError | boto.TokenRetrievalError):
            return StoreError(f"{place}: there is no key for it: set {_KEYS}")
        if isinstance(reason, boto.SSLError):
            return StoreError(f"{place}: its certificate is not trusted: AWS_CA_BUNDLE names a file of those that are")
        if isinstance(reason, _SILENT):
            how = f"it does not answer as it should ({type(reason).__name__})"
            return StoreAwayError(f"{place}: {how}: is its server up, and AWS_ENDPOINT_URL right?")
        if isinstance(reason, boto.BotoCoreError):
            why = "S3's client cannot be set up"
            return StoreError(f"{place}: {why} ({type(reason).__name__}): look at AWS_* variables and ~/.aws")
    return None


def _answered(place: str, error: boto.ClientError) -> TocoadError:
    code = str(error.response.get("Error", {}).get("Code") or "")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    if code in _BUSY or status >= 500:
        return StoreAwayError(f"{place}: its server is busy or ill (it says {code or status})")
    if code == "NoSuchBucket" or (code == "404" and error.operation_name == "HeadBucket"):
        return StoreError(f"{place}: there is no such bucket: make it, or name another")
    if code == "RequestTimeTooSkewed":
        return StoreError(f"{place}: this machine's clock is not its server's: set the clock")
    if code in _REFUSED or status == 403:
        return StoreError(f"{place}: it refuses the key ({code}): set {_KEYS}, and see what this key may do there")
    if code in _ELSEWHERE:
        return StoreError(f"{place}: the bucket is in another region ({code}): set AWS_DEFAULT_REGION")
    return StoreError(f"{place}: it refuses {error.operation_name} ({code or status})")


def is_absent(error: BaseException) -> bool:
    """Whether it says that there is no such object: of a bucket that is not there it says something else."""
    codes = {
        reason.response.get("Error", {}).get("Code")
        for reason in _chain(error)
        if isinstance(reason, boto.ClientError) and reason.operation_name != "HeadBucket"
    }
    return bool(codes & {"NoSuchKey", "404"}) or (not codes and isinstance(error, FileNotFoundError))


def _chain(error: BaseException) -> Iterator[BaseException]:
    reason: BaseException | None = error
    while reason is not None:
        yield reason
        reason = reason.__cause__
