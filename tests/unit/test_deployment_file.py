"""The deployment file fits the flow that it names."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_deployment_fits_the_retrain_flow() -> None:
    from ruamel.yaml import YAML

    from flows.retrain import retrain

    (nightly,) = YAML(typ="safe").load(ROOT / "infra" / "prefect" / "prefect.yaml")["deployments"]
    assert nightly["entrypoint"] == "flows/retrain.py:retrain"
    assert retrain.validate_parameters(nightly["parameters"])["dataset"] == "sample"
