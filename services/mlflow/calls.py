"""The one boundary to MLflow: whatever a call of its client raises leaves here as an error of ours, in one line.

MLflow raises its own errors, those of requests, SQLAlchemy, sqlite3, boto3 and the file system, and where a proxy
answers in its place, with a page of HTML or another JSON, what its code then stumbles over.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from tocoad.errors import PassingError, StageError, TocoadError, error_line, first_line
from tocoad.text.redaction import redacted

_NO_MLFLOW = "what answers there is no MLflow: is the address right?"
# Of these the text says all; of another the kind is wanted too.
_LIBRARIES = (MlflowException, requests.RequestException, SQLAlchemyError, sqlite3.Error, OSError)
_CAUSE = re.compile(r"\(Caused by \w+\((.*?)\)+$")
_HINTS = {
    401: "it wants a user: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    403: "this user may not do that: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to one that may",
}


class TrackingError(StageError):
    """MLflow cannot be used as it is; one line that names its address. `code` is MLflow's word for the reason."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class AwayError(PassingError):
    """MLflow does not answer, or says that it cannot now."""


@contextmanager
def told(uri: str) -> Iterator[None]:
    """For a block that calls MLflow, or its database.

    Raises:
        AwayError: in place of what says that the server does not answer now, that another holds the database, or that
            all connections to it are in use.
        TrackingError: in place of whatever else MLflow raises.
    """
    try:
        yield
    except TocoadError:
        raise
    except Exception as error:
        # Whoever logs an error logs its cause.
        raise _translated(uri, error) from (error if redacted(str(error)) == str(error) else None)


def connect(uri: str) -> MlflowClient:
    """MLflow's client, each of whose methods is `told`."""
    with told(uri):
        return cast(MlflowClient, _ToldClient(MlflowClient(uri), uri))


class _ToldClient:
    def __init__(self, client: MlflowClient, uri: str) -> None:
        self._client = client
        self._uri = uri

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not callable(value):
            return value

        @functools.wraps(value)
        def call(*arguments: Any, **named: Any) -> Any:
            with told(self._uri):
                return value(*arguments, **named)

        return call


def _translated(uri: str, error: Exception) -> TocoadError:
    status, reason = _status(error), _reason(error)
    if uri.startswith("http"):
        if _is_no_mlflow(error):
            return TrackingError(f"MLflow at {uri}: {_NO_MLFLOW} ({reason})")
        if isinstance(error, requests.ConnectionError | requests.Timeout) or (status is not None and status >= 500):
            return AwayError(f"MLflow at {uri} is away: start it, or name another in MLFLOW_TRACKING_URI ({reason})")
        if status in _HINTS:
            return TrackingError(f"MLflow at {uri}: {_HINTS[status]} ({reason})")
    elif "QueuePool limit" in reason:
        return AwayError(f"MLflow at {uri}: all connections to its database are in use, by this process ({reason})")
    elif "database is locked" in reason:
        return AwayError(f"MLflow at {uri}: another process has held its database for long: let it end ({reason})")
    return TrackingError(f"MLflow at {uri}: {reason}", error.error_code if isinstance(error, MlflowException) else None)


def _reason(error: Exception) -> str:
    line = first_line(error) if isinstance(error, _LIBRARIES) else error_line(error)
    # Around the cause, requests tells host, port and path once more.
    cause = _CAUSE.search(line)
    return line if cause is None else cause[1].strip("\"'").rpartition(": ")[2]


def _status(error: Exception) -> int | None:
    if isinstance(error, MlflowException):
        return int(cast(Any, error).get_http_status_code())
    # Artifacts travel without MLflow's own errors.
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code
    return None


def _is_no_mlflow(error: Exception) -> bool:
    if isinstance(error, MlflowException):
        return error.error_code == "ENDPOINT_NOT_FOUND" or "not in a valid JSON format" in str(error)
    return isinstance(error, requests.JSONDecodeError | AttributeError)
