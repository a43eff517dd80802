"""Every verdict against its image, against the data set, and against what was said before; nothing is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocoad.data.layouts.source import SourceImage
from tocoad.data.layouts.words import means_good
from tocoad.data.manifest import GOOD
from tocoad.data.naming import MASK_ENDING
from tocoad.data.threads import cores, thread_pool
from tocoad.feedback.looking import Seen, look_at
from tocoad.feedback.naming import stored_name
from tocoad.feedback.problems import LineProblem
from tocoad.feedback.record import HELD_DIR, Said, Statement
from tocoad.feedback.verdicts import Row, Verdict
from tocoad.files.fingerprint import file_digest
from tocoad.files.workspace import is_name
from tocoad.stages.stage import Progress, ProgressCallback

UNNAMED = "unnamed"
"""The defect type of a missed defect that a person gave none."""
_TAKE_OUT = "take that out first (tocoad data add --remove)"


@dataclass(frozen=True)
class Checked:
    """A verdict that can be taken. `files` are those to bring in, by their paths in the statement's `added`; what an
    intake that was broken off has brought is there already.
    """

    statement: Statement
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Known:
    """What the verdicts meet: the images of the category and the last words on images, both by pixel digest."""

    present: Mapping[str, SourceImage]
    said: Mapping[str, Said]

    @property
    def types(self) -> Mapping[str, str]:
        """The defect types that the category has, by their folded names."""
        found = {image.defect_type for image in self.present.values()}
        found |= {said.statement.defect_type for said in self.said.values() if said.statement.defect_type}
        return {_folded(name): name for name in sorted(found - {GOOD})}

    def still_said(self, pixels: str) -> Said | None:
        """The last word on an image that is still where it led: a person may have taken it out since."""
        said = self.said.get(pixels)
        if said is None or said.statement.verdict == "unclear":
            return said
        image = self.present.get(pixels)
        return said if image is not None and image.path == said.statement.path else None


def check_verdicts(
    rows: Sequence[Row], known: Known, progress: ProgressCallback
) -> tuple[list[Checked], list[LineProblem]]:
    """What is new, and what is wrong; a verdict that was taken before is neither."""
    checked, problems = [], []
    first: dict[str, tuple[Row, str | None]] = {}
    types = dict(known.types)
    with thread_pool(cores()) as pool:
        for done, (row, seen) in enumerate(zip(rows, pool.map(look_at, rows), strict=True), start=1):
            found: Checked | str | None
            defect_type = _defect_type(row, types)
            if defect_type.name is not None:
                types.setdefault(_folded(defect_type.name), defect_type.name)
            if isinstance(seen, str) or defect_type.refused:
                found = seen if isinstance(seen, str) else defect_type.refused
            else:
                earlier, earlier_type = first.setdefault(seen.pixels, (row, defect_type.name))
                if earlier is row:
                    found = _check(row, seen, defect_type.name, known)
                else:
                    found = _other_word(row, defect_type.name, earlier, earlier_type)
            if isinstance(found, Checked):
                checked.append(found)
            elif found is not None:
                problems.append(LineProblem(row.line, f"{row.given}: {found}"))
            progress(Progress(done, len(rows)))
    return checked, problems


@dataclass(frozen=True)
class _Type:
    """The name of a defect type's folder, None of what has none; or why it cannot be one."""

    name: str | None = None
    refused: str | None = None


def _defect_type(row: Row, types: Mapping[str, str]) -> _Type:
    if row.verdict == "false reject":
        if row.mask is not None or (row.defect_type is not None and not means_good(row.defect_type)):
            return _Type(refused="a false reject is a good part: it has neither defect type nor mask")
        return _Type()
    if row.defect_type is None:
        return _Type(UNNAMED if row.verdict == "missed defect" else None)
    if (there := types.get(_folded(row.defect_type))) is not None:
        return _Type(there)
    name = re.sub(r"\s+", "_", row.defect_type)
    if not is_name(name):
        return _Type(refused=f"defect type {row.defect_type!r}: use letters, digits, '_' and '-' (at most 63)")
    if means_good(name):
        return _Type(refused=f"defect type {row.defect_type!r} means a good part")
    return _Type(name)


