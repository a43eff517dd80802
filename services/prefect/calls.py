"""The way to a Prefect server that is configured: what answers there, if anything does, is known before any work."""

from __future__ import annotations

from tocoad.errors import StageError, error_line


class PrefectServerError(StageError):
    """There is no Prefect server to work with; one line with its address, or with the log of the embedded one."""


def check_server(url: str) -> None:
    """Asks the configured server for its version.

    Raises:
        PrefectServerError: no server of Prefect's answers, or it lets nobody in.
    """
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            client.api_version()
    except Exception as error:  # httpx's, Prefect's, and of another answer whatever its client stumbles over
        raise PrefectServerError(
            f"no Prefect server answers at {url} ({error_line(error)}): start it, or unset PREFECT_API_URL for one of "
            "our own; of one that wants a user the password goes into PREFECT_API_AUTH_STRING"
        ) from error


def forgets_turns() -> bool:
    """Whether the configured server keeps its leases in memory, Prefect's default: restarted, it does not know whose
    turn it is, and the turn never comes free. False of one that does not tell its settings, as Prefect's cloud.
    """
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            settings = client.request("GET", "/admin/settings").json()
        return str(settings["server"]["concurrency"]["lease_storage"]).endswith(".memory")
    except Exception:  # it answered for its version: what it does not tell is no fault
        return False
