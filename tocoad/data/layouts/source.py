"""What a reader of a layout found in a source folder; nothing is decoded yet, nothing that lies there goes unnamed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

from tocoad.data.groups import GROUPS_FILE, NO_GROUPS, Groups
from tocoad.data.listing import first_names, is_image_name, is_left_behind
from tocoad.data.naming import MASK_ENDING
from tocoad.data.problems import Problem


@dataclass(frozen=True)
class SourceImage:
    """One image and where it belongs in the canonical tree; paths there are relative to the category's folder.

    `name` is its name there where that is not the file's.
    """

    file: Path
    part: Literal["train", "test"]
    defect_type: str
    mask: Path | None = None
    name: str = ""

    @property
    def file_name(self) -> str:
        return self.name or self.file.name

    @property
    def stem(self) -> str:
        return PurePath(self.file_name).stem

    @property
    def path(self) -> str:
        return f"{self.part}/{self.defect_type}/{self.file_name}"

    @property
    def mask_path(self) -> str | None:
        return f"ground_truth/{self.defect_type}/{self.stem}{MASK_ENDING}{self.mask.suffix}" if self.mask else None


@dataclass
class SourceCategory:
    name: str
    folder: Path
    images: list[SourceImage] = field(default_factory=list)
    groups: Groups = NO_GROUPS


def named_after(folder: Path) -> str:
    """The name of the one category of a layout that names none."""
    return folder.resolve().name.strip().lower()


def named_groups(category: SourceCategory) -> dict[str, str]:
    """What its table says of each image, by its path in the category."""
    if not category.groups:
        return {}
    found = ((image.path, category.groups.of(image.path)) for image in category.images)
    return {path: group for path, group in found if group is not None}


@dataclass
class Source:
    """Filled by a reader. With `root`, links that lead out of it are refused; without, links are followed.

    `store`: where links may lead besides, DVC's cache of the workspace, to which it may link the files of a data set.
    `tables` are files that seem to say which images belong together; wherever they lie, they are no images.
    """

    root: Path | None = None
    store: Path | None = field(default=None, kw_only=True)
    categories: list[SourceCategory] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)

    def refuse(self, file: Path, reason: str) -> None:
        self.problems.append(Problem(file, reason))

    def warn(self, file: Path, reason: str) -> None:
        self.warnings.append(Problem(file, reason))

    def leave_out(self, category: SourceCategory, images: Set[SourceImage], what: str) -> None:
        """Takes the images out of the category; one warning says how many, what they are, and the first of them."""
        if images:
            names = sorted(image.file.name for image in images)
            self.warn(category.folder, f"{len(names)} images {what}; not imported: {first_names(names)}")
            category.images = [image for image in category.images if image not in images]

    def folders(self, folder: Path) -> list[Path]:
        """The sub-folders, in order of name; files beside them are named as not imported."""
        found = []
        for entry, is_folder in self._entries(folder):
            if is_folder:
                found.append(entry)
            else:
                self.warn(entry, "not part of the layout; not imported")
        return found

    def images(self, folder: Path, others: Literal["refuse", "warn"] = "refuse") -> list[Path]:
        """The images, in order of name; files that are none are a problem, or named as not imported.

        A folder in the folder is always a problem. A missing folder has no images.
        """
        found = []
        for entry, is_folder in self._entries(folder) if folder.is_dir() else ():
            if is_folder:
                self.refuse(entry, "a folder where only images belong; move its images up or remove it")
            elif not is_image_name(entry.name) and others == "warn":
                self.warn(entry, "not part of the layout; not imported")
            elif not is_image_name(entry.name):
                self.refuse(entry, "not an image of a known type (png, jpg, bmp, tif); convert or remove it")
            else:
                found.append(entry)
        return found

    def entries(self, folder: Path) -> Iterator[Path]:
        """Files and folders in order of name, without what systems leave behind; links that lead out are problems."""
        for entry, _ in self._entries(folder):
            yield entry

    def _entries(self, folder: Path) -> Iterator[tuple[Path, bool]]:
        """Each with whether it is a folder, as the folder's own listing tells where it can: there may be thousands."""
        try:
            with os.scandir(folder) as found:
                listed = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self.refuse(folder, f"cannot be listed ({error.strerror})")
            return
        for entry in listed:
            if is_left_behind(entry.name):
                continue
            path = folder / entry.name
            if entry.is_symlink() and not self.is_inside(path):
                self.refuse(path, "a link that leads out of the source folder; put the file itself here")
            elif not (entry.is_dir() or entry.is_file()):
                self.refuse(path, "neither a file nor a folder")
            elif entry.name == GROUPS_FILE and entry.is_file():
                self.tables.append(path)
            else:
                yield path, entry.is_dir()

    def is_inside(self, path: Path) -> bool:
        allowed = [folder.resolve() for folder in (self.root, self.store) if folder is not None]
        return self.root is None or any(path.resolve().is_relative_to(folder) for folder in allowed)
