"""The registry of a data set at a glance: a thousand categories in a few requests, where nothing is to be done."""

from __future__ import annotations

from typing import Any

from mlflow.entities.model_registry import ModelVersion

from services.mlflow.registry import Registry, Version, version_of

_MODELS_A_PAGE = 1000
_VERSIONS_A_PAGE = 10_000
# About 200 MB. Longer logs are read one by one.
_VERSIONS = 50_000


class Glance(Registry):
    """Answers from what stood there when it was made; `fresh` asks anew."""

    def __init__(self, registry: Registry, dataset: str) -> None:
        super().__init__(registry.client)
        self._fresh = registry
        # `_` stands for any letter in the registry's search.
        here = f"{dataset}."
        self._models = {model.name: model for model in self._all_models(here) if model.name.startswith(here)}
        self._found: dict[str, list[ModelVersion]] = {name: [] for name in self._models}
        for version in self._all_versions(here):
            if version.name in self._found:
                self._found[version.name].append(version)

    @property
    def fresh(self) -> Registry:
        return self._fresh

    def found(self, name: str) -> list[ModelVersion]:
        return self._found.get(name, []) if self._is_whole else super().found(name)

    def aliases(self, name: str) -> dict[str, int]:
        model = self._models.get(name)
        return {} if model is None else {alias: int(number) for alias, number in model.aliases.items()}

    def version(self, name: str, number: int) -> Version:
        known = next((one for one in self._found.get(name, ()) if int(one.version) == number), None)
        return super().version(name, number) if known is None else version_of(known, self.aliases(name))

    def _all_models(self, here: str) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self.client.search_registered_models(f"name LIKE '{here}%'", _MODELS_A_PAGE, page_token=token)
            found += page
            if not (token := page.token):
                return found

    def _all_versions(self, here: str) -> list[ModelVersion]:
        """None of them where they are too many."""
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self.client.search_model_versions(f"name LIKE '{here}%'", _VERSIONS_A_PAGE, page_token=token)
            found += page
            self._is_whole = not (token := page.token)
            if self._is_whole:
                return found
            if len(found) >= _VERSIONS:
                return []
