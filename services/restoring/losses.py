"""What a restore would lose, and is refused for before it changes anything: settings, images and finished work that are
recorded nowhere.
"""

from __future__ import annotations

from services.dvc import data
from services.dvc.bringing import Bringing
from services.dvc.placing import Files, folder_hash
from services.restoring.states import State
from services.restoring.target import Target
from services.restoring.unrecorded import IsRecorded, UnrecordedError, is_unrecorded_work
from services.store.errors import StoreError
from tocoad.data.listing import first_names
from tocoad.files.documents import PARAMS, TRACKED, tracked_file
from tocoad.files.workspace import Workspace
from tocoad.settings.earlier import Earlier


class Losses:
    """Of one restore. Each method raises UnrecordedError; with `force` what would be lost is lost."""

    def __init__(
        self, workspace: Workspace, state: State, is_recorded: IsRecorded, bringing: Bringing, force: bool
    ) -> None:
        self._workspace, self._state, self._force = workspace, state, force
        self._is_recorded, self._bringing = is_recorded, bringing

    def refuse_documents(self, settings: Earlier) -> None:
        if self._force or self._state.is_present:
            return
        changed = [PARAMS] if settings.text.encode() != self._workspace.params_file.read_bytes() else []
        for kind in TRACKED:
            name = tracked_file(kind, self._state.dataset)
            there = self._workspace.root / name
            if there.is_file() and there.read_bytes() != self._state.text(name) and self._state.brings(kind):
                changed.append(name)
        for name in changed:
            if not self._is_recorded(name):
                raise UnrecordedError(
                    f"{name} as it is now is recorded nowhere: commit it (git commit {name}), or --force to lose it"
                )

    def refuse_of(self, target: Target, present: Files) -> None:
        """Images that are recorded nowhere, and what a run has finished and not yet recorded."""
        if target.whole:
            self._refuse_loss_of_images(target, present)
        elif (
            not self._force
            and is_unrecorded_work(self._workspace.root / target.path)
            and self._bringing.absent(target.hashes_in(present))
        ):
            raise UnrecordedError(
                f"{target.path} is finished and not recorded: tocoad retrain {self._state.dataset} does that; "
                "or --force to lose it"
            )

    def _refuse_loss_of_images(self, target: Target, present: Files) -> None:
        """What lies there as DVC has it, in this version or another, is kept in the cache."""
        folder, version = self._workspace.root / target.path, folder_hash(present)
        going = {path: md5 for path, md5 in present.items() if target.files.get(path) != md5}
        if not going:
            return
        known = present if not self._bringing.absent([version]) else self._recorded_images(target)
        lost = sorted(path for path, md5 in going.items() if known.get(path) != md5)
        if lost and not self._force:
            which = first_names([f"{target.path}/{path}" for path in lost])
            raise UnrecordedError(
                f"{which}: not as {target.path}.dvc has it, and recorded nowhere: tocoad retrain {self._state.dataset} "
                "takes it as it is; --force brings back what was recorded"
            )
        files = {md5: folder / path for path, md5 in going.items() if known.get(path) == md5}
        self._bringing.save({md5: files[md5] for md5 in self._bringing.absent(files)})

    def _recorded_images(self, target: Target) -> Files:
        """Those of the present `.dvc` file, of which the cache has the list then."""
        version = data.folder_version(self._workspace.root / target.path)
        if self._state.is_present or version is None:
            return target.files
        try:
            known = self._bringing.listing(version, target.path)
        except StoreError as error:
            if self._force:
                return {}
            raise UnrecordedError(
                f"{target.path} is recorded in {target.path}.dvc, and kept nowhere ({error}): tocoad retrain "
                f"{self._state.dataset} keeps it; or --force to lose it"
            ) from error
        self._bringing.keep_listing(version)
        return known
