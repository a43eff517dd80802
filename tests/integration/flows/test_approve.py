"""The flow that waits for a person, on a real Prefect server and a real registry."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.addresses import configure
from services.clean_process import CleanProcessError
from services.mlflow.package_check import BrokenPackageError
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from services.prefect import questions
from tests.helpers.environment import kept_environment
from tests.helpers.line import Line
from tests.helpers.packages import save_detector
from tests.helpers.project import project_workspace
from tocoad.files.workspace import Category
from tocoad.package.card import package_sha256
from tocoad.settings.file import override

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


class Office:
    """A category whose version 1 is champion, and Prefect's server with the deployment; its runs are begun here, as a
    worker would.
    """

    def __init__(self, line: Line, client: Any, deployment: Any) -> None:
        self.line = line
        self.category = Category(line.dataset, "gear")
        self._client = client
        self._deployment = deployment

    def close(self) -> None:
        if self._deployment is not None:
            self._client.delete_deployment(self._deployment)
        self._deployment = None

    def ask(self, until: datetime) -> tuple[str, str]:
        """The run that asks, and the one that finds out whether it was answered."""
        asked = self.line.log.read().waiting
        assert asked is not None
        first, again = (questions.ask(self.category, asked.entry.id, until) for _ in range(2))
        assert first == again
        asking, ending = sorted(self._runs(asked.entry.id), key=lambda run: not run.parameters.get("ask", True))
        return asking.id, ending.id

    def work(self, run: Any) -> Any:
        """What a worker's process does with a run that is due; what the flow gives, None where it waits."""
        from prefect.exceptions import Pause
        from prefect.flow_engine import run_flow
        from prefect.states import Scheduled

        from flows.approve import approve

        if self._client.read_flow_run(run).state.state_details.scheduled_time > datetime.now(UTC):
            self._client.set_flow_run_state(run, Scheduled(), force=True)
        try:
            return run_flow(approve, flow_run=self._client.read_flow_run(run))
        except Pause:
            return None

    def fill_in(self, run: Any, **form: str) -> str:
        """What the page sends; the server's word on it."""
        return str(self._client.resume_flow_run(run, run_input=form).status.value)

    def state(self, run: Any) -> tuple[str, str]:
        state = self._client.read_flow_run(run).state
        return state.name, state.message or ""

    def page(self, run: Any) -> str:
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        (artifact,) = self._client.read_artifacts(artifact_filter=wanted)
        return str(artifact.data)

    def others(self, *runs: Any) -> list[Any]:
        """The other runs of the question."""
        asked = self.line.log.read().waiting
        assert asked is not None
        return [run.id for run in self._runs(asked.entry.id) if run.id not in runs]

    def _runs(self, question: str) -> list[Any]:
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

        wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[self.category.model_name]))
        runs = self._client.read_flow_runs(flow_run_filter=wanted)
        return [run for run in runs if run.parameters["question"] == question]


