"""What the table and the methods' declarations promise to those who read them."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict

import pytest

from tocoad.methods.table import TABLE
from tocoad.settings.sections import CONTROL, Settings
from tocoad.stages.graph import METHODS


def loaded(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_names_cost_nothing_and_declarations_load_no_network() -> None:
    assert not {"pydantic", "numpy", "torch"} & loaded("import tocoad.methods.table")
    assert not {"numpy", "torch", "cv2", "timm"} & loaded("import tocoad.stages.graph, tocoad.stages.dvc_file")


@pytest.mark.parametrize("name", TABLE)
def test_a_method_bears_the_name_of_its_line_and_ends_with_a_judged_package(name: str) -> None:
    method = METHODS[name]
    assert method.name == name
    assert method.about
    assert method.stages[-1].name == "evaluate"
    assert method.detector_stage.outs == ("detector",)
    assert set(method.params("evaluate")) <= set(Settings.model_fields)


def test_a_section_that_two_methods_declare_is_one() -> None:
    kinds = defaultdict(set)
    for method in METHODS.values():
        for kind in method.settings:
            for section, field in kind.model_fields.items():
                kinds[section].add((kind, field.annotation))
    assert {section for section, found in kinds.items() if len(found) > 1} == set()
    assert CONTROL in METHODS
