"""Where a stage writes: into its output, and into the cache that its category's stages share."""

from __future__ import annotations

from pathlib import Path

from toys import DISC, SIZE, draw_toys

from tocoad.methods.tocoad.settings import Stage1Settings
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings, SynthesisSettings
from tocoad.stages.graph import METHODS
from tocoad.stages.running import run_stage

SETTINGS = Settings(
    image=ImageSettings(size=SIZE),
    split=SplitSettings(train_min=2, calibration_min=4),
    encoder=EncoderSettings(name="resnet18", weights="none"),
    synthesis=SynthesisSettings(validation_count=4),
    stage1=Stage1Settings(iterations=2, batch_size=2, decoder_blocks=1, pool=4),
)


def test_the_stages_of_a_category_share_one_cache_and_write_nowhere_else(tmp_path: Path) -> None:
    workspace = draw_toys(tmp_path)
    drawn = {file for file in tmp_path.rglob("*") if file.is_file()}
    for name in ("manifest", "synthesize", "stage1"):
        run_stage(workspace, DISC, "tocoad", name, SETTINGS)
    written = {file for file in tmp_path.rglob("*") if file.is_file()} - drawn
    stage1 = METHODS["tocoad"].stage("stage1")
    assert {str(file.relative_to(workspace.work_dir(DISC)).parts[0]) for file in written} == {
        *("manifest", "synthesize", "tocoad", ".cache")
    }
    own = workspace.work_dir(DISC) / "tocoad"
    assert {str(file.relative_to(own)) for file in written if own in file.parents} == {
        f"stage1/{name}" for name in (*stage1.writes, "record.json")
    }
    assert all(file.suffix == ".npy" for file in (workspace.work_dir(DISC) / ".cache").iterdir())
