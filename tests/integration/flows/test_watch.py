"""The watch flow, on a real Prefect server and a real registry."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from services.addresses import configure
from services.mlflow.tracking import Tracking
from tests.helpers.camera import Camera, packaged, pictures
from tests.helpers.environment import kept_environment
from tests.helpers.project import project_workspace
from tocoad.package.card import REFERENCE_FILE

pytestmark = pytest.mark.integration


def test_a_category_that_cannot_be_looked_at_keeps_no_other_from_its_alarm(
    mlflow_server: str, prefect_server: str, tmp_path: Path
) -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    from flows.watch import WatchFailedError, watch

    with kept_environment():
        os.environ["MLFLOW_TRACKING_URI"] = mlflow_server
        tracking = Tracking(configure(project_workspace(tmp_path)))
        cracked, gear = Camera(tracking, tmp_path, "cracked"), Camera(tracking, tmp_path, "gear")
        for camera in (cracked, gear):
            package = packaged(tmp_path / camera.category.name, 1)
            if camera is cracked:
                (package / REFERENCE_FILE).write_bytes(b"nothing")
            camera.promote(package)
            camera.shoot((pictures(32, 3) * 0.7).astype(np.uint8))
        # Its log would be sent when the server is gone.
        settings = {PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}
        with temporary_settings(updates=settings), pytest.raises(WatchFailedError) as caught:
            watch(gear.category.dataset, str(tmp_path / "camera"), workspace=str(tmp_path))
    found = caught.value.result
    assert {name: entry["outcome"] for name, entry in found["categories"].items()} == {
        "cracked": "failed",
        "gear": "alarm",
    }
    assert found["alarms"] == ["gear"] and found["retrain"] is None
    assert found["error"].startswith("cracked: ") and "reference.npz" in found["error"]
