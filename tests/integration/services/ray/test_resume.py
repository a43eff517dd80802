"""A real training that is killed goes on on another node, which shares nothing with the first but the store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from skip_report import reason

from services.store.notes import CHECKPOINTS, read_note
from services.store.store import open_store
from tests.helpers.node import HANGS_AT, KEY, SETTINGS, Trained, train
from tests.helpers.processes import wait_until
from tests.helpers.project import PROJECT
from tests.helpers.toys import DISC, draw_toys
from tocoad.nn.processor import processor_name
from tocoad.stages.graph import METHODS, output_dir
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.integration


class Killed(NamedTuple):
    """`undisturbed` is what the training gives that nobody kills."""

    read: Path
    far: Path
    undisturbed: Trained


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A training was killed, and all of its node is gone, after a checkpoint had come to the store."""
    root = tmp_path_factory.mktemp("resume")
    workspace, read = draw_toys(root / "workspace"), root / "read"
    shutil.copytree(workspace.data_dir(DISC), read / "images")
    for name in ("manifest", "synthesize"):
        run_stage(workspace, DISC, "tocoad", name, SETTINGS)
        shutil.copytree(output_dir(workspace, DISC, "tocoad", METHODS["tocoad"].stage(name)), read / name)
    worker = _worker(root / "far", read, root / "node", 0.05, HANGS_AT)
    try:
        wait_until("a checkpoint in the store", lambda: _checkpoint(worker, root / "far"), 240, pause=0.05)
    finally:
        worker.kill()
        worker.communicate()
    shutil.rmtree(root / "node")
    return Killed(read, root / "far", train(root / "empty", read, root / "undisturbed"))


def _worker(
    far: Path, read: Path, node: Path, seconds: float, hangs_at: int, **environment: str
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.helpers.node", *map(str, (far, read, node, seconds, hangs_at))]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), **environment}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def _checkpoint(worker: subprocess.Popen[bytes], far: Path) -> str | None:
    assert worker.poll() is None, "the worker ended before it was killed; standard error says why"
    note = read_note(open_store(str(far)), CHECKPOINTS + KEY)
    return None if note is None else note.tree


def test_a_killed_training_goes_on_on_another_node_to_the_same_weights(killed: Killed, tmp_path: Path) -> None:
    shutil.copytree(killed.far, tmp_path / "far")
    trained = train(tmp_path / "far", killed.read, tmp_path / "node")
    assert 1 < trained.first_step <= HANGS_AT and killed.undisturbed.first_step == 1
    assert (trained.weights, trained.processors) == (killed.undisturbed.weights, (processor_name("cpu"),))
    far = open_store(str(tmp_path / "far"))
    assert list(far.objects()) == [] and far.notes() == [], "what was kept on the way goes"


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason=reason("two types of processor, of which torch plays the lesser one", "where torch knows AVX2 or alike"),
)
def test_parts_that_another_type_of_processor_trained_are_told(killed: Killed, tmp_path: Path) -> None:
    shutil.copytree(killed.far, tmp_path / "far")
    worker = _worker(tmp_path / "far", killed.read, tmp_path / "node", 60, 0, ATEN_CPU_CAPABILITY="default")
    trained = Trained(*json.loads(worker.communicate(timeout=120)[0]))
    first, second = trained.processors
    assert first == processor_name("cpu") and second.endswith(", DEFAULT") and trained.first_step > 1
