"""An MLflow that is away for a while: what is asked of it is asked again, within limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import requests
from mlflow.exceptions import MlflowException

from services.mlflow.tracking import TrackingError
from tocoad.errors import PassingError, first_line

T = TypeVar("T")

# Longer than a server takes to start again; each try is itself one of several requests over half a minute.
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 5.0


class AwayError(PassingError):
    """MLflow did not answer for as long as it is waited for."""


def patiently(uri: str, ask: Callable[[], T]) -> T:
    """What `ask` returns, which is called again while MLflow at `uri` is away: it must bear to be broken off anywhere.

    Raises:
        AwayError: MLflow was away for two minutes.
        Exception: what else `ask` raised.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except Exception as error:
            if not is_away(uri, error):
                raise
            if time.monotonic() > deadline:
                away = f"MLflow at {uri} was away for {_PATIENCE_SECONDS:.0f} s"
                raise AwayError(f"{away}: {first_line(error)}") from error
        time.sleep(_PAUSE_SECONDS)


def is_away(uri: str, error: Exception) -> bool:
    """Whether a server does not answer, or only says that it cannot now. A local database is never away."""
    if not uri.startswith("http"):
        return False
    if isinstance(error, TrackingError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, MlflowException):
        return bool(cast(Any, error).get_http_status_code() >= 500)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code >= 500
    # Artifacts travel without MLflow's own errors.
    return isinstance(error, requests.RequestException)
