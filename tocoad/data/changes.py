"""What is to become of a data set: images and masks that come, take another's place, or go."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from tocoad.data.groups import GROUPS_FILE
from tocoad.data.layouts.source import Source, SourceCategory, SourceImage
from tocoad.data.layouts.words import means_good
from tocoad.data.listing import is_image_name, is_left_behind
from tocoad.data.manifest import GOOD
from tocoad.data.naming import MASK_ENDING
from tocoad.data.problems import DataError, Problem
from tocoad.files.workspace import is_name

_MASKS = "ground_truth"


@dataclass(frozen=True)
class Changes:
    """Paths are those in the data set: `CATEGORY/train/good/NAME`, `CATEGORY/test/<good | defect type>/NAME`, and of a
    mask `CATEGORY/ground_truth/DEFECT_TYPE/STEM_mask.SUFFIX`. What comes is read where the file lies, which may be the
    data set itself: with `remove` it moves.

    Nothing may lie where `add` puts a file, something must where `replace` does. An image that goes, or whose place
    another takes, takes its mask with it.
    `groups` are those of single images, which may be there already.
    """

    add: Mapping[str, Path] = field(default_factory=dict)
    replace: Mapping[str, Path] = field(default_factory=dict)
    remove: Collection[str] = frozenset()
    groups: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.add or self.replace or self.remove or self.groups)

    @property
    def incoming(self) -> dict[str, Path]:
        return {**self.add, **self.replace}

    @property
    def categories(self) -> frozenset[str]:
        """Those that are touched."""
        return frozenset(path.partition("/")[0] for path in (*self.add, *self.replace, *self.remove, *self.groups))


@dataclass(frozen=True)
class Changed:
    """A data set as it will be, and the files and whole categories that it will no longer have, by their paths in it.
    `tables` are those of groups that will be others: the text by the path.
    """

    source: Source
    gone: frozenset[str]
    tables: Mapping[str, str]


def apply(changes: Changes, present: Source, folder: Path) -> Changed:
    """To the data set in `folder`, in which `present` was found. Nothing is read, and nothing written.

    Raises DataError for a path that is no place in the tree, where something lies that must not, and the other way.
    """
    touched = changes.categories
    tree = _Tree(folder, [category for category in present.categories if category.name in touched])
    for path in sorted(changes.remove, key=_is_mask):
        tree.remove(path)
    for path, file in sorted(changes.incoming.items(), key=lambda entry: _is_mask(entry[0])):
        tree.put(path, file, replaces=path in changes.replace)
    for path in changes.groups:
        tree.refuse_absent(path)
    if tree.problems:
        raise DataError(tree.problems)
    after = {category.name: category for category in present.categories if category.name not in touched}
    after |= {category.name: category for category in tree.categories()}
    gone, tables = {*tree.gone, *(category.name for category in present.categories if category.name not in after)}, {}
    for category in present.categories:
        if category.name in touched and category.name in after:
            after[category.name].groups = category.groups
    for name in touched.intersection(after):
        removed = dict.fromkeys(tree.gone - set(changes.incoming), "")
        groups = after[name].groups.changed(_within(name, changes.groups), _within(name, removed))
        if groups != after[name].groups:
            after[name].groups = groups
            gone.add(f"{name}/{GROUPS_FILE}")
            tables.update({f"{name}/{GROUPS_FILE}": groups.text} if groups else {})
    return Changed(replace(present, categories=[after[name] for name in sorted(after)]), frozenset(gone), tables)


def _within(category: str, paths: Mapping[str, str]) -> dict[str, str]:
    """Those in the category's folder, by their paths there."""
    start = f"{category}/"
    return {path.removeprefix(start): value for path, value in paths.items() if path.startswith(start)}


def _is_mask(path: str) -> bool:
    return PurePosixPath(path).parts[1:2] == (_MASKS,)


def _is_kind(name: str) -> bool:
    """Whether images of `test/NAME` would be found there."""
    return bool(name) and not is_left_behind(name) and (name == GOOD or not means_good(name))


class _Tree:
    """The images of categories by their paths in the data set, and their masks."""

    def __init__(self, folder: Path, categories: list[SourceCategory]) -> None:
        self._folder = folder
        self._images = {f"{found.name}/{image.path}": image for found in categories for image in found.images}
        self._masks = {self._place(image.mask): path for path, image in self._images.items() if image.mask}
        self.gone: set[str] = set()
        self.problems: list[Problem] = []

    def categories(self) -> Iterator[SourceCategory]:
        """Those that have images, not in order."""
        found: dict[str, SourceCategory] = {}
        for path, image in self._images.items():
            name = path.partition("/")[0]
            found.setdefault(name, SourceCategory(name, self._folder / name)).images.append(image)
        yield from found.values()

    def remove(self, path: str) -> None:
        if path in self._images:
            mask = self._images.pop(path).mask
            if mask is not None:
                self.remove(self._place(mask))
        elif path in self._masks:
            owner = self._masks.pop(path)
            if owner in self._images:
                self._images[owner] = replace(self._images[owner], mask=None)
        elif path not in self.gone:  # a mask that is named beside its image
            self.problems.append(Problem(self._folder / path, "is no image of the data set"))
            return
        self.gone.add(path)

    def put(self, path: str, file: Path, replaces: bool) -> None:
        there = path in self._images or path in self._masks
        if there and not replaces:
            self._refuse(file, path, f"{self._folder / path} is there already")
        elif replaces and not there:
            self._refuse(file, path, "there is nothing to replace")
        elif _is_mask(path):
            self._put_mask(path, file)
        else:
            self._put_image(path, file)

    def refuse_absent(self, path: str) -> None:
        if path not in self._images:
            self.problems.append(Problem(self._folder / path, "is no image of the data set, and has no group"))

    def _put_image(self, path: str, file: Path) -> None:
        match path.split("/"):
            case [name, "train" as part, "good" as kind, image] if is_name(name) and is_image_name(image):
                placed = SourceImage(file, part, kind, name=image)
            case [name, "test" as part, kind, image] if is_name(name) and is_image_name(image) and _is_kind(kind):
                placed = SourceImage(file, part, kind, name=image)
            case _:
                self._refuse(file, path, "an image lies in CATEGORY/train/good or CATEGORY/test/DEFECT_TYPE")
                return
        if path in self._images:
            self.remove(path)
        self._images[path] = placed

    def _put_mask(self, path: str, file: Path) -> None:
        if path in self._masks:
            self.remove(path)
        name, _, defect_type, stem = path.rpartition(".")[0].split("/") if path.count("/") == 3 else ("", "", "", "")
        owner = self._by_stem.get(f"{name}/test/{defect_type}/{stem.removesuffix(MASK_ENDING)}")
        placed = None if owner is None else replace(self._images[owner], mask=file)
        if owner is None or placed is None or f"{name}/{placed.mask_path}" != path:
            self._refuse(file, path, f"a mask lies in {_MASKS}/DEFECT_TYPE, as STEM{MASK_ENDING} of an image there")
        elif (other := self._images[owner].mask) is not None:
            self._refuse(file, path, f"{owner} has another mask, {other.name}")
        else:
            self._images[owner], self._masks[path] = placed, owner

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        """The test images when all are there: masks come last."""
        return {path.rpartition(".")[0]: path for path in self._images}

    def _place(self, file: Path) -> str:
        return file.relative_to(self._folder).as_posix()

    def _refuse(self, file: Path, path: str, reason: str) -> None:
        self.problems.append(Problem(file, f"cannot become {path}: {reason}"))
