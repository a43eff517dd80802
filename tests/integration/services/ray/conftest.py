"""A local Ray that runs the stand-in's stages."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.addresses import configure
from services.ray.runner import RayStages
from tests.helpers.environment import kept_environment
from tests.helpers.ray_stages import run
from tocoad.files.lease import lease
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import RaySettings, StageSettings


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def stages(workspace: Workspace) -> Iterator[RayStages]:
    """Two stages fit on one CPU. The first call is made by a thread that ends at once, as a flow's threads do."""
    with kept_environment():
        os.environ |= {"PYTHONPATH": str(Path(__file__).parent), "AWS_SECRET_ACCESS_KEY": "of a store"}
        configure(workspace)
        ray = RaySettings(num_cpus=0.5, stages={"stage2": StageSettings(workers=2)})
        with lease(workspace, ["set"], "the tests"), RayStages(workspace, ray, "stand_in_stages:behave") as stages:
            thread = threading.Thread(target=run, args=(stages, "first"))
            thread.start()
            thread.join()
            yield stages
