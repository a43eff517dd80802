"""Which packages of the registry are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from services.mlflow.package_check import BrokenPackageError, check_package
from services.mlflow.registry import Registry, Version
from services.mlflow.tracking import Tracking
from tests.helpers.packages import alter_weights, as_format_1
from tocoad.package.card import CARD_FILE, MODEL_FILE, package_sha256, read_card, write_card

pytestmark = pytest.mark.integration

Register = Callable[[Path], Version]


@pytest.fixture
def registry(tracking: Tracking) -> Registry:
    return tracking.registry()


@pytest.fixture
def register(tracking: Tracking, registry: Registry, tmp_path: Path) -> Register:
    """Registers a package as it is, under its right digest."""

    def register(package: Path) -> Version:
        with tracking.run(tracking.experiment("registry"), "gear") as run:
            image = np.zeros((32, 32, 3), np.uint8)
            tags = {"package_sha256": package_sha256(package)}
            return registry.register(f"{tmp_path.name}.gear", run, package, image, tags)

    return register


def refusal(registry: Registry, version: Version) -> str:
    with pytest.raises(BrokenPackageError) as caught:
        check_package(registry, version)
    message = str(caught.value)
    assert message.startswith(f"{version.name} version {version.version}: ")
    assert "\n" not in message
    return message


def test_a_whole_package_passes_and_another_digest_does_not(
    registry: Registry, register: Register, make_detector: Callable[[int], Path]
) -> None:
    version = register(make_detector(1))
    parity = check_package(registry, version)
    assert (parity.same_bytes, parity.probes) == (True, 3)
    registry.set_tags(version, {"package_sha256": "0"})
    assert "its package is not the one that was registered" in refusal(registry, registry.version(version.name, 1))


def test_a_package_that_does_not_load_is_refused_with_the_reason(
    registry: Registry, register: Register, make_detector: Callable[[int], Path]
) -> None:
    package = make_detector(1)
    card = json.loads((package / CARD_FILE).read_text())
    del card["sha256"], card["model_sha256"]
    (package / CARD_FILE).write_text(json.dumps({**card, "model": "of_the_future"}))
    message = refusal(registry, register(package))
    assert "its package does not work: detector/detector.json: unknown model 'of_the_future'" in message


def test_a_package_that_loads_and_scores_nothing_is_refused(
    registry: Registry, register: Register, make_detector: Callable[[int], Path]
) -> None:
    package = make_detector(1)
    tensors = load_file(package / MODEL_FILE)
    save_file(
        {key: value * value.dtype.type(np.nan) if value.dtype.kind == "f" else value for key, value in tensors.items()},
        package / MODEL_FILE,
    )
    write_card(package, read_card(package)[0])
    assert refusal(registry, register(package)).endswith("the score or map of its probe 0.png is not finite")


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_package_whose_weights_were_altered_before_it_was_registered_is_refused_with_figures(
    registry: Registry, register: Register, make_detector: Callable[[int], Path]
) -> None:
    package = make_detector(1)
    alter_weights(package)
    assert "of the greatest, maps by" in refusal(registry, register(package))


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_package_of_the_format_before_probes_passes_and_says_that_it_has_none(
    registry: Registry, register: Register, make_detector: Callable[[int], Path]
) -> None:
    package = as_format_1(make_detector(1))
    parity = check_package(registry, register(package))
    assert parity.probes == 0
    assert parity.reason.startswith("parity not checked")


@pytest.mark.parametrize("services", ["local"], indirect=True)
def test_a_package_that_is_gone_is_refused(
    tracking: Tracking, registry: Registry, register: Register, make_detector: Callable[[int], Path]
) -> None:
    version = register(make_detector(1))
    place = tracking.client.get_model_version_download_uri(version.name, str(version.version))
    folder = Path(unquote(urlparse(place).path)) / "artifacts/detector"
    (folder / MODEL_FILE).unlink()
    assert f"{MODEL_FILE} is missing" in refusal(registry, version)
    shutil.rmtree(folder)
    assert "its package cannot be fetched" in refusal(registry, version)
