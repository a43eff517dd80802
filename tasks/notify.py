"""The end of a flow, told to whom the settings name. It fails nothing, and needs neither Prefect nor MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from prefect import get_run_logger
from prefect.exceptions import MissingContextError
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from services.addresses import configure
from services.interrupts import covered
from services.notice import Notice, Told, as_json
from services.notify import deliver
from tocoad.errors import SettingsError, error_line
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.sections import NotifySettings

__all__ = ["Ending", "Notice", "Told", "tell_finished", "told_when_finished"]


@dataclass
class Ending:
    """What a flow has to tell, set before its end. `notice` makes it, and may fail like the telling itself; `warnings`
    gets a line for each who could not be told. `dataset` and `category` may be known only later than the flow begins.
    """

    dataset: str | None
    category: str | None = None
    notice: Callable[[], Notice] | None = None
    warnings: list[str] = field(default_factory=list)


@contextmanager
def told_when_finished(
    workspace: Workspace, flow: str, dataset: str | None, category: str | None = None, name: str | None = None
) -> Iterator[Ending]:
    """The block is a flow, of a data set or of one category of it, which is told of however it ends: by its own notice,
    or by the error that ended it. One that is stopped has not finished. `name` is what it worked on, where that is not
    the data set or category.
    """
    ending = Ending(dataset, category)
    try:
        yield ending
    except Exception as error:
        if covered(error) is None:
            failed = partial(_failed, flow, ending, name, error_line(error))
            ending.warnings += tell_finished(workspace, ending.notice or failed)
        raise
    if ending.notice is not None:
        ending.warnings += tell_finished(workspace, ending.notice)


def tell_finished(workspace: Workspace, make: Callable[[], Notice]) -> list[str]:
    """Returns a line for each who could not be told."""
    try:
        notice, settings = make(), _settings(workspace)
        if not notice.is_wanted(settings.when):
            return []
        linked = notice.model_copy(update={"links": {**_links(workspace), **notice.links}})
        document = linked.document(flow_run.get_id(), str(workspace.root))
        warnings = deliver(as_json(document), settings, workspace.root)
    except Exception as error:
        warnings = [f"nobody was told that the flow has finished ({error_line(error)})"]
    with suppress(MissingContextError):
        for warning in warnings:
            get_run_logger().warning("%s", warning)
    return warnings


def _failed(flow: str, ending: Ending, name: str | None, line: str) -> Notice:
    dataset, category = ending.dataset, ending.category
    name = name or ".".join(part for part in (dataset, category) if part)
    failed = () if category is None else (Told(category=category, what="failed", why=line),)
    return Notice(flow=flow, dataset=dataset, text=f"{flow} {name} failed: {line}", error=line, failed=failed)


def _settings(workspace: Workspace) -> NotifySettings:
    """A params.yaml that cannot be read may be why the flow failed: what the environment names is told of it."""
    try:
        return load_params(workspace).settings.notify
    except SettingsError:
        return NotifySettings()


def _links(workspace: Workspace) -> dict[str, str]:
    """To the pages of the servers that there are; an embedded one has none."""
    try:
        services = configure(workspace)
    except SettingsError:
        return {}
    found, run = {}, flow_run.get_id()
    if services.prefect_api_url is not None and run is not None and (page := url_for("flow-run", obj_id=run)):
        found["prefect"] = page
    if services.tracking_uri.startswith("http"):
        found["mlflow"] = f"{services.tracking_uri.rstrip('/')}/#/models"
    return found
