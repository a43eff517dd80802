"""`dvc.yaml` is what the stages declare."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tocoad import __main__
from tocoad.files.workspace import Workspace
from tocoad.settings.file import override
from tocoad.settings.sections import EncoderSettings, Settings, SynthesisSettings
from tocoad.stages.dvc_file import dvc_text, is_current, write_dvc_file

PROJECT = Path(__file__).parents[4]
STAGES = YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text())["stages"]


def parsed(workspace: Workspace) -> dict[str, dict[str, list[str]]]:
    stages: dict[str, dict[str, list[str]]] = YAML(typ="safe").load((workspace.root / "dvc.yaml").read_text())["stages"]
    return stages


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("dvc.yaml", "params.yaml", "plan.yaml"):
        shutil.copy(PROJECT / name, tmp_path)
    return Workspace(tmp_path)


def test_the_committed_file_is_what_the_stages_declare() -> None:
    assert (PROJECT / "dvc.yaml").read_text() == dvc_text(Workspace(PROJECT), Settings()), "run python -m tocoad graph"


@pytest.mark.parametrize("name", STAGES)
def test_no_stage_before_evaluate_depends_on_a_byte_of_the_test_split(name: str) -> None:
    # What lists the images reads the whole tree, and what is trained for a data set a list alone.
    whole = name.startswith(("manifest", "evaluate", "list_unified"))
    deps = STAGES[name]["deps"]
    images = [dep for dep in deps if dep.startswith("data/")]
    assert [dep.endswith("/train") for dep in images] == ([] if name == "train_unified" else [not whole])
    assert any(dep.endswith("manifest/test.json") for dep in deps) == name.startswith("evaluate")


def test_the_file_says_when_it_is_not_current_and_graph_mends_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace.root)
    assert __main__.main(["graph", "--check"]) == 0
    file = workspace.root / "dvc.yaml"
    file.write_text(file.read_text().replace("- bank\n", ""))
    assert __main__.main(["graph", "--check"]) == 1
    assert "run python -m tocoad graph" in capsys.readouterr().err
    assert __main__.main(["graph"]) == 0
    assert __main__.main(["graph", "--check"]) == 0
    assert file.read_text() == (PROJECT / "dvc.yaml").read_text()


def test_what_a_user_added_to_the_file_stays(workspace: Workspace) -> None:
    file = workspace.root / "dvc.yaml"
    own = "\n  mine:\n    cmd: echo ${seed}\n    deps: [params.yaml]\nartifacts:\n  gear: {path: work/gear}\n"
    file.write_text(file.read_text().replace("- bank\n", "") + own)
    assert write_dvc_file(workspace, Settings())
    assert is_current(workspace, Settings())
    assert parsed(workspace)["mine"] == {"cmd": "echo ${seed}", "deps": ["params.yaml"]}
    assert YAML(typ="safe").load(file.read_text())["artifacts"] == {"gear": {"path": "work/gear"}}
    assert not write_dvc_file(workspace, Settings())


def test_outside_files_are_dependencies_of_the_stages_that_read_them(workspace: Workspace) -> None:
    textures, weights = workspace.root / "my textures: #1", workspace.root / "w.safetensors"
    textures.mkdir()
    weights.touch()
    settings = Settings(
        encoder=EncoderSettings(weights="file", path=weights, sha256="0"),
        synthesis=SynthesisSettings(texture_dir=Path("my textures: #1")),
    )
    assert write_dvc_file(workspace, settings)
    stages = parsed(workspace)
    of_weights = {name for name, stage in stages.items() if str(weights) in stage["deps"]}
    of_textures = {name for name, stage in stages.items() if "my textures: #1" in stage["deps"]}
    trains = {"stage1", "stage2", "train", "train_unified"}
    assert of_weights == trains | {name for name in stages if name.startswith("fit_")}
    assert of_textures == {"synthesize", "stage1", "stage2"}
    # A file that is not there is for the stage to complain about, and the hub's weights are no file.
    weights.unlink()
    assert write_dvc_file(workspace, settings)
    assert not any(str(weights) in stage["deps"] for stage in parsed(workspace).values())


def test_a_stage_refuses_to_run_on_an_outside_file_that_dvc_would_not_see(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace.root)
    (workspace.root / "textures").mkdir()
    override(workspace, {"synthesis.texture_dir": "textures"})
    assert __main__.main(["synthesize", "--category", "sample/gear"]) == 1
    assert "dvc.yaml does not name textures, which synthesize reads: run python -m tocoad" in capsys.readouterr().err
    assert __main__.main(["graph"]) == 0
    assert __main__.main(["synthesize", "--category", "sample/gear"]) == 1
    assert "synthesize of sample/gear needs the output of manifest" in capsys.readouterr().err


def test_a_stage_refuses_to_run_as_of_another_revision(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace.root)
    assert __main__.main(["stage1", "--category", "sample/gear", "--revision", "2"]) == 1
    assert "stage1 is of revision 1 here and 2 was asked for: python -m tocoad graph" in capsys.readouterr().err
