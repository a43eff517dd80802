from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from report_files import SCORES, Made, write_category

from tests.helpers.damage import damages
from tocoad.errors import StageError
from tocoad.files.workspace import Category, Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.report.evidence import read_evidence
from tocoad.report.rates import Rate
from tocoad.stages.graph import detector_dir, evaluation_dir


def test_reads_what_the_stages_left(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", Made())
    evidence = read_evidence(workspace, bolt, "tocoad")
    assert evidence.judged.recall == Rate(5, 6)
    assert evidence.judged.false_rejects == Rate(1, 24)
    assert list(evidence.judged.recall_by_type.items()) == [("crack", Rate(3, 4)), ("dent", Rate(2, 2))]
    assert evidence.judged.curves["roc"] == ((0.0, 0.05, 0.3), (0.0, 0.8, 1.0))
    assert [(curves.stage, len(curves.loss[1])) for curves in evidence.training] == [("stage1", 120), ("stage2", 120)]
    assert evidence.training[0].loss[0][:2] == (1.0, 2.0)
    assert evidence.size == sum(file.stat().st_size for file in detector_dir(workspace, bolt, "tocoad").iterdir())
    assert evidence.latency is not None and evidence.latency.median_ms == 38.1
    assert len(evidence.gallery) == 30
    assert evidence.control is None and evidence.differences == {}


def test_the_control_is_compared_on_common_draws(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", Made(gallery=False))
    write_category(workspace, bolt, "patchcore", Made(gallery=False, metrics=dict.fromkeys(METRIC_NAMES, 0.8)))
    differences = read_evidence(workspace, bolt, "tocoad").differences
    assert set(differences) == set(METRIC_NAMES)
    # The same noise on both: the difference is 0.1 in every draw.
    assert differences["image_AUROC"].interval == (pytest.approx(0.1), pytest.approx(0.1))


def test_other_images_are_not_compared_and_other_draws_give_no_interval(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", Made(gallery=False))
    write_category(workspace, bolt, "patchcore", Made(gallery=False, evaluation_set="f" * 64))
    evidence = read_evidence(workspace, bolt, "tocoad")
    assert not evidence.comparable and evidence.differences == {}
    shutil.rmtree(workspace.work_dir(bolt) / "patchcore")
    write_category(workspace, bolt, "patchcore", Made(gallery=False, resamples=100))
    differences = read_evidence(workspace, bolt, "tocoad").differences
    assert differences["pixel_AP"].value == 0.0 and differences["pixel_AP"].interval is None


def test_the_control_has_no_control(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "patchcore", Made(gallery=False))
    evidence = read_evidence(workspace, bolt, "patchcore")
    assert evidence.control is None and evidence.training == ()
    assert list(evidence.distances) == ["patchcore"]


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv", "replicates.csv", "curves/pro.csv"])
def test_an_evaluation_that_is_not_whole_is_refused_in_one_line(
    workspace: Workspace, bolt: Category, name: str
) -> None:
    (write_category(workspace, bolt, "tocoad", Made(gallery=False)) / name).unlink()
    with pytest.raises(StageError, match=rf"toys/bolt .*{name}.*: run tocoad retrain toys first$") as caught:
        read_evidence(workspace, bolt, "tocoad")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", "{}"),
        ("predictions.csv", "image_path,defect_type\na,b\n"),
        ("predictions.csv", "image_path,defect_type,gt_label,pred_score,pred_label\na,b,1,high,1\n"),
        ("curves/roc.csv", "a,b\n1,2\n"),
        ("gallery/index.json", "[{}]"),
        ("../fit/detector/detector.json", "{}"),
        ("../stage1/curves.csv", "step,loss\n1,low\n"),
        ("../stage2/curves.csv", "step,loss,drift_level2\n1,0.5\n"),
        ("../fit/distances.csv", "quantile\n0.5\n"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(workspace: Workspace, bolt: Category, name: str, content: str) -> None:
    (write_category(workspace, bolt, "tocoad", Made(gallery=False)) / name).write_text(content)
    with pytest.raises(StageError, match=r"toys/bolt .*: run tocoad retrain toys first$") as caught:
        read_evidence(workspace, bolt, "tocoad")
    assert "\n" not in str(caught.value)


def test_a_detector_of_a_later_version_is_not_to_be_trained_again(workspace: Workspace, bolt: Category) -> None:
    card = write_category(workspace, bolt, "tocoad", Made(gallery=False)) / "../fit/detector/detector.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "format": 999}))
    with pytest.raises(StageError, match=r"detector\.json is of format 999, .*: upgrade tocoad there$"):
        read_evidence(workspace, bolt, "tocoad")


def test_a_file_cut_at_any_byte_is_refused_and_an_altered_one_has_no_traceback(
    workspace: Workspace, bolt: Category
) -> None:
    evaluation = write_category(workspace, bolt, "tocoad", Made(gallery=False, resamples=20))
    pictures = write_category(workspace, Category("toys", "nut"), "tocoad", Made(resamples=0)) / "gallery"
    shutil.copytree(pictures, evaluation / "gallery", dirs_exist_ok=True)
    files = [file for file in workspace.work_dir(bolt).rglob("*") if file.is_file() and "gallery" not in str(file)]
    files += [evaluation / "gallery" / name for name in ("index.json", "000_image.webp")]
    for file in files:
        whole = file.read_bytes()
        for damaged in damages(whole, places=6):
            file.write_bytes(damaged)
            try:
                evidence = read_evidence(workspace, bolt, "tocoad")
            except StageError as error:
                assert "\n" not in str(error)
                assert str(error).endswith("run tocoad retrain toys first")
            else:
                cut_between_lines = file.suffix == ".csv" and damaged.endswith(b"\n")
                same_size = len(damaged) == len(whole)
                assert file.name in ("latency.json", "model.safetensors") or cut_between_lines or same_size, file
                assert file.name != "latency.json" or evidence.latency is None or same_size
        file.write_bytes(whole)
    assert len(files) >= 13


@pytest.mark.parametrize(
    ("name", "reason"),
    [("predictions.csv", "29 images of 30"), ("replicates.csv", "199 draws of image_AUROC where metrics.json tells")],
)
def test_a_table_cut_between_two_lines_is_refused_where_its_length_is_known(
    workspace: Workspace, bolt: Category, name: str, reason: str
) -> None:
    file = write_category(workspace, bolt, "tocoad", Made(gallery=False)) / name
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(StageError, match=reason):
        read_evidence(workspace, bolt, "tocoad")


def test_a_damaged_latency_counts_as_none(workspace: Workspace, bolt: Category) -> None:
    (write_category(workspace, bolt, "tocoad", Made(gallery=False)) / "latency.json").write_text("{}")
    assert read_evidence(workspace, bolt, "tocoad").latency is None


def test_a_control_that_is_not_whole_is_left_out(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", Made(gallery=False))
    write_category(workspace, bolt, "patchcore", Made(gallery=False))
    (evaluation_dir(workspace, bolt, "patchcore") / "predictions.csv").unlink()
    detector_dir(workspace, bolt, "patchcore").with_name("distances.csv").write_text("quantile\n0.5\n")
    evidence = read_evidence(workspace, bolt, "tocoad")
    assert evidence.control is None and list(evidence.distances) == ["tocoad"]


def test_what_is_empty_is_read_as_empty(workspace: Workspace, bolt: Category) -> None:
    made = Made(scores={"good": SCORES["good"]}, curves=False, gallery=False, latency=False, losses=False, resamples=0)
    write_category(workspace, bolt, "tocoad", replace(made, diagnostics=False))
    evidence = read_evidence(workspace, bolt, "tocoad")
    assert evidence.judged.recall == Rate(0, 0) and evidence.judged.recall_by_type == {}
    assert evidence.judged.curves["roc"] == ((), ())
    assert (evidence.gallery, evidence.latency, evidence.training, evidence.distances) == ((), None, (), {})
