"""The pages' file names."""

from __future__ import annotations

from tocoad.files.workspace import Category

INDEX = "index.html"


def page_name(category: Category) -> str:
    """A category may be called `index`; none has a dot in its name, so that one's page stands apart."""
    name = f"{category.name}.html"
    return name if name.lower() != INDEX else f"category.{name}"