@pytest.fixture
def office(
    mlflow_server: str, prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.approve import approve

    with kept_environment():
        os.environ["MLFLOW_TRACKING_URI"] = mlflow_server
        workspace = project_workspace(tmp_path)
        override(workspace, {"gate.approval": "required"})
        monkeypatch.chdir(tmp_path)
        line = Line(Tracking(configure(workspace)), tmp_path, tmp_path.name, 1)
        line.gate_promotes(1)
        with temporary_settings(updates={PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
            office = Office(line, client, client.create_deployment(client.create_flow(approve), "approve"))
            yield office
            office.close()


def register(line: Line, package: Path, digest: str | None = None) -> None:
    """With this digest, or its own."""
    tracking = Tracking(configure(line.workspace))
    with tracking.run(tracking.experiment("approve"), "gear") as run:
        image, tags = np.zeros((32, 32, 3), np.uint8), {"package_sha256": digest or package_sha256(package)}
        Registry(line.client).register(line.name, run, package, image, tags)


LATER = timedelta(hours=72)


def test_what_is_approved_on_the_page_is_checked_and_champion_and_nothing_waits_any_more(office: Office) -> None:
    line = office.line
    register(line, save_detector(line.workspace.root / "package", 1))
    line.gate_asks(2)
    asking, ending = office.ask(datetime.now(UTC) + LATER)
    assert office.work(asking) is None
    assert office.state(asking)[0] == "Suspended" and line.aliases == {"champion": 1, "challenger": 2}
    page = office.page(asking)
    assert "**Version 2 of" in page and "too few images" in page

    assert office.fill_in(asking, answer="approve", name="", reason="fine") == "REJECT"
    assert office.fill_in(asking, answer="approve", name="anna", reason=" ") == "REJECT"
    assert office.fill_in(asking, answer="approve", name="anna", reason="catches scratches") == "ACCEPT"
    document = office.work(asking)
    assert (document["action"], document["from"], document["to"], document["warnings"]) == ("approve", 1, 2, [])
    assert line.aliases == {"champion": 2, "previous": 1}
    entry = line.log.read().counted[-1].entry
    assert (entry.by, entry.reason) == ("anna, on Prefect's page", "catches scratches")
    assert office.state(asking)[0] == office.state(ending)[0] == "Completed"


def test_an_approval_that_cannot_be_entered_fails_as_what_it_is_and_is_asked_for_again(office: Office) -> None:
    line = office.line
    register(line, save_detector(line.workspace.root / "package", 1), digest="0" * 64)
    line.gate_asks(2)
    asking, ending = office.ask(datetime.now(UTC) + LATER)
    assert office.work(asking) is None
    assert office.fill_in(asking, answer="approve", name="anna", reason="catches scratches") == "ACCEPT"
    with pytest.raises(BrokenPackageError, match=r"version 2: .*its package is not the one"):
        office.work(asking)
    name, message = office.state(asking)
    assert name == "Failed" and "its package is not the one that was registered" in message
    assert line.aliases == {"champion": 1, "challenger": 2} and office.state(ending)[0] == "Scheduled"

    (again,) = office.others(asking, ending)
    assert office.work(again) is None and office.state(again)[0] == "Suspended"
    page = office.page(again)
    assert "anna said approve (catches scratches), but" in page and "its package is not the one" in page
    assert office.fill_in(again, answer="decline", name="bert", reason="it is broken") == "ACCEPT"
    assert office.work(again)["action"] == "decline" and line.log.read().waiting is None
    assert office.state(again)[0] == office.state(ending)[0] == "Completed"


def test_an_approval_whose_package_cannot_be_checked_here_is_asked_for_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = office.line
    register(line, save_detector(line.workspace.root / "package", 1))
    line.gate_asks(2)
    asking, ending = office.ask(datetime.now(UTC) + LATER)
    assert office.work(asking) is None
    assert office.fill_in(asking, answer="approve", name="anna", reason="catches scratches") == "ACCEPT"
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", shutil.which("false"))
        with pytest.raises(CleanProcessError, match="it ended with 1"):
            office.work(asking)
    assert line.log.read().waiting is not None and len(office.others(asking, ending)) == 1


def test_an_answer_in_a_terminal_is_in_the_log_and_ends_what_waits_in_prefect(office: Office) -> None:
    from flows.approve import answer

    line = office.line
    line.train()
    line.gate_asks(2)
    asking, ending = office.ask(datetime.now(UTC) + LATER)
    assert office.work(asking) is None
    document = answer(line.dataset, "gear", False, "misses dents")
    assert (document["action"], document["version"], document["to"]) == ("decline", 2, 1)
    assert line.log.read().waiting is None and line.aliases == {"champion": 1}
    name, message = office.state(asking)
    assert name == office.state(ending)[0] == "Completed" and message.endswith("decline, version 2: misses dents")


def test_what_nobody_answers_is_kept_when_its_time_is_over_and_the_page_is_closed(office: Office) -> None:
    line = office.line
    line.train()
    line.gate_asks(2)
    asking, ending = office.ask(datetime.now(UTC) + LATER)
    assert office.work(asking) is None
    override(line.workspace, {"gate.approval_hours": "0.000000001"})
    document = office.work(ending)
    assert (document["action"], document["verdict"], document["to"]) == ("expire", "kept", 1)
    assert line.log.read().counted[-1].entry.action == "expire" and line.aliases == {"champion": 1}
    name, message = office.state(asking)
    assert name == "Completed" and "expire, version 2: nobody answered" in message
    assert office.fill_in(asking, answer="approve", name="anna", reason="late") == "ABORT"


def test_a_newer_question_takes_the_place_of_the_one_before(office: Office) -> None:
    line = office.line
    asked = []
    for number in (2, 3):
        line.train()
        line.gate_asks(number)
        asking, _ = office.ask(datetime.now(UTC) + LATER)
        assert office.work(asking) is None
        asked.append(asking)
    (before, message), (now, _) = map(office.state, asked)
    assert (before, now) == ("Completed", "Suspended") and "the question is void" in message


def test_without_the_deployment_the_log_alone_waits(office: Office) -> None:
    office.close()
    asked = office.line.gate_asks(1)
    assert questions.ask(office.category, asked.package, datetime.now(UTC) + LATER) is None