def _other_word(row: Row, defect_type: str | None, earlier: Row, earlier_type: str | None) -> str | None:
    """Two lines may name the same image where they say the same."""
    if (row.verdict, defect_type) == (earlier.verdict, earlier_type):
        return None
    said = _told(earlier.verdict, earlier_type)
    return f"the same image as line {earlier.line} ({earlier.given}), which says {said}"


def _check(row: Row, seen: Seen, defect_type: str | None, known: Known) -> Checked | str | None:
    """A verdict to take, why it cannot be taken, or None of what was said before."""
    if (said := known.still_said(seen.pixels)) is not None:
        before = said.statement
        if (before.verdict, before.defect_type) == (row.verdict, defect_type):
            if seen.mask_sha256 in (None, before.mask_sha256):
                return None
        elif before.verdict != "unclear":
            told = _told(before.verdict, before.defect_type)
            return f"intake {said.intake.number} says {told} of the same image ({before.path}); {_TAKE_OUT}"
    image = known.present.get(seen.pixels)
    path = _place(row, defect_type, stored_name(row.image.name, seen.sha256))
    # It is there by its own name, and nothing was said of it, where an intake was broken off.
    ours = image is None or (image.path == path and said is None)
    if image is not None and not ours:
        if (refusal := _refused_there(row.verdict, defect_type, image)) is not None:
            return refusal
        path = image.path
    files = {path: row.image} if ours else {}
    mask = image.mask_path if image is not None else None
    if row.mask is not None:
        if image is not None and image.mask is not None and file_digest(image.mask) != seen.mask_sha256:
            return f"{image.path} is the same image, and has another mask; {_TAKE_OUT}"
        mask = mask or _mask_path(path, row.mask)
        if ours or image is None or image.mask is None:
            files[mask] = row.mask
    there = set() if image is None else {image.path, image.mask_path}
    statement = Statement(
        given=row.given,
        sha256=seen.sha256,
        pixels=seen.pixels,
        verdict=row.verdict,
        defect_type=defect_type,
        who=row.who,
        when=row.when,
        path=path,
        mask=mask,
        mask_sha256=seen.mask_sha256,
        added=tuple(files),
    )
    return Checked(statement, {path: file for path, file in files.items() if path not in there})


def _place(row: Row, defect_type: str | None, name: str) -> str:
    if row.verdict == "unclear":
        return f"{HELD_DIR}/{name}"
    return f"train/{GOOD}/{name}" if row.verdict == "false reject" else f"test/{defect_type}/{name}"


def _refused_there(verdict: Verdict, defect_type: str | None, image: SourceImage) -> str | None:
    """Of an image that the data set has already: it may say the same as the verdict, and nothing else."""
    same = f"the same image as {image.path}"
    if verdict == "unclear":
        return f"{same}, which is in the data set; {_TAKE_OUT}"
    if verdict == "false reject":
        return f"{same}, and what is tested on is not trained on; {_TAKE_OUT}" if image.part == "test" else None
    if image.part == "train":
        return f"{same}, and what is trained on is not tested on; {_TAKE_OUT}"
    return f"{same}, which says {image.defect_type}; {_TAKE_OUT}" if image.defect_type != defect_type else None


def _mask_path(path: str, mask: Path) -> str:
    folder, _, name = path.rpartition("/")
    if folder.startswith("test/"):
        folder = f"ground_truth/{folder.removeprefix('test/')}"
    return f"{folder}/{name.rpartition('.')[0]}{MASK_ENDING}{mask.suffix.lower()}"


def _told(verdict: Verdict, defect_type: str | None) -> str:
    return f"{verdict} ({defect_type})" if defect_type else verdict


def _folded(name: str) -> str:
    return re.sub(r"[-_\s]+", "_", name).casefold()
