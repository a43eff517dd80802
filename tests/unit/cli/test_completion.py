"""What a shell completes, as bash does it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.main import main

WORDS: dict[tuple[str, ...], set[str]] = {
    ("re",): {"retrain", "report", "remote", "restore"},
    ("retrain", "p"): {"parts"},
    ("status", ""): {"parts", "elsewhere"},
    ("retrain", "parts", "--categories", ""): {"gear", "disc"},
    ("retrain", "parts", "--categories", "gear", "d"): {"disc"},
    ("promote", "parts", "g"): {"gear"},
    ("promote", "unknown", ""): set(),
    ("retrain", "parts", "--method", "patch"): {"patchcore"},
    ("gc", "parts", "--ke"): {"--keep"},
    ("study", "pa"): {"params.yaml"},
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """With a blank in its path, and a data set whose images are elsewhere."""
    root = tmp_path / "the line"
    for folder in ("gear", "disc", ".ipynb_checkpoints"):
        (root / "data/parts" / folder).mkdir(parents=True)
    for file in ("params.yaml", "dvc.yaml", "data/parts.dvc", "data/elsewhere.dvc"):
        (root / file).touch()
    return root


def completed(script: Path, folder: Path, typed: Sequence[Sequence[str]]) -> list[set[str]]:
    """What bash offers for the last word of each line."""
    ask = 'try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_tocoad; echo "${COMPREPLY[*]}"; }'
    lines = [f"try tocoad {' '.join(word or repr('') for word in words)}" for words in typed]
    code = "\n".join([f"source {script}", ask, *lines])
    done = subprocess.run(["bash", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_bash_completes_commands_options_data_sets_and_categories(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    assert completed(script, workspace, list(WORDS)) == list(WORDS.values())
    # From a folder of the workspace too, and outside of any without a word.
    names = [("status", ""), ("retrain", "parts", "--categories", "")]
    assert completed(script, workspace / "data/parts", names) == [{"parts", "elsewhere"}, {"gear", "disc"}]
    assert completed(script, tmp_path, names) == [set(), set()]


@pytest.mark.parametrize(
    ("shell", "registers"), [("zsh", "compdef _shtab_tocoad -N tocoad"), ("tcsh", "complete tocoad")]
)
def test_other_shells_have_theirs(shell: str, registers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert registers in capsys.readouterr().out
