"""Where things lie in a workspace, and how a category is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
NAME_RULE = "use letters, digits, '_' and '-' (at most 63)"


def is_name(text: str) -> bool:
    """Of a data set or a category. Whatever else a user may type ('', '..', '../work') could lead to other folders."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, order=True)
class Category:
    """One product category of one data set, written `dataset/name`."""

    dataset: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.dataset, self.name):
            if not is_name(part):
                raise ValueError(f"{part!r} is not a valid name: {NAME_RULE}")

    @classmethod
    def parse(cls, text: str) -> Category:
        dataset, slash, name = text.partition("/")
        if not slash:
            raise ValueError(f"{text!r} is not of the form DATASET/CATEGORY")
        return cls(dataset, name)

    @property
    def model_name(self) -> str:
        """Name of the registered model: `dataset.category`."""
        return f"{self.dataset}.{self.name}"

    def __str__(self) -> str:
        return f"{self.dataset}/{self.name}"


Owner = Category | str
"""Whose something is: one category's, or that of a data set as a whole (its name)."""


def parse_owner(text: str) -> Owner:
    """The inverse of `str`: `dataset/name`, or `dataset`."""
    return Category.parse(text) if "/" in text else text


@dataclass(frozen=True)
class Workspace:
    """What `tocoad init` makes, or a checkout of the project: `params.yaml`, `plan.yaml`, `dvc.yaml`, `data/`, `work/`,
    `.services/`.
    """

    root: Path

    @property
    def params_file(self) -> Path:
        return self.root / "params.yaml"

    @property
    def plan_file(self) -> Path:
        return self.root / "plan.yaml"

    @property
    def services_dir(self) -> Path:
        return self.root / ".services"

    def dataset_dir(self, dataset: str) -> Path:
        return self.data_dir(dataset)

    def data_dir(self, owner: Owner) -> Path:
        return self.root / "data" / str(owner)

    def work_dir(self, owner: Owner) -> Path:
        return self.root / "work" / str(owner)

    def report_dir(self, dataset: str) -> Path:
        """A data set's pages lie beside its categories' results."""
        return self.root / "work" / dataset / "report"

    def comparison_dir(self, category: Category) -> Path:
        """Champion and challenger side by side, as they were when the category's detector was judged last."""
        return self.root / "work" / category.dataset / "comparison" / category.name

    def review_page(self, category: Category) -> Path:
        """Where a person judges production images of a category."""
        return self.root / "work" / category.dataset / "review" / f"{category.name}.html"

    def watch_file(self, category: Category) -> Path:
        """What the last look at a category's new images came to."""
        return self.root / "work" / category.dataset / "watch" / f"{category.name}.json"

    def categories(self, dataset: str) -> list[Category]:
        """The categories whose images lie in the workspace, in alphabetical order; none of what cannot be a data set.

        A folder that cannot be a category (`.ipynb_checkpoints`) is as good as a file there.
        """
        folder = self.dataset_dir(dataset)
        if not (is_name(dataset) and folder.is_dir()):
            return []
        return [Category(dataset, d.name) for d in sorted(folder.iterdir()) if d.is_dir() and is_name(d.name)]
