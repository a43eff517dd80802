"""A restore that is killed is completed by the next, which leaves nothing half."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.nights import contents, is_up_to_date
from tests.helpers.restoring import bring_back, first_night
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("moment", ["data/.tiny.incoming-*", "work/tiny/gear/patchcore/.fit.incoming-*"])
def test_killed_at_any_moment_the_same_command_goes_on(
    there: Workspace, here: Workspace, tmp_path: Path, moment: str
) -> None:
    bring_back(here)
    command = [str(Path(sys.executable).with_name("tocoad")), "restore", "tiny", "--rev", "HEAD~1"]
    for _ in range(5):
        process = subprocess.Popen(command, cwd=here.root, stderr=subprocess.PIPE)
        while process.poll() is None and not any(here.root.glob(moment)):
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            break
    assert process.returncode == -signal.SIGKILL
    done = subprocess.run(command, cwd=here.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "every hash verified" in done.stderr
    assert contents(here, "tiny") == first_night(there, tmp_path) and is_up_to_date(here, "tiny")
    assert not any((*here.root.rglob(".*.incoming*"), *here.root.rglob(".*.previous")))
