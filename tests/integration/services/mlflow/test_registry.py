"""The registry, in MLflow's own files and on a server: versions, aliases, and models that others can load."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.pyfunc.scoring_server import init
from numpy.typing import NDArray
from starlette.testclient import TestClient

from services.addresses import Services
from services.mlflow.decision_log import DecisionLog
from services.mlflow.held_packages import held_packages
from services.mlflow.registry import Registry, Version
from services.mlflow.tracking import Tracking
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import image_from_bytes, resize_images
from tocoad.errors import SettingsError
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.pictures.heatmap import png

pytestmark = pytest.mark.integration

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
WIDE = np.random.default_rng(1).integers(0, 256, (2, 40, 160, 3), dtype=np.uint8)
Register = Callable[[Path, str], Version]

# A process that knows MLflow and nothing of this project.
LOAD = """
import json, sys
import mlflow, numpy as np
images = np.load(sys.argv[2], allow_pickle=False)
model = mlflow.pyfunc.load_model(sys.argv[1])
answer = model.predict(images)
print(json.dumps({key: np.asarray(value, dtype=float).tolist() for key, value in answer.items()}))
"""


@pytest.fixture
def registry(tracking: Tracking) -> Registry:
    return Registry(tracking.client)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A model of the test's own."""
    return f"set.{request.node.originalname}"[:60]


@pytest.fixture
def register(tracking: Tracking, registry: Registry, name: str) -> Register:
    def register(package: Path, digest: str) -> Version:
        with tracking.run(tracking.experiment("registry"), "gear") as run:
            return registry.register(name, run, package, IMAGES[0], {"package_sha256": digest, "image_AUROC": 0.9})

    return register


def test_versions_and_aliases(
    registry: Registry, register: Register, make_detector: Callable[[int], Path], name: str
) -> None:
    assert registry.aliases(name) == {} and registry.versions(name) == [] and registry.get(name, 1) is None
    package = make_detector(1)
    first = register(package, "one")
    assert (first.version, first.tags["image_AUROC"], first.aliases) == (1, "0.9", ())
    assert registry.aliases(name) == {}
    assert register(package, "one") == first, "the same package is no new version"

    registry.set_alias(name, "champion", 1)
    second = register(make_detector(2), "two")
    assert second.version == 2 and registry.aliases(name) == {"champion": 1}
    registry.set_alias(name, "champion", 2)
    assert [version.aliases for version in registry.versions(name)] == [("champion",), ()]
    registry.set_alias(name, "champion", None)
    registry.set_alias(name, "champion", None)
    assert registry.aliases(name) == {}

    registry.set_tags(second, {"verdict": "kept"})
    assert registry.find(name, "two").tags["verdict"] == "kept"
    assert registry.find(name, "three") is None


@pytest.mark.parametrize("images", [IMAGES, WIDE], ids=["of the network's size", "of their own size"])
def test_the_model_predicts_in_a_process_that_knows_mlflow_alone(
    images: NDArray[np.uint8],
    services: Services,
    registry: Registry,
    register: Register,
    make_detector: Callable[[int], Path],
    name: str,
    tmp_path: Path,
) -> None:
    package = make_detector(1)
    registry.set_alias(name, "champion", register(package, "one").version)
    np.save(tmp_path / "images.npy", images)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, f"models:/{name}@champion", str(tmp_path / "images.npy")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_TRACKING_URI": services.tracking_uri},
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    expected = load_detector(package).predict(images)
    assert expected.anomaly_map.shape == images.shape[:3]
    assert np.array_equal(np.float32(answer["pred_score"]), expected.pred_score)
    assert np.array_equal(np.float32(answer["anomaly_map"]), expected.anomaly_map)
    assert answer["pred_label"] == expected.pred_label.astype(float).tolist()


def test_the_stored_model_says_what_it_takes_and_holds_no_pickle(
    services: Services, registry: Registry, register: Register, make_detector: Callable[[int], Path], tmp_path: Path
) -> None:
    from mlflow.artifacts import download_artifacts
    from mlflow.models import Model

    version = register(make_detector(1), "one")
    place = MlflowClient(services.tracking_uri).get_model_version_download_uri(version.name, str(version.version))
    folder = Path(download_artifacts(artifact_uri=place, dst_path=str(tmp_path), tracking_uri=services.tracking_uri))
    model = Model.load(str(folder))
    assert model.signature is not None
    assert model.signature.outputs.inputs[2].shape == (-1, -1, -1)
    assert model.signature.outputs.input_names() == ["pred_score", "pred_label", "anomaly_map"]
    (example,) = model.load_input_example(str(folder))
    assert np.array_equal(read_png(example), IMAGES[0])
    assert len(list(folder.rglob("*example*.json"))) == 1 and model.get_serving_input(str(folder)) is None
    assert model.run_id == version.run_id
    assert {file.suffix for file in folder.rglob("*") if file.is_file()} == {
        "", ".json", ".py", ".safetensors", ".txt", ".yaml", ".zip"
    }  # fmt: skip
    names = [line.partition("==")[0] for line in (folder / "requirements.txt").read_text().split()]
    assert {"tocoad", "torch", "timm", "mlflow"} <= set(names)


