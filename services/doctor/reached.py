"""Do the services answer? Each is asked once, for little, and is told nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.doctor.case import Case
from services.doctor.finding import Finding
from tocoad.errors import error_line
from tocoad.files.remote_url import S3

# MLflow waits 120 s for each of five answers, and Prefect 60 s for each of six.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
_SECONDS = 10.0
_LEASES_IN_FILES = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem"


def check_mlflow(case: Case) -> Iterator[Finding]:
    """The tracking server, or the workspace's own database, which is read through."""
    if case.services is None:
        return
    uri = case.services.tracking_uri
    if case.services.artifact_root is not None:
        from services.mlflow.database import check_database

        database = Path(uri.removeprefix("sqlite:///"))
        if not database.exists():
            yield Finding("MLflow", "ok", "a database in the workspace, which the first retrain makes")
            return
        check_database(database, case.services.artifact_root)
    from services.mlflow.calls import connect

    with _environment(_IMPATIENT):
        connect(uri).search_experiments(max_results=1)
    yield Finding("MLflow", "ok", f"{uri} answers")


def check_prefect(case: Case) -> Iterator[Finding]:
    """The server that is configured; without one every run starts its own."""
    if case.services is None:
        return
    if (url := case.services.prefect_api_url) is None:
        yield Finding("Prefect", "ok", "none is configured (PREFECT_API_URL): each run has a server of its own")
        return
    from prefect.settings import (
        PREFECT_API_REQUEST_TIMEOUT,
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        temporary_settings,
    )

    from services.prefect.calls import check_server, forgets_turns

    bounds = {PREFECT_API_REQUEST_TIMEOUT: _SECONDS, PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings({PREFECT_API_URL: url, **bounds}):
        check_server(url)
        forgetful = forgets_turns()
    if forgetful:
        text = f"{url} answers, and keeps in memory whose turn it is: restarted in a night, it lets nobody go on"
        yield Finding("Prefect", "warn", text, f"start it with {_LEASES_IN_FILES}")
        return
    yield Finding("Prefect", "ok", f"{url} answers")


def check_ray(case: Case) -> Iterator[Finding]:
    """A head that is named by HOST:PORT, or whether a local Ray has a folder that its sockets can lie in."""
    if case.settings is None:
        return
    if address := case.settings.ray.address:
        from services.ray.calls import refuse_silence

        refuse_silence(address)
        yield Finding("Ray", "ok", f"something answers at {address}; whether its nodes fit, a retrain tells")
        return
    from services.ray.folder import ray_folder

    ray_folder().cleanup()
    yield Finding("Ray", "ok", "none is named (ray.address): each run starts a local one")


def check_store(case: Case) -> Iterator[Finding]:
    """The stores that are named: whether one lets itself be read. To write is for `tocoad remote check`."""
    if case.workspace is None:
        return
    from services.dvc.remote import configured_remote

    remote = configured_remote(case.workspace)
    if remote is None:
        yield Finding(
            "store", "ok", "none is named: data and results lie in this workspace alone (tocoad remote set URL)"
        )
    else:
        yield _store("store", remote.url, remote.settings)
    if case.settings is not None and (shared := case.settings.ray.store):
        url = shared if shared.startswith(S3) else str(case.workspace.root / shared)
        yield _store("ray.store", url, {})


def _store(name: str, url: str, settings: Mapping[str, Any]) -> Finding:
    from services.store.store import open_store

    if not url.startswith(S3) and not Path(url).is_dir():
        return Finding(name, "warn", f"{url} is not there", "the first push makes it; is its disk mounted?")
    try:
        open_store(url, settings, patience=0).missing({"0" * 32})
    except Exception as error:
        return Finding(name, "bad", error_line(error), "tocoad remote check tells at which step")
    return Finding(name, "ok", f"{url} can be read; tocoad remote check writes there too")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """With these in the environment, which is then as it was."""
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
