"""Packages that are looked at several times while a version is judged: scored, checked, timed and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.mlflow.registry import Registry, Version
from tocoad.files.temporary import temporary_folder


@contextmanager
def held_packages(registry: Registry) -> Iterator[Registry]:
    """The same registry; in the block it fetches each package once."""
    with temporary_folder("packages") as folder:
        yield _Holding(registry, folder)


class _Holding(Registry):
    def __init__(self, registry: Registry, folder: Path) -> None:
        super().__init__(registry.client)
        self._folder = folder
        self._held: dict[str, Path] = {}

    @contextmanager
    def package(self, version: Version) -> Iterator[Path]:
        if version.uri not in self._held:
            scratch = self._folder / str(len(self._held))
            scratch.mkdir(exist_ok=True)  # of one that was broken off
            self._held[version.uri] = self.download(version, scratch)
        yield self._held[version.uri]
