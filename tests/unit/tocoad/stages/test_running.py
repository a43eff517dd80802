"""Running a stage: outputs appear whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.damage import damages
from tests.helpers.disks import small_disk
from tocoad.errors import StageError
from tocoad.files.lease import LeaseLostError, lease
from tocoad.files.sealed import seal
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import ImageSettings, ScoringSettings, Settings, SynthesisSettings
from tocoad.stages import running
from tocoad.stages.declaration import Input, Method, Stage
from tocoad.stages.running import RECORD_FILE, is_finished, read_record, run_stage, weights_sha256
from tocoad.stages.stage import StageContext, StageRecord

GEAR = Category("sample", "gear")


def first(context: StageContext) -> StageRecord:
    (context.output_dir / "out.txt").write_text(f"seed {context.settings.seed}")
    return StageRecord(metrics={"images": 3.0})


def second(context: StageContext) -> StageRecord:
    text = (context.inputs["source"] / "out.txt").read_text()
    (context.output_dir / "copy.txt").write_text(text)
    if context.settings.seed == 13:
        raise StageError("thirteen")
    return StageRecord()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    def load(stage: Stage) -> Any:
        return {"first": first, "second": second}[stage.name]

    stages = (
        Stage("first", ":", scope="category", params=("seed",), outs=("out.txt",)),
        Stage("second", ":", inputs={"source": Input("first")}, outs=("copy.txt",)),
    )
    monkeypatch.setattr(running, "METHODS", {"tocoad": Method("tocoad", stages)})
    monkeypatch.setattr(Stage, "load", load)
    return Workspace(tmp_path)


def test_a_stage_fills_its_folder_and_its_record(workspace: Workspace) -> None:
    record = run_stage(workspace, GEAR, "tocoad", "first", Settings(seed=4))
    folder = workspace.root / "work/sample/gear/first"
    assert (folder / "out.txt").read_text() == "seed 4"
    assert record.metrics == {"images": 3.0}
    assert record.seconds > 0
    assert record.cpu_seconds is not None
    assert record.cpu_seconds >= 0
    assert read_record(folder) == record
    assert read_record(workspace.root) is None
    run_stage(workspace, GEAR, "tocoad", "second", Settings(seed=4))
    assert (workspace.root / "work/sample/gear/tocoad/second/copy.txt").read_text() == "seed 4"


def test_an_output_does_not_take_its_place_once_another_run_has_taken_over(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a suspended machine has come back, or in a worker whose driver was killed."""
    target = workspace.root / "work/sample/gear/first"

    def taken_over(context: StageContext) -> StageRecord:
        for ticket in (workspace.services_dir / "leases").glob("[0-9]*"):
            ticket.unlink()
        return first(context)

    with lease(workspace, [GEAR], "the run"):
        run_stage(workspace, GEAR, "tocoad", "first", Settings(seed=1))
        monkeypatch.setattr(Stage, "load", lambda _: taken_over)
        with pytest.raises(LeaseLostError, match="took this one for dead"):
            run_stage(workspace, GEAR, "tocoad", "first", Settings(seed=2))
    assert (target / "out.txt").read_text() == "seed 1"
    assert [folder.name for folder in target.parent.iterdir() if "incoming" in folder.name] == []


def test_a_record_cut_at_any_byte_or_altered_is_as_if_the_stage_had_not_run(workspace: Workspace) -> None:
    record = run_stage(workspace, GEAR, "tocoad", "first", Settings())
    folder = workspace.root / "work/sample/gear/first"
    whole = (folder / RECORD_FILE).read_bytes()
    content = json.loads(whole)
    for damaged in damages(whole):
        (folder / RECORD_FILE).write_bytes(damaged)
        read = read_record(folder)
        # A flip may fall on white space, and the last line feed says nothing.
        assert read is None or (read == record and json.loads(damaged) == content)
    (folder / RECORD_FILE).unlink()
    (folder / RECORD_FILE).mkdir()
    assert read_record(folder) is None


def test_a_record_of_a_version_before_the_seal_still_counts(tmp_path: Path) -> None:
    old = {"seconds": 2.5, "cpu_seconds": None, "peak_memory": 7, "metrics": {"images": 3.0}}
    (tmp_path / RECORD_FILE).write_text(json.dumps(old, indent=1) + "\n")
    assert read_record(tmp_path) == StageRecord({"images": 3.0}, 2.5, None, 7)
    (tmp_path / RECORD_FILE).write_text(json.dumps({"seconds": 2.5, "metrics": {"images": 3.0}}, indent=1) + "\n")
    assert read_record(tmp_path) == StageRecord({"images": 3.0}, 2.5)


def test_a_sealed_record_of_before_says_nothing_of_processors(tmp_path: Path) -> None:
    before = {"metrics": {}, "seconds": 2.5, "cpu_seconds": 2.0, "peak_memory": 7, "read": None, "wrote": "a digest"}
    (tmp_path / RECORD_FILE).write_text(seal(before))
    assert read_record(tmp_path) == StageRecord({}, 2.5, 2.0, 7, None, "a digest", processors=())


