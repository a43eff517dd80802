"""Whether the package of a registered version is still what was registered, and gives what it gave when it was made."""

from __future__ import annotations

from services.clean_process import Checker, CleanProcess
from services.mlflow.calls import TrackingError
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from tocoad.errors import StageError
from tocoad.gate.parity import Parity
from tocoad.package.card import CARD_FILE, MODEL_FILE, package_sha256


class BrokenPackageError(StageError):
    """A version that must not become champion; one line."""


def registered_parity(registry: Registry, version: Version, process: Checker) -> Parity:
    """Fetches the version's package, as whoever uses it does, and has its probes scored in a clean process.

    Raises:
        TrackingError: it cannot be fetched.
    """
    with registry.package(version) as folder:
        if missing := [file for file in (CARD_FILE, MODEL_FILE) if not (folder / file).is_file()]:
            return Parity(fault=f"{missing[0]} is missing in its package")
        if package_sha256(folder) != version.tags.get(PACKAGE_TAG):
            return Parity(fault="its package is not the one that was registered")
        return process.parity(folder)


def check_package(registry: Registry, version: Version) -> Parity:
    """The parity of a version that a person makes champion; one without probes works, and no more is known of it.

    Raises:
        BrokenPackageError: it cannot be fetched, is not what was registered, does not work, or gives other numbers.
    """
    name = f"{version.name} version {version.version}"
    with CleanProcess() as process:
        try:
            parity = registered_parity(registry, version, process)
        except TrackingError as error:
            raise BrokenPackageError(f"{name}: its package cannot be fetched: {error}") from error
    if not parity.passed:
        raise BrokenPackageError(f"{name}: {parity.reason}")
    return parity
