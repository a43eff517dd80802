"""What a restore puts in place, folder by folder."""

from __future__ import annotations

from dataclasses import dataclass

from services.dvc.placing import Files, folder_hash


@dataclass(frozen=True)
class Target:
    """A folder and the files that it is to hold. Of one that is `whole` all else in it is wrong, of a stage's that only
    below the folders among its `outputs`.
    """

    path: str
    files: Files
    outputs: tuple[str, ...] = ()
    whole: bool = False

    def is_right(self, present: Files) -> bool:
        mine = present if self.whole else {path: md5 for path, md5 in present.items() if self._is_mine(path)}
        return mine == self.files

    def hashes_in(self, present: Files) -> set[str]:
        """What DVC would record of it."""
        found = {present[out] for out in self.outputs if out in present}
        for out in self.outputs:
            below = {path.removeprefix(f"{out}/"): md5 for path, md5 in present.items() if path.startswith(f"{out}/")}
            found |= {folder_hash(below)} if below else set()
        return found

    def _is_mine(self, path: str) -> bool:
        return any(path == out or path.startswith(f"{out}/") for out in self.outputs)