def test_a_missing_input_names_the_stage_to_run(workspace: Workspace) -> None:
    with pytest.raises(StageError, match="second of sample/gear needs the output of first: run that stage first"):
        run_stage(workspace, GEAR, "tocoad", "second", Settings())


def test_a_failed_stage_leaves_the_earlier_output_and_nothing_half_written(workspace: Workspace) -> None:
    run_stage(workspace, GEAR, "tocoad", "first", Settings(seed=1))
    run_stage(workspace, GEAR, "tocoad", "second", Settings(seed=1))
    with pytest.raises(StageError, match="thirteen"):
        run_stage(workspace, GEAR, "tocoad", "second", Settings(seed=13))
    folder = workspace.root / "work/sample/gear/tocoad"
    assert (folder / "second/copy.txt").read_text() == "seed 1"
    assert [child.name for child in folder.iterdir()] == ["second"]


def test_params_of_a_stage_include_those_of_its_inputs(workspace: Workspace) -> None:
    assert running.METHODS["tocoad"].params("second") == ("seed",)


def test_an_unknown_stage_names_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(StageError, match="no stage 'third'; it has first, second"):
        run_stage(workspace, GEAR, "tocoad", "third", Settings())


def test_the_digest_of_weights_sees_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"1")
    one = weights_sha256(tmp_path)
    (tmp_path / "notes.json").write_text("{}")
    assert weights_sha256(tmp_path) == one
    (tmp_path / "a.safetensors").rename(tmp_path / "b.safetensors")
    assert weights_sha256(tmp_path) != one


