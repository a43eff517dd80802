"""The model registry: versions of the detector of each category, and the aliases `champion`, `previous` and
`challenger`.
"""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.models.utils import SERVING_INPUT_PATH
from mlflow.protos.databricks_pb2 import BAD_REQUEST, RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec
from numpy.typing import NDArray

from services.mlflow.calls import TrackingError, told
from services.mlflow.run import Run
from tocoad.data.listing import first_names
from tocoad.errors import SettingsError
from tocoad.files.temporary import temporary_folder
from tocoad.pictures.heatmap import png

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
PACKAGE_TAG = "package_sha256"
# What the gate said of the version last; `pending` until it has, and where that has become void.
STATUS_TAG, PENDING = "validation_status", "pending"
# Why a version was taken down, and when a former champion ceased to be it: that only before there was a log.
ROLLED_BACK_TAG, UNTIL_TAG = "rolled_back", "champion_until"

_MODEL_FILE = Path(__file__).with_name("model.py")
_DETECTOR = "detector"
_MODELS_A_PAGE = 1000
_VERSIONS_A_PAGE = 10_000
_COLLISIONS = 5
# Written down, not inferred: inference would import and run the model, and look for packages.
_REQUIREMENTS = ("tocoad", "mlflow", "numpy", "pydantic", "safetensors", "timm", "torch", "torchvision")
_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/]+)|/(?P<version>\d+))")


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    name: str
    version: int
    run_id: str | None
    tags: Mapping[str, str]
    aliases: tuple[str, ...]

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


class Registry:
    """The registry behind a tracking client. An error of the registry is an error, never "no champion"."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    @property
    def client(self) -> MlflowClient:
        return self._client

    @property
    def fresh(self) -> Registry:
        """Itself, which asks at every call."""
        return self

    @property
    def uri(self) -> str:
        return str(self._client.tracking_uri)

    def names(self) -> list[str]:
        """Of all registered models, whoever made them."""
        names: list[str] = []
        token = None
        while True:
            page = self._client.search_registered_models(max_results=_MODELS_A_PAGE, page_token=token)
            names += [model.name for model in page]
            if not (token := page.token):
                return names

    def version(self, name: str, number: int) -> Version:
        found = self._client.get_model_version(name, str(number))
        return version_of(found, dict.fromkeys(found.aliases, number))

    def get(self, name: str, number: int) -> Version | None:
        """None where there is no such version, or no longer."""
        try:
            return self.version(name, number)
        except TrackingError as error:
            if not is_code(error, RESOURCE_DOES_NOT_EXIST):
                raise
            return None

    def versions(self, name: str) -> list[Version]:
        """All versions, the newest first; none where there is no such model."""
        aliases = self.aliases(name)
        return [version_of(version, aliases) for version in self.found(name)]

    def found(self, name: str) -> list[ModelVersion]:
        """The same as MLflow has them: without aliases, in one request."""
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self._client.search_model_versions(
                f"name = '{name}'", _VERSIONS_A_PAGE, ["version_number DESC"], page_token=token
            )
            found += page
            if not (token := page.token):
                return found

    def find(self, name: str, package_sha256: str) -> Version | None:
        """The latest version of the model that holds this package, if any."""
        query = f"name = '{name}' and tags.`{PACKAGE_TAG}` = '{package_sha256}'"
        found = self._client.search_model_versions(query, order_by=["version_number DESC"], max_results=1)
        return self._version(found[0]) if found else None

    def register(
        self, name: str, run: Run, detector: Path, example: NDArray[np.uint8], tags: Mapping[str, object]
    ) -> Version:
        """A new version from the detector package, or the version that already holds it.

        `tags` has the package's digest as `package_sha256`. `example` is one image (H, W, 3).
        The version appears when everything of it is stored; no alias is moved.
        """
        if (known := self.find(name, str(tags[PACKAGE_TAG]))) is not None:
            return known
        if self._registered(name) is None:
            self._create_model(name)
        stored = self._client.create_logged_model(run.experiment_id, _DETECTOR, run.run_id, model_type=_DETECTOR)
        with temporary_folder("model") as scratch:
            # MLflow keeps the name of an artifact's folder; `download` counts on it.
            package = shutil.copytree(detector, scratch / _DETECTOR)
            folder = scratch / "model"
            card = Model(artifact_path=stored.artifact_location, run_id=run.run_id, model_id=stored.model_id)
            with told(self.uri):
                _save(folder, package, example, card)
            self._client.log_model_artifacts(stored.model_id, str(folder))
        self._client.finalize_logged_model(stored.model_id, "READY")
        created = self._client.create_model_version(
            name,
            # The place itself: `models:/<id>` would be looked up with MLflow's global address.
            source=stored.artifact_location,
            run_id=run.run_id,
            tags={key: str(value) for key, value in tags.items()},
            model_id=stored.model_id,
        )
        return self._version(created)

    def aliases(self, name: str) -> dict[str, int]:
        """Empty where there is no such model."""
        registered = self._registered(name)
        return {} if registered is None else {alias: int(number) for alias, number in registered.aliases.items()}

    def set_alias(self, name: str, alias: str, number: int | None) -> None:
        """None takes it away."""
        if number is None:
            _at_once_with_others(self._client.delete_registered_model_alias, name, alias)
        else:
            _at_once_with_others(self._client.set_registered_model_alias, name, alias, str(number))

    def set_tags(self, version: Version, tags: Mapping[str, object]) -> None:
        for key, value in tags.items():
            number = str(version.version)
            _at_once_with_others(self._client.set_model_version_tag, version.name, number, key, str(value))

    def remove_tag(self, version: Version, key: str) -> None:
        if key in version.tags:
            _at_once_with_others(self._client.delete_model_version_tag, version.name, str(version.version), key)

    def resolve(self, uri: str) -> Version:
        """The version that `models:/NAME@ALIAS` or `models:/NAME/VERSION` names.

        Raises:
            SettingsError: it is of neither form, or there is no such model, alias or version.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise SettingsError(f"{uri!r} is not of the form models:/NAME.CATEGORY@champion or models:/NAME.CATEGORY/1")
        name, alias, number = match["name"], match["alias"], match["version"]
        registered = self._registered(name)
        if registered is None:
            raise SettingsError(
                f"{uri}: no model {name!r} is registered; {self._instead_of(name)}; "
                "one of another machine is where its MLFLOW_TRACKING_URI leads"
            )
        if alias is not None:
            if alias not in registered.aliases:
                known = ", ".join(registered.aliases) or "none"
                raise SettingsError(f"{uri}: {name} has no alias {alias!r}; it has {known}")
            number = registered.aliases[alias]
        if (version := self.get(name, int(number))) is None:
            raise SettingsError(f"{uri}: {name} has no version {number}")
        return version

    def _instead_of(self, name: str) -> str:
        """Which models there are, the likeliest first; a log of decisions is none."""
        known = [other for other in sorted(self.names()) if other.count(".") == 1]
        if not known:
            return "none is yet"
        likely = get_close_matches(name, known, n=3, cutoff=0)
        return f"there are {first_names([*likely, *(other for other in known if other not in likely)])}"

    def download(self, version: Version, scratch: Path) -> Path:
        """A copy of the version's detector package, in `scratch`."""
        place = self._client.get_model_version_download_uri(version.name, str(version.version))
        uri = f"{place.rstrip('/')}/artifacts/{_DETECTOR}"
        with told(self.uri):
            local = download_artifacts(artifact_uri=uri, dst_path=str(scratch), tracking_uri=self.uri)
        return Path(local)

    @contextmanager
    def package(self, version: Version) -> Iterator[Path]:
        """The version's detector package, in the block alone."""
        with temporary_folder("package") as scratch:
            yield self.download(version, scratch)

    def _registered(self, name: str) -> Any | None:
        try:
            return self._client.get_registered_model(name)
        except TrackingError as error:
            if not is_code(error, RESOURCE_DOES_NOT_EXIST):
                raise
            return None

    def _create_model(self, name: str) -> None:
        try:
            self._client.create_registered_model(name)
        except TrackingError as error:
            if not is_code(error, RESOURCE_ALREADY_EXISTS):
                raise

    def _version(self, found: ModelVersion) -> Version:
        # MLflow leaves the aliases of a version empty in most of its answers.
        return version_of(found, self.aliases(found.name))


