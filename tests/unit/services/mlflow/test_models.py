from __future__ import annotations

from pathlib import Path

import pytest

from services.mlflow.models import detector_folder
from tocoad.errors import SettingsError


def test_without_a_workspace_and_a_server_there_is_no_registry_to_ask_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SettingsError, match="is not in a workspace"), detector_folder("models:/a.b@champion", None):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_needs_no_registry(tmp_path: Path) -> None:
    with detector_folder(str(tmp_path), None) as folder:
        assert folder == tmp_path
