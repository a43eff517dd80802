"""What a study compares: one small YAML file, expanded to cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.base import Section
from tocoad.settings.explain import explain
from tocoad.settings.file import settings_with
from tocoad.settings.planning import select_categories
from tocoad.settings.sections import MethodName, Settings

# A study wants figures: pictures of hundreds of detectors would fill the disk.
_NO_PICTURES = {"evaluation": {"overlays": 0, "gallery": 0}}


class Variant(Section):
    """One row of the table. `set` holds sections of params.yaml that are laid over the study's."""

    method: MethodName
    about: str = Field("", description="what it is, for the table")
    seeds: tuple[int, ...] | None = Field(None, description="instead of the study's")
    encoders: tuple[str, ...] | None = Field(None, description="instead of all of the study's")
    categories: tuple[str, ...] | None = Field(None, description="instead of all of the study's")
    set: dict[str, Any] = Field(default_factory=dict)


class StudyFile(Section):
    """The file's content. `encoders` maps a name to the sections it lays over params.yaml."""

    dataset: str
    categories: tuple[str, ...] | None = None
    mean_over: tuple[str, ...] | None = Field(None, description="categories of the first table, instead of all")
    profile: str | None = None
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    control: str = Field(description="the variant that all others are compared with")
    set: dict[str, Any] = Field(default_factory=dict)
    encoders: dict[str, dict[str, Any]] = Field(min_length=1)
    variants: dict[str, Variant] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_exist(self) -> StudyFile:
        if self.control not in self.variants:
            raise ValueError(f"control: {self.control!r} is not one of the variants {', '.join(self.variants)}")
        for name in (*self.encoders, *self.variants):
            if name.startswith(".") or set(name) & set("/\\|"):
                raise ValueError(f"{name!r} names a folder and a row: no /, \\ or | in it, and no dot in front")
        for name, variant in self.variants.items():
            for encoder in variant.encoders or ():
                if encoder not in self.encoders:
                    raise ValueError(f"variants.{name}.encoders: {encoder!r} is not one of {', '.join(self.encoders)}")
        return self


@dataclass(frozen=True)
class Cell:
    """One detector to be trained and judged."""

    encoder: str
    variant: str
    category: Category
    seed: int
    method: MethodName
    settings: Settings

    @property
    def file_name(self) -> str:
        return f"{self.encoder}/{self.variant}/{self.category.name}-{self.seed}.json"

    def __str__(self) -> str:
        return f"{self.encoder} {self.variant} {self.category.name} {self.seed}"


def load_study(file: Path) -> StudyFile:
    """Raises SettingsError, in one line, where the file is missing or wrong."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
        return StudyFile.model_validate(document)
    except FileNotFoundError:
        raise SettingsError(f"{file} is missing: name a study file, e.g. studies/tocoad.yaml") from None
    except YAMLError as error:
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SettingsError(f"{file}: not valid YAML: {reason}") from None
    except ValidationError as error:
        raise SettingsError(f"{file}: {explain(error)}") from None
    except ValueError as error:
        raise SettingsError(f"{file}: not a text in UTF-8, or not valid YAML ({error})") from None


def cells_of(study: StudyFile, workspace: Workspace, *, images: bool = True) -> list[Cell]:
    """Every cell, the first seed of all variants before the second of any: an interrupted study is broad, not deep.
    Without `images` the categories that the study names are taken as they are: results need no data to be read.

    Raises:
        SettingsError: the data set, a category, a profile or a setting is not known.
    """
    if images or not study.categories:
        categories = select_categories(workspace, study.dataset, study.categories)
    else:
        categories = [Category(study.dataset, name) for name in dict.fromkeys(study.categories)]
    _check_names(study, {category.name for category in categories})
    cells = [
        Cell(encoder, name, category, seed, variant.method, settings)
        for encoder, name, variant, seed, settings in _settings(study, workspace)
        for category in categories
        if variant.categories is None or category.name in variant.categories
    ]
    return sorted(cells, key=lambda cell: _position(study, cell))


def _check_names(study: StudyFile, known: Set[str]) -> None:
    named = {
        "mean_over": study.mean_over,
        **{f"variants.{key}.categories": v.categories for key, v in study.variants.items()},
    }
    for where, names in named.items():
        if unknown := [name for name in names or () if name not in known]:
            raise SettingsError(f"{where}: {unknown[0]!r} is not one of the study's {', '.join(sorted(known))}")


def _position(study: StudyFile, cell: Cell) -> int:
    return (study.variants[cell.variant].seeds or study.seeds).index(cell.seed)


def _settings(study: StudyFile, workspace: Workspace) -> Iterator[tuple[str, str, Variant, int, Settings]]:
    for encoder, section in study.encoders.items():
        for name, variant in study.variants.items():
            if variant.encoders is not None and encoder not in variant.encoders:
                continue
            for seed in variant.seeds or study.seeds:
                overlays: tuple[Mapping[str, Any], ...] = (study.set, section, variant.set, {"seed": seed})
                yield encoder, name, variant, seed, settings_with(workspace, study.profile, _NO_PICTURES, *overlays)
