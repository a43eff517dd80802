from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace
from tocoad.study.plan import cells_of, load_study


def test_cells_are_variants_times_categories_times_seeds_broad_before_deep(
    study_file: Path, workspace: Workspace
) -> None:
    cells = cells_of(load_study(study_file), workspace)
    assert [str(cell) for cell in cells] == [
        "none patchcore gear 0",
        "none patchcore plate 0",
        "none wide gear 0",
        "none wide plate 0",
        "none patchcore gear 1",
        "none patchcore plate 1",
    ]


def test_a_variant_can_be_of_some_categories_alone(study_file: Path, workspace: Workspace) -> None:
    study_file.write_text(study_file.read_text().replace("seeds: [0]", "seeds: [0], categories: [plate]"))
    cells = cells_of(load_study(study_file), workspace)
    assert [str(cell) for cell in cells if cell.variant == "wide"] == ["none wide plate 0"]


def test_a_variants_settings_are_laid_over_the_studys_and_these_over_the_profile(
    study_file: Path, workspace: Workspace
) -> None:
    before = workspace.params_file.read_text()
    cells = {str(cell): cell.settings for cell in cells_of(load_study(study_file), workspace)}
    plain, wide = cells["none patchcore gear 1"], cells["none wide gear 0"]
    assert (plain.seed, plain.image.size, plain.encoder.name) == (1, 64, "resnet18")
    assert (plain.bank.coreset_ratio, wide.bank.coreset_ratio) == (0.01, 0.5)
    assert (plain.stage1.iterations, plain.evaluation.overlays, plain.evaluation.gallery) == (60, 0, 0)
    assert workspace.params_file.read_text() == before


def test_cells_can_be_told_where_the_images_are_not(study_file: Path, workspace: Workspace) -> None:
    study_file.write_text(study_file.read_text().replace("dataset: tiny", "dataset: elsewhere"))
    with pytest.raises(SettingsError, match="data set 'elsewhere' is not in this workspace"):
        cells_of(load_study(study_file), workspace, images=False)
    study_file.write_text(study_file.read_text() + "categories: [cup, gear]\n")
    cells = cells_of(load_study(study_file), workspace, images=False)
    assert [str(cell.category) for cell in cells[:2]] == ["elsewhere/cup", "elsewhere/gear"]
    with pytest.raises(SettingsError, match="data set 'elsewhere' is not in this workspace"):
        cells_of(load_study(study_file), workspace)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("control: patchcore", "control: patchcor", "control: 'patchcor' is not one of the variants patchcore, wide"),
        ("seeds: [0]", "seeds: [0], encoders: [lite]", "variants.wide.encoders: 'lite' is not one of none"),
        ("seeds: [0]", "seeds: [0], categories: [geer]", "variants.wide.categories: 'geer' is not one of the study's"),
        (
            "dataset: tiny",
            "dataset: tiny\nmean_over: [geer]",
            "mean_over: 'geer' is not one of the study's gear, plate",
        ),
        ("  none:", "  ../none:", "'../none' names a folder and a row"),
        ("  wide:", "  a|b:", "'a|b' names a folder and a row"),
        ("coreset_ratio", "coreset_ration", "bank.coreset_ration"),
        ("method: patchcore", "method: patchcor", "no method is called so; there are tocoad, recontrast"),
        ("profile: demo", "profile: night", "profile 'night' is not one of demo, default, paper"),
        ("dataset: tiny", "dataset: tinny", "did you mean 'tiny'?"),
        ("dataset: tiny", "dataset: [", "not valid YAML"),
    ],
)
def test_a_mistake_in_the_file_is_told_in_one_line(
    study_file: Path, workspace: Workspace, old: str, new: str, says: str
) -> None:
    study_file.write_text(study_file.read_text().replace(old, new))
    with pytest.raises(SettingsError) as caught:
        cells_of(load_study(study_file), workspace)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml is missing"):
        load_study(tmp_path / "absent.yaml")
