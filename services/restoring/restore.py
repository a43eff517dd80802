"""A data set brought back as it was: images, settings, and what was trained of them, every file read through.

Folders take their place first, each whole, and the documents that name them last: who is killed in between and runs the
same again goes on, and takes nothing for a change of the user's.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from services.dvc import data, recorded
from services.dvc.bringing import Bringing, Brought
from services.dvc.placing import Files, Placer, expanded
from services.dvc.repository import opened
from services.restoring.losses import Losses
from services.restoring.states import State
from services.restoring.target import Target
from services.restoring.unrecorded import IsRecorded, remember_restored
from tocoad.data.listing import first_names
from tocoad.errors import SettingsError, StageError
from tocoad.feedback.record import feedback_owner
from tocoad.files.documents import PARAMS, TRACKED, tracked_file
from tocoad.files.lease import FOREVER, lease_of, still_held, study_owner
from tocoad.files.links import refuse_links
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.package.card import package_sha256
from tocoad.settings.earlier import Earlier, earlier_settings
from tocoad.settings.file import Params, load_params, save_plan
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import Job, detector_dir, distinct, jobs_of
from tocoad.stages.stage import Progress, ProgressCallback, silent


@dataclass(frozen=True)
class Restored:
    """`files` and `bytes` are all that the state consists of, `brought` what came from elsewhere. `settings` are keys
    that have another value now; `of_other_code` stages that this checkout would run again.
    """

    state: str
    files: int
    bytes: int
    brought: Brought
    seconds: float
    healed: tuple[str, ...]
    settings: tuple[str, ...]
    of_other_code: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "state": self.state,
            "files": self.files,
            "bytes": self.bytes,
            "fetched": {"objects": self.brought.moved.objects, "bytes": self.brought.moved.bytes},
            "seconds": round(self.seconds, 2),
            "healed": [*self.healed],
            "settings": [*self.settings],
            "of_other_code": [*self.of_other_code],
        }


def restore(
    workspace: Workspace,
    state: State,
    is_recorded: IsRecorded,
    force: bool = False,
    progress: ProgressCallback = silent,
    wait: float = FOREVER,
) -> Restored:
    """Raises:
    UnrecordedError: settings or data would be lost that are recorded nowhere; with `force` they are.
    SettingsError: results of others would become stale by the settings of then; with `force` they do.
    StoreError, StoreAwayError: an object is nowhere, or damaged everywhere; the workspace is as it was.
    LeaseTakenError: another run works on the data set.
    """
    begin = time.perf_counter()
    named = state.category.name if state.category else state.dataset

    def owners() -> set[Owner]:
        then = {Category.parse(name) for name in _params(state).plan.categories}
        categories = {*workspace.categories(state.dataset), *(c for c in then if c.dataset == state.dataset)}
        all_of_it: set[Owner] = {state.dataset, *categories}
        return {*all_of_it, *(study_owner(owner) for owner in all_of_it), feedback_owner(state.dataset)}

    with lease_of(workspace, owners, f"tocoad restore {named}", wait):
        return _Restore(workspace, state, is_recorded, force, progress).run(begin)


class _Restore:
    def __init__(
        self, workspace: Workspace, state: State, is_recorded: IsRecorded, force: bool, progress: ProgressCallback
    ) -> None:
        self._workspace, self._state, self._force = workspace, state, force
        self._progress, self._bringing = progress, Bringing(workspace)
        self._losses = Losses(workspace, state, is_recorded, self._bringing, force)
        self._brought = Brought()
        with opened(workspace) as repo:
            self._placer = Placer(repo)

    def run(self, begin: float) -> Restored:
        state, root = self._state, self._workspace.root
        refuse_links(self._workspace, [root / kind / state.dataset for kind in TRACKED])
        refuse_links(self._workspace, [job.output_dir(self._workspace) for job in self._jobs])
        self._refuse_half_of_a_model()
        settings = self._settings()
        self._losses.refuse_documents(settings)
        targets, lists = self._targets()
        present = {target.path: self._placer.present(root / target.path, self._tell) for target in targets}
        wrong = [target for target in targets if not target.is_right(present[target.path])]
        for target in wrong:
            self._losses.refuse_of(target, present[target.path])
        # Nothing has changed before the first takes its place: what it lacks is read as it is copied, and not twice.
        wrong.sort(key=lambda target: len(target.files), reverse=True)
        self._bring(targets, lists, present, next(iter(wrong), None))
        damaged = self._place(wrong, present)
        self._write(settings)
        self._check_package()
        sizes = ((root / target.path / path).stat().st_size for target in targets for path in target.files)
        return Restored(
            state=state.name,
            files=sum(len(target.files) for target in targets),
            bytes=sum(sizes),
            brought=self._brought,
            seconds=time.perf_counter() - begin,
            healed=(*self._brought.healed, *damaged),
            settings=settings.keys,
            of_other_code=tuple(recorded.of_other_code(self._jobs, self._entries)),
        )

    @cached_property
    def _then(self) -> Params:
        return _params(self._state)

    @cached_property
    def _entries(self) -> dict[str, Any]:
        return recorded.entries(self._state.documents, self._state.belongs)

    @cached_property
    def _categories(self) -> list[Category]:
        planned = (Category.parse(name) for name in self._then.plan.categories)
        return [category for category in planned if self._state.has(category)]

    @cached_property
    def _jobs(self) -> list[Job]:
        """Those that are recorded; of a category alone, its own."""
        chains = (jobs_of(category, self._then.plan.method(category)) for category in self._categories)
        return [job for job in distinct(job for chain in chains for job in chain) if job.dvc_name in self._entries]

    def _refuse_half_of_a_model(self) -> None:
        """A category whose model is one of all categories: the others would have another."""
        if (category := self._state.category) is None or self._force:
            return
        shared = {str(job.owner) for job in jobs_of(category, self._then.plan.method(category))} - {str(category)}
        now, then = (
            {name: entry.get("outs") for name, entry in recorded.entries(documents, shared.__contains__).items()}
            for documents in (self._workspace, self._state.documents)
        )
        if now != then:
            raise SettingsError(
                f"{self._state.name} is of a model for all categories, which is another now: bring back the whole data "
                f"set (tocoad restore {category.dataset} --rev REV), or --force for this category alone"
            )

    def _settings(self) -> Earlier:
        """What params.yaml is to be. Refused where others' results would be stale by it."""
        now = self._workspace.params_file.read_text(encoding="utf-8")
        if self._state.is_present:
            return Earlier(now, ())
        earlier = earlier_settings(self._state.documents.params_file.read_text(encoding="utf-8"), now)
        if earlier.keys and not self._force:
            hit = recorded.hit_by(earlier.text, self._workspace, self._state.belongs)
            if hit:
                raise SettingsError(
                    f"params.yaml {self._state.name} has other values of {first_names(earlier.keys)}: with them what "
                    f"is trained of {first_names(hit)} would be stale; --force brings them back all the same"
                )
        return earlier

    def _targets(self) -> tuple[list[Target], dict[str, str]]:
        """What is to lie there, and by its hash each folder of which the cache must have the list."""
        lists: dict[str, str] = {}
        targets = []

        def listing(path: str, md5: str) -> Files:
            lists[md5] = path
            return self._bringing.listing(md5, path)

        for kind in TRACKED:
            path = f"{kind}/{self._state.dataset}"
            if (
                self._state.brings(kind)
                and (then := data.folder_version(self._state.documents.root / path)) is not None
            ):
                targets.append(Target(path, self._images(path, then, listing), whole=True))
            elif self._state.brings(kind) and (self._workspace.root / path).is_dir():
                targets.append(Target(path, {}, whole=True))
        for job in self._jobs:
            folder = job.output_dir(self._workspace).relative_to(self._workspace.root).as_posix()
            outputs = recorded.outputs_of(job, self._entries[job.dvc_name])
            files = expanded(outputs, partial(listing, folder))
            targets.append(Target(folder, files, tuple(outputs)))
        return targets, lists

    def _images(self, path: str, then: str, listing: Callable[[str, str], Files]) -> Files:
        """Of a category alone its own as they were, and the others' as they are recorded now."""
        if self._state.category is None:
            return listing(path, then)
        mine = f"{self._state.category.name}/"
        files = {name: md5 for name, md5 in self._bringing.listing(then, path).items() if name.startswith(mine)}
        now = data.data_version(self._workspace, self._state.dataset)
        others = {} if now is None else self._bringing.listing(now, path)
        return {name: md5 for name, md5 in others.items() if not name.startswith(mine)} | files

    def _bring(
        self, targets: list[Target], lists: dict[str, str], present: Mapping[str, Files], first: Target | None
    ) -> None:
        wanted = dict(lists)
        for target in targets:
            wanted |= {md5: f"{target.path}/{path}" for path, md5 in target.files.items()}
        lying: dict[str, Path] = {}
        for place, files in present.items():
            lying |= {md5: self._workspace.root / place / path for path, md5 in files.items() if md5 in wanted}
        others = {md5 for target in targets if target is not first for md5 in target.files.values()}
        unread = set() if first is None else set(first.files.values()) - others - lying.keys()
        self._brought += self._bringing.bring(wanted, lying, self._tell, unread)

    def _mend(self, target: Target, damaged: Mapping[str, str]) -> None:
        wanted = {md5: f"{target.path}/{path}" for md5, path in damaged.items()}
        self._brought += self._bringing.bring(wanted, {}, self._tell)

    def _place(self, wrong: list[Target], present: Mapping[str, Files]) -> list[str]:
        """Names the files that lay there and were not what they should be, though nothing was to change them."""
        total, done = sum(len(target.files) for target in wrong), 0

        def step() -> None:
            nonlocal done
            done += 1
            self._tell(done, total)

        damaged = []
        for target in wrong:
            folder, there = self._workspace.root / target.path, present[target.path]
            if target.files:
                mend = partial(self._mend, target) if target is wrong[0] else None
                self._placer.put(folder, target.files, there, step, mend)
            else:
                with still_held():
                    shutil.rmtree(folder)
            if self._state.is_present:
                mine = ((path, md5) for path, md5 in target.files.items() if path in there)
                damaged += [
                    f"{target.path}/{path}: it was not what it should be" for path, md5 in mine if there[path] != md5
                ]
        return damaged

    def _write(self, settings: Earlier) -> None:
        """The documents: dvc.lock and the data first, by which a retrain would know that it has nothing to do."""
        workspace, state, then = self._workspace, self._state, self._then
        if state.is_present:
            write_dvc_file(workspace, then.settings)
            return
        with opened(workspace) as repo:
            recorded.replace_entries(repo, workspace, state.documents, state.belongs)
        for kind in TRACKED:
            name = tracked_file(kind, state.dataset)
            if not self._state.brings(kind):
                continue
            if state.category is not None:
                data.track_dataset(workspace, state.dataset)
            elif (text := state.text(name)) is not None:
                write_whole(workspace.root / name, text)
            else:
                (workspace.root / name).unlink(missing_ok=True)
            if (workspace.root / name).is_file():
                remember_restored(workspace, name)
        plan = load_params(workspace).plan
        plan = plan.without({name for name in plan.categories if state.has(Category.parse(name))})
        for category in self._categories:
            plan = plan.with_categories([category], then.plan.method(category))
        if settings.text.encode() != workspace.params_file.read_bytes():
            write_whole(workspace.params_file, settings.text.encode())
            remember_restored(workspace, PARAMS)
        save_plan(workspace, plan)
        write_dvc_file(workspace, load_params(workspace).settings)

    def _check_package(self) -> None:
        state = self._state
        if state.category is None or state.package is None:
            return
        method = self._then.plan.method(state.category)
        found = package_sha256(detector_dir(self._workspace, state.category, method))
        if found != state.package:
            raise StageError(f"{state.name}: the detector that its record names is not the one that was registered")

    def _tell(self, done: int, total: int, _size: int = 0) -> None:
        self._progress(Progress(done, total))


def _params(state: State) -> Params:
    """Of then. Raises SettingsError where this version cannot read them."""
    try:
        return load_params(state.documents)
    except SettingsError as error:
        if state.is_present:
            raise
        raise SettingsError(
            f"the settings {state.name} are of another version of tocoad ({error}): restore in a checkout of then"
        ) from None
