from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tocoad.errors import SettingsError, StageError
from tocoad.evaluation.files import read_replicates
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import Settings, SynthesisSettings
from tocoad.stages.graph import METHODS
from tocoad.stages.running import run_stage
from tocoad.study.plan import cells_of, load_study
from tocoad.study.results import CellResult, known_result, read_results, results_dir, write_result
from tocoad.study.stages import StudyFolders, owners_of, run_study_stage

GEAR, PLATE = Category("tiny", "gear"), Category("tiny", "plate")


def _settings(study_file: Path, workspace: Workspace, name: str) -> Settings:
    return next(cell.settings for cell in cells_of(load_study(study_file), workspace) if str(cell) == name)


def _run(workspace: Workspace, settings: Settings) -> None:
    for stage in METHODS["patchcore"].stages:
        run_study_stage(workspace, GEAR, "patchcore", stage.name, settings)


def test_a_cell_gives_what_the_same_stages_give_in_a_retrain(study_file: Path, workspace: Workspace) -> None:
    settings = _settings(study_file, workspace, "none patchcore gear 0")
    _run(workspace, settings)
    for stage in METHODS["patchcore"].stages:
        run_stage(workspace, GEAR, "patchcore", stage.name, settings)
    for name in ("detector/detector.json", "detector/model.safetensors"):
        ours = StudyFolders(workspace).of(GEAR, "patchcore", "fit", settings) / name
        theirs = workspace.work_dir(GEAR) / "patchcore" / "fit" / name
        assert ours.read_bytes() == theirs.read_bytes()


def test_only_what_decides_a_stage_moves_its_folder(study_file: Path, workspace: Workspace) -> None:
    plain = _settings(study_file, workspace, "none patchcore gear 0")
    wide = _settings(study_file, workspace, "none wide gear 0")
    seed = _settings(study_file, workspace, "none patchcore gear 1")
    run_study_stage(workspace, GEAR, "patchcore", "manifest", plain)

    def folders(settings: Settings) -> list[Path]:
        return [
            StudyFolders(workspace).of(GEAR, "patchcore", name, settings) for name in ("manifest", "fit", "evaluate")
        ]

    assert folders(plain)[0] == folders(wide)[0] == folders(seed)[0]
    for other in (wide, seed):
        assert all(a != b for a, b in zip(folders(plain)[1:], folders(other)[1:], strict=True))
    harmless = plain.model_copy(update={"flow": plain.flow.model_copy(update={"retries": 7})})
    assert folders(harmless) == folders(plain)


def test_what_is_there_is_not_computed_again(study_file: Path, workspace: Workspace) -> None:
    settings = _settings(study_file, workspace, "none patchcore gear 0")
    _run(workspace, settings)
    folder = StudyFolders(workspace).of(GEAR, "patchcore", "fit", settings)
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    _run(workspace, settings)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before


def test_a_changed_image_makes_all_anew(study_file: Path, workspace: Workspace) -> None:
    settings = _settings(study_file, workspace, "none patchcore gear 0")
    _run(workspace, settings)
    folder = StudyFolders(workspace).of(GEAR, "patchcore", "fit", settings)
    next((workspace.data_dir(GEAR) / "train" / "good").iterdir()).unlink()
    with pytest.raises(StageError, match="needs the output of manifest"):
        StudyFolders(workspace).of(GEAR, "patchcore", "fit", settings)
    run_study_stage(workspace, GEAR, "patchcore", "manifest", settings)
    assert StudyFolders(workspace).of(GEAR, "patchcore", "fit", settings) != folder


