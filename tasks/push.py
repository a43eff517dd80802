"""What a retrain has made, into the remote, beside its other work. A store that fails fails no retrain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from services.dvc.push import Part
from services.dvc.pushing import Pushed, Pusher
from services.dvc.remote import configured_remote
from services.watching import Ended, Moved, Planned, Started, tell
from tocoad.errors import error_line
from tocoad.files.workspace import Workspace
from tocoad.stages.stage import Progress

# A store that is away for longer gets what it lacks from the next retrain.
_PATIENCE_SECONDS = 15.0
_WAIT_SECONDS = 600.0


@dataclass
class Push:
    """The images go when they are under DVC, the results when they are recorded.

    `url` is None where nothing is to be pushed; `fault` says why nothing can be, and then there is no `pusher`.
    """

    dataset: str
    url: str | None = None
    fault: str | None = None
    pusher: Pusher | None = None
    asked: list[Part] = field(default_factory=list)

    def begin(self, part: Part) -> None:
        """Returns at once; a second time it does nothing. All is the images too."""
        if part in self.asked:
            return
        self.asked.append(part)
        if self.pusher is not None:
            if part == "all":
                tell(Planned(1))
                tell(Started(_job(self.dataset)))
            self.pusher.ask(part)

    def end(self, warnings: list[str]) -> dict[str, Any] | None:
        """Waits, within limits; what it comes to, for the document of the result. None where nothing was to be pushed,
        or the retrain ended before there was anything.
        """
        if not self.asked or (self.url is None and self.fault is None):
            return None
        self.begin("all")
        pushed = (
            Pushed(error=self.fault) if self.pusher is None else wait_for_push(self.dataset, str(self.url), self.pusher)
        )
        if pushed.error is not None:
            rest = f"tocoad push {self.dataset}, or the next retrain, does that"
            warnings.append(f"not all of {self.dataset} is pushed ({pushed.error}); {rest}")
        return {"remote": self.url, **asdict(pushed), "seconds": round(pushed.seconds, 1)}


@contextmanager
def pushing(workspace: Workspace, dataset: str, wanted: bool) -> Iterator[Push]:
    """To the workspace's remote, where it has one and it is wanted. What is not pushed at the block's end is not."""
    push = Push(dataset)

    def told(part: Part, pushed: Pushed, total: int | None) -> None:
        if part == "all":
            tell(_ended(dataset, pushed) if total is None else Moved(_job(dataset), Progress(pushed.objects, total)))

    with ExitStack() as stack:
        try:
            if wanted and (remote := configured_remote(workspace)) is not None:
                push.url = remote.url
                push.pusher = stack.enter_context(Pusher(workspace, dataset, _PATIENCE_SECONDS, told))
        except Exception as error:
            push.fault = error_line(error)
        yield push


@task(name="push", task_run_name="push {dataset}", cache_policy=NO_CACHE)
def wait_for_push(dataset: str, url: str, pusher: Pusher) -> Pushed:
    """What was pushed in this run, and why something was not."""
    get_run_logger().info("waiting for the push to %s, %.0f s at most", url, _WAIT_SECONDS)
    pushed = pusher.result(_WAIT_SECONDS)
    tell(_ended(dataset, pushed))  # again, where the process did not say so itself
    return pushed


def _ended(dataset: str, pushed: Pushed) -> Ended:
    return Ended(_job(dataset), "failed" if pushed.error else "done")


def _job(dataset: str) -> str:
    return f"push@{dataset}"
