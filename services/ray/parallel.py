"""One job of several workers: each runs the stage in a world of all, with the very same steps (`tocoad/parallel/`).

Checkpoints are ours as well: where a worker dies the job fails, and its next try goes on from the last one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from tempfile import TemporaryDirectory
from typing import Any, cast

from services.ray.lost import WorkerLostError
from services.ray.orphans import clear_orphans
from tocoad.errors import TocoadError, first_line
from tocoad.parallel.world import World, within
from tocoad.stages.device import Device, settled_device

# Read by Ray Train where the leading process and the workers start. The driver hands over what there is room for, so
# a place that is not free is about to be.
_ENVIRONMENT = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "3600",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_WORKER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


def work_together(
    mailbox: Any, key: str, function: str, device: Device, workers: int, amounts: Mapping[str, float], *arguments: Any
) -> Any:
    """Calls a worker function in `workers` processes, each with these amounts of a node's resources;
    returns what the leading one does.

    Raises:
        WorkerLostError: one of them died.
        Exception: what one of them raised.
    """
    os.environ.update(_ENVIRONMENT)
    clear_orphans()
    from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError

    from services.ray.training_group import Group

    call = {"mailbox": mailbox, "key": key, "function": function, "device": device, "arguments": arguments}
    # Below Ray's own, with which it goes where this process is killed.
    with TemporaryDirectory(dir=_session_folder(), prefix="train-", ignore_cleanup_errors=True) as folder:
        try:
            result: Any = Group(_take_part, call, workers, amounts, folder).fit()
            return result.return_value
        except WorkerGroupError as error:
            cause = cause_of(error.worker_failures.values())
            raise cause from None if isinstance(cause, TocoadError) else error
        except TrainingFailedError as error:
            raise WorkerLostError(f"the workers could not be started ({first_line(error)})") from None


def _session_folder() -> str:
    from ray._private import worker

    folder: str = cast(Any, worker)._global_node.get_session_dir_path()
    return folder


def _take_part(call: Mapping[str, Any]) -> Any:
    """In each of the workers."""
    from ray import train

    from services.ray import worker

    context = train.get_context()
    function = getattr(worker, call["function"])
    with within(World(context.get_world_rank(), context.get_world_size())), settled_device(call["device"]):
        return function(call["mailbox"], call["key"], *call["arguments"])


def cause_of(failures: Iterable[BaseException]) -> BaseException:
    """Where one worker fails, what the others exchange with it fails too, and says nothing."""
    from ray.exceptions import RayError
    from ray.train.v2._internal.exceptions import RayTrainError

    found = list(failures)
    said = [failure for failure in found if not isinstance(failure, RayError | RayTrainError) and not _by_peer(failure)]
    for failure in sorted(said, key=lambda failure: not isinstance(failure, TocoadError)):
        return failure
    return WorkerLostError("one of its workers' processes was lost; another try goes on from the last checkpoint")


def _by_peer(failure: BaseException) -> bool:
    """Whether an exchange failed; gloo says so as a plain RuntimeError."""
    from torch.distributed import DistError

    return isinstance(failure, DistError) or (isinstance(failure, RuntimeError) and "gloo" in str(failure))
