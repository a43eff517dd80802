"""What an owner lives through with one category: champions come, wait, are refused and go, and each time alias, log and
package say the same. MLflow and Prefect are servers; every step is a command, as a person or a schedule gives it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from services.mlflow.calls import connect
from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import Registry
from tests.chaos.servers import Server, mlflow_server, prefect_server
from tests.helpers.on_request import on_request
from tests.helpers.processes import wait_until
from tests.helpers.shop import TINY, Shop, make_workspace
from tocoad.files.workspace import Workspace
from tocoad.gate.log import Entry, History
from tocoad.package.card import package_sha256
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import override
from tocoad.settings.planning import plan_categories

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    on_request("story"),
]

# The pictures are small: what a memory of more patches is worth is plain, and so is what one of fewer is.
MIDDLING, POOR, GOOD, BEST = "0.05", "0.01", "0.3", "0.6"
SETTINGS = {
    **TINY,
    "evaluation.bootstrap": "200",
    "gate.metrics": "[pixel_AUPRO]",
    # One is judged by the rule that a step is about: what its image_AUROC is differs from processor to processor.
    "gate.image_AUROC_min": "0",
    "gate.pixel_AUROC_min": "0",
    "gate.margin": "0.05",
    "gate.images_min": "10",
    "gate.when_unsure": "keep",
    "gate.caught_min": "1",
    "gate.latency_ratio_max": "100",  # a machine that is busy with other tests
    "gate.size_ratio_max": "100",
}


@dataclass
class Story:
    shop: Shop
    mlflow: Server
    name: str = "tiny.gear"

    def retrain(self, patches: str | None = None, code: int = 0, shop: Shop | None = None, **changes: str) -> Any:
        """The category's entry, after a retrain with another share of patches and other settings."""
        settings = {} if patches is None else {"bank.coreset_ratio": patches}
        settings |= {name.replace("__", "."): value for name, value in changes.items()}
        options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        return (shop or self.shop).retrain("--method", "patchcore", *options, code=code)["categories"]["gear"]

    def does(self, *command: str) -> Any:
        done = self.shop.run("tocoad", *command, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def history(self) -> History:
        return DecisionLog(self.registry, self.name).read()

    @property
    def registry(self) -> Registry:
        return Registry(connect(self.mlflow.url))

    def stands(self, champion: int, previous: int | None, challenger: int | None = None) -> Entry:
        """Alias, log and the champion's package say this; the last entry that counts."""
        history = self.history
        aliases = {"champion": champion, "previous": previous, "challenger": challenger}
        found = self.registry.client.get_registered_model(self.name).aliases
        assert {name: int(number) for name, number in found.items()} == {k: v for k, v in aliases.items() if v}
        assert (history.champion, history.way_back()) == (champion, previous)
        assert (history.waiting.entry.version if history.waiting else None) == challenger
        version = self.registry.version(self.name, champion)
        made = next(entry for number, entry in history.counted if number == history.reign)
        assert version.tags["package_sha256"] == (made.package if made.subject is None else made.subject.package)
        return history.counted[-1].entry


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    source = folder / "source" / "tiny"
    render_sample(source, size=96, counts=SampleCounts(train=16, test_good=12, test_defective=12))
    for name in ("fabric", "plate"):
        shutil.rmtree(source / name)
    (folder / "a").mkdir()
    shop = make_workspace(folder / "a")
    override(Workspace(shop.root), SETTINGS)
    for name in ("mlflow", "prefect"):
        (folder / name).mkdir()
    mlflow = mlflow_server(folder / "mlflow", folder / "mlflow.log")
    prefect = prefect_server(folder / "prefect", folder / "prefect.log")
    addresses = {"MLFLOW_TRACKING_URI": mlflow.url, "PREFECT_API_URL": f"{prefect.url}/api"}
    story = Story(replace(shop, env=addresses), mlflow)
    try:
        mlflow.start()
        prefect.start()
        story.does("data", "add", str(source), "--name", "tiny")
        plan_categories(Workspace(shop.root), "tiny", method="patchcore")
        yield story
    finally:
        mlflow.stop()
        prefect.stop()


def test_the_first_becomes_champion(story: Story) -> None:
    entry = story.retrain(MIDDLING)
    assert entry["decision"]["verdict"] == "promoted"
    assert story.stands(champion=1, previous=None).action == "judge"


def test_a_worse_one_is_kept_out_and_the_rule_is_named(story: Story) -> None:
    entry = story.retrain(POOR)
    assert entry["decision"]["verdict"] == "kept"
    said = story.stands(champion=1, previous=None)
    assert said.decision is not None
    failed = {finding.name: finding.reason for finding in said.decision.findings if finding.outcome == "failed"}
    assert "is worse than the champion's" in failed["pixel_AUPRO against champion"]
    assert entry["decision"]["reasons"][0] in failed.values()


def test_a_better_one_is_promoted(story: Story) -> None:
    assert story.retrain(GOOD)["decision"]["verdict"] == "promoted"
    assert story.stands(champion=3, previous=1).old == 1


def test_one_waits_for_a_person_and_is_approved(story: Story) -> None:
    entry = story.retrain(BEST, gate__approval="required")
    assert entry["decision"]["verdict"] == "waiting"
    story.stands(champion=3, previous=1, challenger=4)
    assert story.retrain()["decision"]["verdict"] == "waiting"
    given = story.does("approve", "tiny", "gear", "--reason", "catches the new scratches")
    assert (given["verdict"], given["from"], given["to"]) == ("promoted", 3, 4)
    said = story.stands(champion=4, previous=3)
    assert (said.action, said.reason, said.version) == ("approve", "catches the new scratches", 4)


def test_one_that_nobody_answers_for_in_time_is_kept_out(story: Story) -> None:
    assert story.retrain(gate__approval_hours="0.00001", seed="1")["decision"]["verdict"] == "waiting"
    entry = story.retrain()
    assert (entry["status"], entry["decision"]["verdict"]) == ("up-to-date", "kept")
    assert story.stands(champion=4, previous=3).action == "expire"


def test_the_champion_is_taken_down_and_does_not_come_back_by_itself(story: Story) -> None:
    done = story.does("rollback", "tiny", "gear", "--reason", "rejects good parts of the new supplier")
    assert (done["from"], done["to"]) == (4, 3)
    assert story.stands(champion=3, previous=1).action == "rollback"
    entry = story.retrain(BEST, gate__approval="none", gate__approval_hours="72", seed="0")
    assert entry["decision"]["verdict"] == "kept"
    assert "was rolled back (rejects good parts of the new supplier)" in entry["decision"]["reasons"][0]
    story.stands(champion=3, previous=1)


def test_with_mlflow_away_in_the_middle_the_champion_stays_and_the_rest_is_done_when_it_is_back(story: Story) -> None:
    fit = story.shop.root / "work/tiny/gear/patchcore"
    command = ("tocoad", "retrain", "tiny", "--json", "--method", "patchcore", "--set", "bank.coreset_ratio=0.02")
    running = story.shop.start(*command)
    wait_until("the fit", lambda: list(fit.glob(".fit.incoming-*")) or running.poll() is not None, 120, 0.02)
    story.mlflow.kill()
    assert running.poll() is None
    wait_until("the evaluation", lambda: '"seconds"' in (fit / "evaluate/record.json").read_text(), 120)
    story.mlflow.start()
    output, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    entry = json.loads(output)["categories"]["gear"]
    assert (entry["status"], entry["decision"]["verdict"]) == ("trained", "kept")
    assert story.retrain()["status"] == "up-to-date"
    story.stands(champion=3, previous=1)


def test_of_two_machines_that_retrain_at_once_each_is_judged_against_the_champion_in_force(story: Story) -> None:
    other = replace(story.shop, root=story.shop.root.with_name("b"))
    shutil.copytree(story.shop.root, other.root, symlinks=True, ignore=shutil.ignore_patterns(".services"))
    before = len(story.history.counted)
    running = []
    for shop, patches in ((story.shop, "0.5"), (other, "0.55")):
        command = ("tocoad", "retrain", "tiny", "--json", "--method", "patchcore")
        running.append(shop.start(*command, "--set", f"bank.coreset_ratio={patches}"))
    entries = []
    for process in running:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        entries.append(json.loads(output)["categories"]["gear"])
    history = story.history
    judged = {entry.version: entry for _, entry in history.counted[before:]}
    for entry in entries:
        said = judged[entry["model"]["version"]]
        assert said.decision is not None and said.decision.verdict == entry["decision"]["verdict"]
        # It was compared with who was champion just then, on figures that this one's own verdict has.
        (beside,) = (one for one in said.decision.findings if one.name == "pixel_AUPRO against champion")
        met = history.verdict_on(said.old or 0)
        assert met is not None and beside.figures["champion"] == met.metrics["pixel_AUPRO"]
    story.stands(champion=history.champion or 0, previous=history.way_back())


def test_a_champion_that_new_images_find_below_its_floor_is_told_and_what_follows_is_a_setting(
    story: Story, tmp_path: Path
) -> None:
    champion = story.history.champion
    assert champion is not None
    # Defects that nobody can see: of the champion's figures nothing is left.
    unseen = tmp_path / "tiny"
    folder = unseen / "gear/test/unseen"
    folder.mkdir(parents=True)
    good = sorted((Workspace(story.shop.root).root / "data/tiny/gear/test/good").iterdir())
    for number, file in enumerate(good * 3):
        image = cv2.imread(str(file))
        noise = np.random.default_rng(number).integers(0, 2, image.shape, dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.minimum(image, 254) + noise)
    story.does("data", "add", str(unseen), "--name", "tiny")
    entry = story.retrain(gate__image_AUROC_min="0.65")
    judged = [one for _, one in story.history.counted if one.version == champion and one.decision is not None][-1]
    assert judged.decision is not None and judged.decision.verdict == "rejected"
    assert "image_AUROC" in judged.decision.reasons[0] and "is below the floor 0.65" in judged.decision.reasons[0]
    assert story.history.champion == champion and entry["status"] != "failed"
    story.stands(champion=champion, previous=story.history.way_back())
    done = story.shop.run("tocoad", "status", "tiny")
    assert "rejected" in done.stdout, done.stdout
    story.retrain(gate__below_floor="rollback")
    judged = [one for _, one in story.history.counted if one.version == champion and one.decision is not None][-1]
    assert judged.decision is not None
    assert "it stays champion: no version before it is known to hold the floors" in judged.decision.reasons[-1]
    story.stands(champion=champion, previous=story.history.way_back())


def test_the_history_tells_it_all(story: Story) -> None:
    told = story.does("history", "tiny", "gear")
    actions = [one["action"] for one in told["decisions"] if one["counts"]]
    assert {"judge", "approve", "expire", "rollback"} <= set(actions)
    packages = [one["package"] for one in told["decisions"] if one["counts"]]
    assert all(packages)
    version = story.registry.version(story.name, 4)
    assert version.tags["package_sha256"] in packages
    assert package_sha256(story.shop.root / "work/tiny/gear/patchcore/fit/detector") in packages