def _at_once_with_others(write: Callable[..., None], *arguments: str) -> None:
    """MLflow looks whether a tag or an alias is there and then inserts it: of two that do so at once the database
    refuses one, which finds it there when it asks again.
    """
    for tries_left in range(_COLLISIONS, -1, -1):
        try:
            write(*arguments)
            return
        except TrackingError as error:
            if not tries_left or not is_code(error, BAD_REQUEST):
                raise


def version_of(found: ModelVersion, aliases: Mapping[str, int]) -> Version:
    number = int(found.version)
    own = tuple(alias for alias, value in aliases.items() if value == number)
    return Version(found.name, number, found.run_id, dict(found.tags), own)


def _save(folder: Path, detector: Path, example: NDArray[np.uint8], card: Model) -> None:
    # Pixels or image files: a tensor of objects is the one kind of MLflow's that takes both.
    images = TensorSpec(np.dtype(object), (-1,))
    outputs = Schema(
        [
            TensorSpec(np.dtype(np.float32), (-1,), "pred_score"),
            TensorSpec(np.dtype(np.bool_), (-1,), "pred_label"),
            TensorSpec(np.dtype(np.float32), (-1, -1, -1), "anomaly_map"),
        ]
    )
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(_MODEL_FILE),
        artifacts={_DETECTOR: str(detector)},
        signature=ModelSignature(Schema([images]), outputs, ParamSchema([ParamSpec("anomaly_map", "boolean", True)])),
        input_example=np.array([base64.b64encode(png(example[..., ::-1])).decode()], object),
        pip_requirements=[f"{name}=={installed_version(name)}" for name in _REQUIREMENTS],
        mlflow_model=card,
    )
    _drop_serving_example(folder)


def _drop_serving_example(folder: Path) -> None:
    """MLflow writes the example a second time, as the body of a request."""
    card = Model.load(str(folder))
    example = dict(card.saved_input_example_info or {})
    if (name := example.pop(SERVING_INPUT_PATH, None)) is not None:
        (folder / name).unlink()
        card.saved_input_example_info = example
        card.save(str(folder / MLMODEL_FILE_NAME))


def is_code(error: TrackingError, code: int) -> bool:
    return bool(error.code == ErrorCode.Name(code))
