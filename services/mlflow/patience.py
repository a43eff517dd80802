"""An MLflow that is away for a while: what is asked of it is asked again, within limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from services.mlflow.calls import AwayError

T = TypeVar("T")

# Longer than a server takes to start again; each try is itself one of several requests over half a minute.
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 5.0


def patiently(ask: Callable[[], T]) -> T:
    """What `ask` returns, which is called again while MLflow is away: it must bear to be broken off anywhere.

    Raises:
        AwayError: MLflow was away for two minutes.
        Exception: what else `ask` raised.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except AwayError as error:
            if time.monotonic() > deadline:
                raise AwayError(f"{error}; it was asked for {_PATIENCE_SECONDS:.0f} s") from error
        time.sleep(_PAUSE_SECONDS)