def test_images_are_looked_at_once(study_file: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(study_file, workspace, "none patchcore gear 0")
    run_study_stage(workspace, GEAR, "patchcore", "manifest", settings)
    folders = StudyFolders(workspace)
    first = folders.of(GEAR, "patchcore", "evaluate", settings)
    monkeypatch.setattr(Path, "rglob", lambda *_: pytest.fail("looked again"))
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
    assert folders.of(GEAR, "patchcore", "evaluate", settings) == first


def test_a_result_holds_the_figures_and_the_time_of_every_stage(study_file: Path, workspace: Workspace) -> None:
    cell = cells_of(load_study(study_file), workspace)[0]
    _run(workspace, cell.settings)
    result = write_result(StudyFolders(workspace), cell, results_dir(study_file))
    file = study_file.parent / "bank/none/patchcore/gear-0.json"
    assert CellResult.model_validate_json(file.read_text()) == result
    assert read_results(results_dir(study_file), cells_of(load_study(study_file), workspace)) == [result]
    assert set(result.seconds) == {"manifest", "fit", "evaluate"}
    assert len(result.replicates["image_AUROC"]) == 20
    assert (result.variant, result.category, result.seed) == ("patchcore", "gear", 0)


def test_a_result_is_known_while_settings_and_images_are_the_same(study_file: Path, workspace: Workspace) -> None:
    cell, folder = cells_of(load_study(study_file), workspace)[0], results_dir(study_file)
    _run(workspace, cell.settings)
    stages = StudyFolders(workspace)
    assert known_result(stages, cell, folder) is None
    result = write_result(stages, cell, folder)
    assert known_result(stages, cell, folder) == result
    exact = read_replicates(stages.of(GEAR, "patchcore", "evaluate", cell.settings))
    for name, draws in result.replicates.items():
        assert draws == pytest.approx(exact[name], abs=5e-6)
    bank = cell.settings.bank.model_copy(update={"coreset_ratio": 0.5})
    other = replace(cell, settings=cell.settings.model_copy(update={"bank": bank}))
    assert known_result(stages, other, folder) is None
    next((workspace.data_dir(GEAR) / "train" / "good").iterdir()).unlink()
    run_study_stage(workspace, GEAR, "patchcore", "manifest", cell.settings)
    assert known_result(StudyFolders(workspace), cell, folder) is None


def test_a_broken_result_is_named_with_the_way_out(study_file: Path, workspace: Workspace) -> None:
    cells, folder = cells_of(load_study(study_file), workspace), results_dir(study_file)
    file = folder / "none/patchcore/gear-0.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"encoder": "none"')
    with pytest.raises(SettingsError, match=r"gear-0\.json: .*remove it, and its cell is computed again"):
        read_results(folder, cells)


def test_a_study_file_is_never_the_folder_of_its_results() -> None:
    with pytest.raises(SettingsError, match=r"call the file studies/bank\.yaml"):
        results_dir(Path("studies/bank"))


def test_cells_of_two_categories_share_the_training_of_their_data_set(study_file: Path, workspace: Workspace) -> None:
    settings = _settings(study_file, workspace, "none patchcore gear 0")
    short = settings.unified.model_copy(update={"iterations": 2, "decoder_blocks": (1, 1, 1), "batch_size": 2})
    settings = settings.model_copy(update={"unified": short})

    def folder(category: Category, name: str) -> Path:
        return StudyFolders(workspace).of(category, "recontrast_unified", name, settings)

    trained = folder(GEAR, "train_unified")
    assert trained == folder(PLATE, "train_unified")
    assert trained.parent == workspace.root / "work/studies/stages/tiny"
    for stage in ("list_unified", "train_unified"):
        run_study_stage(workspace, "tiny", "recontrast_unified", stage, settings)
    run_study_stage(workspace, GEAR, "recontrast_unified", "manifest", settings)
    run_study_stage(workspace, GEAR, "recontrast_unified", "fit", settings)
    fitted = folder(GEAR, "fit")
    assert (fitted / "detector/model.safetensors").is_file()
    # An image of the other category is one of the training's.
    next((workspace.data_dir(PLATE) / "train" / "good").iterdir()).unlink()
    assert folder(GEAR, "train_unified") != trained
    assert folder(GEAR, "fit") != fitted
    assert folder(GEAR, "manifest").is_dir()


def test_a_study_asks_for_its_own_stages_and_not_for_those_of_a_retrain(study_file: Path, workspace: Workspace) -> None:
    assert owners_of(cells_of(load_study(study_file), workspace)) == {"studies/tiny/gear", "studies/tiny/plate"}


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("tocoad", "ca0408276515cd73"),
        ("recontrast", "fb53a88d7408d561"),
        ("recontrast_unified", "533593435079c8b4"),
        ("patchcore", "c27196797cac0c2d"),
    ],
)
def test_the_keys_of_results_that_lie_beside_studies_stay_what_they_were(
    method: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By the code that computed those results, of the data version "version" and a data set without images.
    monkeypatch.setattr(StudyFolders, "_version", lambda *_: "version")
    folders = StudyFolders(Workspace(tmp_path))
    folders.of(GEAR, method, "manifest", Settings()).mkdir(parents=True)
    assert folders.of(GEAR, method, "evaluate", Settings()).name == f"evaluate-{key}"


def test_a_revision_and_the_content_of_an_outside_file_move_a_stage_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StudyFolders, "_version", lambda *_: "version")
    textures = tmp_path / "textures"
    textures.mkdir()
    (textures / "1.png").write_text("grain")
    settings = Settings(synthesis=SynthesisSettings(texture_dir=Path("textures")))

    def names() -> list[str]:
        folders = StudyFolders(Workspace(tmp_path))
        folders.of(GEAR, "tocoad", "manifest", settings).mkdir(parents=True, exist_ok=True)
        return [folders.of(GEAR, "tocoad", stage, settings).name for stage in ("manifest", "synthesize", "stage1")]

    before = names()
    (textures / "1.png").write_text("other grain")
    textured = names()
    assert [a == b for a, b in zip(before, textured, strict=True)] == [True, False, False]
    method = METHODS["tocoad"]
    stages = tuple(replace(s, revision=2) if s.name == "stage1" else s for s in method.stages)
    monkeypatch.setitem(METHODS, "tocoad", replace(method, stages=stages))
    assert [a == b for a, b in zip(textured, names(), strict=True)] == [True, True, False]
