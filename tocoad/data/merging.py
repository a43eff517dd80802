"""What a source would bring to a data set that is there: files that are new, identical, or in conflict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tocoad.data.changes import Changes
from tocoad.data.groups import GROUPS_FILE, NO_GROUPS
from tocoad.data.importing import THREADS
from tocoad.data.layouts.group_file import attach_table
from tocoad.data.layouts.source import Source, SourceImage, named_groups
from tocoad.data.problems import DataError, Problem
from tocoad.data.threads import thread_pool
from tocoad.stages.stage import Progress, ProgressCallback, silent


@dataclass
class Comparison:
    """Of one category. Paths are those in the data set, of images and masks; a conflict names, for a file that lies
    there, the one of the source. `grouped` gives the group of those images that get another one, or a first.
    """

    new: list[str] = field(default_factory=list)
    identical: list[str] = field(default_factory=list)
    conflicts: dict[str, Path] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    grouped: dict[str, str] = field(default_factory=dict)


Comparisons = Mapping[str, Comparison]


@dataclass(frozen=True)
class Merge:
    """The files of a source by category, compared with those of a data set, and what would bring them in. The files in
    conflict are among the changes: they take the places of those that lie there.
    """

    comparisons: Comparisons
    changes: Changes


def merge(source: Source, present: Source, folder: Path, progress: ProgressCallback = silent) -> Merge:
    """Of a source into the data set in `folder`, in which `present` was found. Nothing is written.

    Raises DataError for a source that has two files for one path.
    """
    _refuse_twice(source)
    merging = _Merging(folder)
    pairs = _pairs(source, present)
    with thread_pool(THREADS) as pool:
        for done, pair in enumerate(pool.map(_compare, pairs), start=1):
            merging.take(pair)
            progress(Progress(done, len(pairs)))
    merging.take_groups(source, present, None)
    return merging.merge


def merge_groups(table: Path, present: Source, folder: Path) -> tuple[Merge, Source]:
    """Of a table of groups into the data set in `folder`; with it what is odd about the table, among the warnings.

    Raises DataError for a table that cannot be read.
    """
    source = Source(table.parent, categories=[replace(category, groups=NO_GROUPS) for category in present.categories])
    attach_table(source, table)
    if source.problems:
        raise DataError(source.problems)
    merging = _Merging(folder)
    merging.take_groups(source, present, table)
    return merging.merge, source


def refuse_conflicts(comparisons: Comparisons, folder: Path) -> None:
    """Raises DataError with both paths of each."""
    way_out = "take it with --replace, or give it another name"
    if problems := [
        Problem(file, f"differs from {folder / path}: {way_out}")
        for comparison in comparisons.values()
        for path, file in comparison.conflicts.items()
    ]:
        raise DataError(problems)


@dataclass
class _Pair:
    """An image of the source, and the one that has its place; whether contents are the same."""

    category: str
    image: SourceImage
    there: SourceImage | None
    same_image: bool = False
    same_mask: bool = False


def _pairs(source: Source, present: Source) -> list[_Pair]:
    names = {category.name for category in source.categories}
    there = {
        f"{category.name}/{image.path}": image
        for category in present.categories
        if category.name in names
        for image in category.images
    }
    return [
        _Pair(category.name, image, there.get(f"{category.name}/{image.path}"))
        for category in source.categories
        for image in category.images
    ]


def _compare(pair: _Pair) -> _Pair:
    if pair.there is not None:
        pair.same_image = _is_same(pair.image.file, pair.there.file)
        if pair.image.mask is not None and pair.there.mask is not None:
            pair.same_mask = _is_same(pair.image.mask, pair.there.mask)
    return pair


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError as error:
        raise DataError([Problem(Path(error.filename or one), f"cannot be read ({error.strerror})")]) from None


class _Merging:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.comparisons: defaultdict[str, Comparison] = defaultdict(Comparison)
        self.add: dict[str, Path] = {}
        self.replace: dict[str, Path] = {}
        self.remove: list[str] = []
        self.groups: dict[str, str] = {}

    @property
    def merge(self) -> Merge:
        changes = Changes(self.add, self.replace, frozenset(self.remove), self.groups)
        return Merge(dict(sorted(self.comparisons.items())), changes)

    def take(self, pair: _Pair) -> None:
        found, image, there = self.comparisons[pair.category], pair.image, pair.there
        path = f"{pair.category}/{image.path}"
        if there is None:
            found.new.append(path)
            self.add[path] = image.file
        elif pair.same_image:
            found.identical.append(path)
        else:
            found.conflicts[path] = image.file
            self.replace[path] = image.file
        self._take_mask(pair, found)

    def take_groups(self, source: Source, present: Source, table: Path | None) -> None:
        """Those that the source's tables name, or this one; that an image has no group there says nothing."""
        known = {category.name: category.groups for category in present.categories}
        for category in source.categories:
            own, there = category.folder / GROUPS_FILE, known.get(category.name, NO_GROUPS)
            file = table or (own if own.is_file() or source.root is None else source.root / GROUPS_FILE)
            for path, group in named_groups(category).items():
                if (before := there.of(path)) != group:
                    found = self.comparisons[category.name]
                    self.groups[f"{category.name}/{path}"] = found.grouped[f"{category.name}/{path}"] = group
                    if before is not None:
                        found.conflicts[f"{category.name}/{GROUPS_FILE}"] = file

    def _take_mask(self, pair: _Pair, found: Comparison) -> None:
        """A source without a mask says nothing about the one that is there; but that of another picture goes."""
        mask, old = pair.image.mask, pair.there.mask if pair.there else None
        path = f"{pair.category}/{pair.image.mask_path}"
        old_path = None if old is None else old.relative_to(self._folder).as_posix()
        if mask is None:
            if old_path is not None and not pair.same_image:
                found.removed.append(old_path)
        elif old_path is None:
            found.new.append(path)
            self.add[path] = mask
        elif pair.same_mask:
            found.identical.append(old_path)
            if not pair.same_image:  # the replaced image takes the old one with it
                self.add[path] = mask
        else:
            found.conflicts[old_path] = mask
            if pair.same_image:
                self.remove.append(old_path)
            self.add[path] = mask


def _refuse_twice(source: Source) -> None:
    """What is listed twice would be taken once, without a word."""
    for category in source.categories:
        counts = Counter(image.path for image in category.images)
        for image in category.images:
            if counts[image.path] > 1:
                source.refuse(image.file, f"listed {counts[image.path]} times as {image.path}")
    if source.problems:
        raise DataError(source.problems)
