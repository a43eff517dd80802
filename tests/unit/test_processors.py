"""The command that runs the numeric tests as other processors would; it is too long to be run here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMAND = Path(__file__).parents[1] / "processors.py"
BLIND = """
import runpy, sys
namespace = runpy.run_path(sys.argv.pop(1))
main = namespace["main"]
main.__globals__["processor_flags"] = frozenset  # of a machine that tells nothing of its processor
sys.exit(main(["aten-avx512"]))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_an_unknown_setting_is_wrong_usage_and_the_known_ones_are_named() -> None:
    answer = run(str(COMMAND), "pentium")
    assert answer.returncode == 2
    assert answer.stderr.startswith("pentium: not a setting; there are as-it-is, aten-default, ")


def test_what_the_processor_cannot_play_is_skipped_with_the_instruction_it_lacks() -> None:
    answer = run("-c", BLIND, str(COMMAND))
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[1].split() == [
        "aten-avx512",
        "-",
        "skipped:",
        "the",
        "processor",
        "lacks",
        "avx512bw",
    ]
