"""Old versions go: while nothing else works in the workspace, and nothing that anything kept needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

from services.dvc.repository import opened
from services.gc.journal import clear_journal, write_journal
from services.gc.plan import Choice, Plan, Share, make_plan
from services.mlflow.kept import mark_removed
from services.mlflow.registry import Registry
from tocoad.files.lease import FOREVER, lease_of, study_owner
from tocoad.files.workspace import Category, Owner, Workspace, is_name
from tocoad.settings.file import load_params
from tocoad.stages.stage import Progress, ProgressCallback


def tidy(
    workspace: Workspace,
    registry: Registry,
    dataset: str,
    choice: Choice,
    agreed: Plan | None,
    tell: Callable[[Plan], object] | None,
    progress: ProgressCallback,
    wait: float = FOREVER,
) -> Plan:
    """Chooses, tells, and removes; nothing but what was `agreed` to, where somebody was asked before.

    Raises:
        LeaseTakenError: a run still works in the workspace; nothing was removed.
        StoreError, StoreAwayError: a store fails; what is left of it goes with the next time.
    """
    with lease_of(workspace, lambda: _everyone(workspace), f"tocoad gc {dataset}", wait), opened(workspace):
        plan = make_plan(workspace, registry, dataset, choice, progress)
        if agreed is not None:
            plan = _within(plan, agreed)
        if tell is not None:
            tell(plan)
        if not plan.is_empty:
            write_journal(workspace, dataset, plan.objects | plan.left)
            mark_removed(registry, [one.version for one in plan.losing])
            _remove(plan.shares, progress)
            if plan.store is not None:
                for name in plan.notes:
                    plan.store.place.remove_note(name)
        # The list that named them may have gone: of what stays for others it is to be known that it may go some time.
        if plan.left:
            write_journal(workspace, dataset, plan.left)
        else:
            clear_journal(workspace, dataset)
    return plan


def _remove(shares: Sequence[Share], progress: ProgressCallback) -> None:
    total, done = sum(len(share.sizes) for share in shares), count(1)
    for share in shares:
        share.place.remove(share.sizes, lambda: progress(Progress(next(done), total)))


def _within(plan: Plan, agreed: Plan) -> Plan:
    known = agreed.objects
    store = None if plan.store is None else _part(plan.store, known)
    notes = tuple(name for name in plan.notes if name in agreed.notes)
    return replace(plan, cache=_part(plan.cache, known), store=store, notes=notes)


def _part(share: Share, known: set[str]) -> Share:
    going = {name: size for name, size in share.sizes.items() if name in known}
    return replace(share, sizes=going, left=share.left | (share.sizes.keys() - going))


def _everyone(workspace: Workspace) -> set[Owner]:
    """All that lies in the workspace's cache is of one of them, and contents are shared."""
    datasets = {entry.name for entry in (workspace.root / "data").glob("*") if entry.is_dir() and is_name(entry.name)}
    owners: set[Owner] = {*datasets, *map(Category.parse, load_params(workspace).plan.categories)}
    owners |= {category for dataset in datasets for category in workspace.categories(dataset)}
    return owners | {study_owner(owner) for owner in owners}