def test_mlflows_server_takes_image_files_in_base64_and_pixels_as_before(
    services: Services, registry: Registry, register: Register, make_detector: Callable[[int], Path], name: str
) -> None:
    package = make_detector(1)
    register(package, "one")
    served = TestClient(init(mlflow.pyfunc.load_model(f"models:/{name}/1")))
    detector = load_detector(package)

    def ask(**body: Any) -> tuple[int, Any]:
        response = served.post("/invocations", json=body)
        return response.status_code, response.json()

    files = [base64.b64encode(png(image[..., ::-1])).decode() for image in (IMAGES[0], WIDE[0])]
    alone = [detector.predict(resize_images(image[None], 32)) for image in (IMAGES[0], WIDE[0])]
    for key in ("inputs", "instances"):
        status, answer = ask(**{key: files})
        assert status == 200, answer
        assert np.array_equal(np.float32(answer["predictions"]["pred_score"]), [one.pred_score[0] for one in alone])
        assert np.array_equal(np.float32(answer["predictions"]["anomaly_map"]), [one.anomaly_map[0] for one in alone])
    status, answer = ask(dataframe_split={"columns": ["image"], "data": [[file] for file in files]})
    assert status == 200 and len(answer["predictions"]["pred_score"]) == 2
    _, answer = ask(inputs=files, params={"anomaly_map": False})
    assert set(answer["predictions"]) == {"pred_score", "pred_label"}
    _, answer = ask(inputs=base64.encodebytes(base64.b64decode(files[0])).decode())
    assert np.float32(answer["predictions"]["pred_score"]) == alone[0].pred_score
    _, answer = ask(inputs=WIDE.tolist())
    assert np.array_equal(np.float32(answer["predictions"]["anomaly_map"]), detector.predict(WIDE).anomaly_map)
    for inputs, reason in {
        ("Zm9v",): "image 1: not a readable",
        (files[0], "none!"): "image 2: neither bytes nor base64",
        (1, 2): "image 1: neither bytes nor base64",
        ((((300, 0, 0),),),): "whole numbers from 0 to 255",
        ((0, 0, 0),): "images (B, H, W, 3) of one size are wanted",
    }.items():
        status, answer = ask(inputs=inputs)
        assert status == 400 and reason in answer["message"], answer


def read_png(text: str) -> NDArray[np.uint8]:
    return image_from_bytes(base64.b64decode(text), FULL_DEPTH, "example")


def test_the_package_comes_back_by_address(
    registry: Registry, register: Register, make_detector: Callable[[int], Path], name: str, tmp_path: Path
) -> None:
    package = make_detector(1)
    version = register(package, "one")
    registry.set_alias(name, "champion", version.version)
    for uri in (f"models:/{name}@champion", f"models:/{name}/1"):
        folder = registry.download(registry.resolve(uri), tmp_path / "copy")
        for file in package.iterdir():
            assert (folder / file.name).read_bytes() == file.read_bytes()


def test_a_package_that_is_held_is_fetched_once_and_gone_after_the_block(
    registry: Registry, register: Register, make_detector: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_detector(1), make_detector(2)
    versions = register(one, "one"), register(two, "two")
    fetched, whole = [], Registry.download

    def download(self: Registry, version: Version, scratch: Path) -> Path:
        fetched.append(version)
        return whole(self, version, scratch)

    monkeypatch.setattr(Registry, "download", download)
    with held_packages(registry) as holding:
        with holding.package(versions[0]) as first, holding.package(versions[1]) as second:
            assert [package_sha256(folder) for folder in (first, second)] == [package_sha256(one), package_sha256(two)]
        with holding.package(versions[0]) as again:
            assert again == first and again.is_dir()
    assert fetched == [*versions] and not first.exists()
    with registry.package(versions[0]) as lent:
        assert package_sha256(lent) == package_sha256(one)
    assert not lent.exists()


def test_an_address_that_names_nothing_is_told(
    registry: Registry, register: Register, make_detector: Callable[[int], Path], name: str
) -> None:
    register(make_detector(1), "one")
    for uri, reason in {
        "gear": "not of the form",
        "models:/set.unknown@champion": "no model 'set.unknown' is registered; there are ",
        f"models:/{name}x@champion": f"no model '{name}x' is registered; there are {name}",
        f"models:/{name}@champion": "no alias 'champion'",
        f"models:/{name}/9": "no version 9",
    }.items():
        with pytest.raises(SettingsError, match=reason):
            registry.resolve(uri)


def test_a_registry_that_does_not_answer_is_not_a_registry_without_champion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        DecisionLog(Registry(MlflowClient("http://127.0.0.1:9")), "set.gear").settled()
