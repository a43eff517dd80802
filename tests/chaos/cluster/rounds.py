"""One round: a retrain on the cluster, a fault, and where it did not end well the same command once more."""

from __future__ import annotations

import time

from tests.chaos.cluster import invariants
from tests.chaos.cluster.plan import DECLARED_DEAD, Round
from tests.chaos.cluster.rows import SKIPPED, Ended
from tests.chaos.cluster.scene import Scene, TooLateError
from tests.chaos.cluster.site import Reference, Site
from tests.chaos.cluster.strikes import SPOILS, Harm, NotHereError, spoil, strike
from tests.chaos.cluster.watch import Watch
from tests.chaos.invariants import finished_stages, of_finished
from tests.chaos.result import TOO_LATE
from tests.chaos.workshop import LIMIT_SECONDS, Command, Outcome

_LOOK_SECONDS = 0.1


def one_round(site: Site, at: Round, reference: Reference, seconds: float) -> Ended:
    """`seconds` is what an undisturbed run takes."""
    embedded = at.fault == "the embedded Prefect server killed"
    site.restore(at.is_long)
    if at.fault == "a node's disk full":
        site.give_small_disks()
    spoilt = spoil(at, site) if at.fault in SPOILS else None
    command = site.retrain(embedded)
    scene = Scene(site, at, command, embedded, seconds)
    told, faults = TOO_LATE, list[str]()
    watch, struck = None, time.monotonic()
    try:
        harm = spoilt or strike(scene)
        watch, struck, told = Watch(scene), time.monotonic(), harm.told
    except TooLateError:
        harm = Harm("")
    except NotHereError as error:
        told, harm = f"{SKIPPED}{error}", Harm("")
    disturbed = _through(command, harm)
    if watch is not None:
        watch.stop()
    faults += invariants.of_disturbed(disturbed, killed=at.fault == "the driver killed" and told != TOO_LATE)
    last, marks = disturbed, [command.mark]
    if disturbed.code != 0 or list(invariants.of_runs(site, embedded)):
        finished = finished_stages(site.root, disturbed.started)
        again = _again(site, embedded)
        last = again.wait()
        marks.append(again.mark)
        faults += of_finished(site.root, finished)
    done = round(time.monotonic() - struck, 1)
    faults += invariants.of_end(site, last, reference)
    faults += invariants.of_runs(site, embedded)
    faults += invariants.of_trained_twice(site, embedded, command.started)
    faults += invariants.of_what_is_left(site, marks, at.fault in DECLARED_DEAD)
    noticed = None if watch is None else watch.seconds
    return Ended(told, disturbed.code, noticed, done, last is not disturbed, tuple(faults))


def _through(command: Command, harm: Harm) -> Outcome:
    """To the end of the command. What was done is undone on the way, or afterwards."""
    try:
        deadline = time.monotonic() + LIMIT_SECONDS
        while command.runs and not harm.until() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
    finally:
        harm.heal()
    return command.wait()


def _again(site: Site, embedded: bool) -> Command:
    site.mend()
    site.workshop.set({"ray.address": site.cluster.address})
    return site.retrain(embedded)
