"""Whether the package of a registered version is still what was registered, and still works, in a clean process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from services.mlflow.calls import TrackingError
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from tocoad.errors import StageError
from tocoad.package.card import CARD_FILE, MODEL_FILE, package_sha256

# One grey image is scored: libraries may have changed since, and weights of another age load and then fail.
_TRY = """
import sys
from pathlib import Path
import numpy as np
from tocoad.package.detector import load_detector
from tocoad.errors import StageError
try:
    detector = load_detector(Path(sys.argv[1]))
except StageError as error:
    sys.exit(str(error))
size = detector.image_size
score = detector.predict(np.full((1, size, size, 3), 128, np.uint8)).pred_score
if not np.isfinite(score).all():
    sys.exit(f"the score of a grey image is {score[0]}")
"""


class BrokenPackageError(StageError):
    """A version that must not become champion; one line."""


def check_package(registry: Registry, version: Version) -> None:
    """Fetches the version's package, compares its digest with its tag, and scores an image in a process of its own.

    Raises:
        BrokenPackageError: it cannot be fetched, is not what was registered, or does not work.
    """
    name = f"{version.name} version {version.version}"
    with tempfile.TemporaryDirectory(prefix="tocoad-check-") as scratch:
        try:
            folder = registry.download(version, Path(scratch))
        except TrackingError as error:
            raise BrokenPackageError(f"{name}: its package cannot be fetched: {error}") from error
        if missing := [file for file in (CARD_FILE, MODEL_FILE) if not (folder / file).is_file()]:
            raise BrokenPackageError(f"{name}: {missing[0]} is missing in its package")
        if package_sha256(folder) != version.tags.get(PACKAGE_TAG):
            raise BrokenPackageError(f"{name}: its package is not the one that was registered")
        done = subprocess.run(
            [sys.executable, "-c", _TRY, folder.name], capture_output=True, text=True, check=False, cwd=folder.parent
        )
        if done.returncode != 0:
            reason = _line(done.stderr, -1) or f"the process ended with {done.returncode}"
            raise BrokenPackageError(f"{name}: its package does not work: {reason}")


def _line(text: str, which: int) -> str:
    lines = text.strip().splitlines()
    return lines[which] if lines else ""