def test_a_stage_of_a_data_set_is_one_for_all_categories_and_knows_none(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = (
        Stage("first", ":", scope="dataset", outs=("out.txt",)),
        Stage("second", ":", inputs={"source": Input("first")}, outs=("copy.txt",)),
    )
    monkeypatch.setattr(running, "METHODS", {"tocoad": Method("tocoad", stages)})
    contexts: list[StageContext] = []

    def whole(context: StageContext) -> StageRecord:
        contexts.append(context)
        return first(context)

    monkeypatch.setattr(Stage, "load", lambda stage: whole if stage.name == "first" else second)
    run_stage(workspace, "sample", "tocoad", "first", Settings(seed=4))
    assert (workspace.root / "work/sample/tocoad/first/out.txt").read_text() == "seed 4"
    assert contexts[0].data_dir == workspace.root / "data/sample"
    with pytest.raises(ValueError, match="sample is a data set"):
        _ = contexts[0].category
    for name in ("gear", "plate"):
        run_stage(workspace, Category("sample", name), "tocoad", "second", Settings(seed=4))
        assert (workspace.root / f"work/sample/{name}/tocoad/second/copy.txt").read_text() == "seed 4"


@pytest.fixture
def finished(workspace: Workspace) -> Workspace:
    """Both stages have run, and their caller said what the sources were."""
    for name in ("first", "second"):
        run_stage(workspace, GEAR, "tocoad", name, Settings(), sources="settings and images")
    return workspace


def still_finished(workspace: Workspace, name: str, sources: str = "settings and images") -> bool:
    return is_finished(workspace, GEAR, "tocoad", name, sources)


def test_an_output_is_known_again_while_nothing_of_it_changed(finished: Workspace) -> None:
    assert still_finished(finished, "first")
    assert still_finished(finished, "second")
    # The same bytes written once more, and figures of another run of the same work, are no change.
    run_stage(finished, GEAR, "tocoad", "first", Settings(), sources="settings and images")
    assert still_finished(finished, "second")


def test_an_output_of_other_settings_or_images_is_not_known(finished: Workspace) -> None:
    assert not still_finished(finished, "first", "other settings")


def test_an_output_whose_caller_did_not_name_the_sources_is_not_known(finished: Workspace) -> None:
    run_stage(finished, GEAR, "tocoad", "first", Settings())
    assert not still_finished(finished, "first")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda work: (work / "first/out.txt").write_text("seed 1"), "an input has other bytes"),
        (lambda work: (work / "first/out.txt").rename(work / "first/other.txt"), "an input has another name"),
        (lambda work: shutil.rmtree(work / "first"), "an input is gone"),
        (lambda work: (work / "tocoad/second/copy.txt").write_text("by hand"), "the output was changed by hand"),
        (lambda work: (work / "tocoad/second/copy.txt").write_text(""), "the output was cut"),
        (lambda work: (work / "tocoad/second/copy.txt").unlink(), "a file of the output is gone"),
        (lambda work: (work / "tocoad/second/more.txt").touch(), "a file came to the output"),
        (lambda work: (work / "tocoad/second" / RECORD_FILE).unlink(), "the record is gone"),
        (lambda work: (work / "tocoad/second" / RECORD_FILE).write_text("{"), "the record is damaged"),
        (lambda work: shutil.rmtree(work / "tocoad/second"), "the output is gone"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_output_is_not_known_when(finished: Workspace, damage: Callable[[Path], Any], why: str) -> None:
    damage(finished.root / "work/sample/gear")
    assert not still_finished(finished, "second"), why


def test_what_changes_while_a_stage_runs_is_not_what_it_read(
    finished: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meddles(context: StageContext) -> StageRecord:
        made = second(context)
        (context.inputs["source"] / "out.txt").write_text("another")
        return made

    monkeypatch.setattr(Stage, "load", lambda stage: meddles)
    run_stage(finished, GEAR, "tocoad", "second", Settings(), sources="settings and images")
    assert not still_finished(finished, "second")


def test_a_stage_that_fills_the_disk_is_one_line_and_leaves_the_earlier_output(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def large(context: StageContext) -> StageRecord:
        (context.output_dir / "large").write_bytes(bytes(2**20))
        return StageRecord()

    with small_disk(workspace.root / "work", "256k"):
        run_stage(workspace, GEAR, "tocoad", "first", Settings(seed=1))
        monkeypatch.setattr(Stage, "load", lambda stage: large)
        with pytest.raises(StageError, match=r"gear/first: no room on its disk \(No space left on device\); make room"):
            run_stage(workspace, GEAR, "tocoad", "first", Settings(seed=2))
        folder = workspace.root / "work/sample/gear"
        assert (folder / "first/out.txt").read_text() == "seed 1"
        assert [child.name for child in folder.iterdir()] == ["first"]


def test_a_stage_that_leaves_other_files_than_it_declares_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def more(context: StageContext) -> StageRecord:
        (context.output_dir / "more.txt").touch()
        return first(context)

    monkeypatch.setattr(Stage, "load", lambda stage: more)
    with pytest.raises(StageError, match=r"first left more\.txt, which it does not declare"):
        run_stage(workspace, GEAR, "tocoad", "first", Settings())
    monkeypatch.setattr(Stage, "load", lambda stage: lambda context: StageRecord())
    with pytest.raises(StageError, match=r"first left no out\.txt, which it declares"):
        run_stage(workspace, GEAR, "tocoad", "first", Settings())


def test_a_file_that_a_stage_does_not_read_may_change_in_what_it_reads_from(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lists(context: StageContext) -> StageRecord:
        (context.output_dir / "test.txt").write_text(f"{context.settings.seed}")
        return first(context)

    stages = (
        Stage("first", ":", scope="category", outs=("out.txt", "test.txt")),
        Stage("second", ":", inputs={"source": Input("first", ("out.txt",))}, outs=("copy.txt",)),
    )
    monkeypatch.setattr(running, "METHODS", {"tocoad": Method("tocoad", stages)})
    monkeypatch.setattr(Stage, "load", lambda stage: lists if stage.name == "first" else second)
    for name in ("first", "second"):
        run_stage(workspace, GEAR, "tocoad", name, Settings(), sources="settings and images")
    folder = workspace.root / "work/sample/gear/first"
    (folder / "test.txt").write_text("a new test image")
    assert still_finished(workspace, "second")
    (folder / "out.txt").write_text("a new training image")
    assert not still_finished(workspace, "second")


def test_the_key_of_a_checkpoint_is_of_all_that_the_stage_declares_to_read_and_of_nothing_else(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []

    def noted(context: StageContext) -> StageRecord:
        keys.append(context.key)
        return second(context)

    textures = workspace.root / "textures"
    textures.mkdir()
    of_first = Stage("first", ":", scope="category", params=("seed",), outs=("out.txt",))
    of_second = Stage(
        "second",
        ":",
        inputs={"source": Input("first")},
        params=("scoring",),
        files=("synthesis.texture_dir",),
        outs=("copy.txt",),
    )
    monkeypatch.setattr(Stage, "load", lambda stage: first if stage.name == "first" else noted)

    def key(revision: int = 1, **settings: Any) -> str:
        stages = (of_first, replace(of_second, revision=revision))
        monkeypatch.setattr(running, "METHODS", {"tocoad": Method("tocoad", stages)})
        given = Settings(synthesis=SynthesisSettings(texture_dir=textures), **settings)
        run_stage(workspace, GEAR, "tocoad", "second", given)
        return keys[-1]

    monkeypatch.setattr(running, "METHODS", {"tocoad": Method("tocoad", (of_first, of_second))})
    run_stage(workspace, GEAR, "tocoad", "first", Settings())
    plain = key()
    assert key() == plain
    assert key(image=ImageSettings(size=64)) == plain
    changed = {key(2), key(scoring=ScoringSettings(sigma=1)), key(seed=5)}
    (textures / "1.png").touch()
    changed.add(key())
    (workspace.root / "work/sample/gear/first/out.txt").write_text("other")
    changed.add(key())
    assert len(changed) == 5
    assert plain not in changed
