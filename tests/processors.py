"""Runs the numeric unit tests as processors with other instructions would: a table, and exit code 1 where one failed.

python tests/processors.py [NAME ...]

One machine can play those whose instructions it has. Each library chooses its kernels when it is loaded, by variables
of its own, so each setting is a process of its own; what it may not choose for lack of the instruction is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = "tests/unit/tocoad"
AVX2, AVX512 = frozenset({"avx2", "fma"}), frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})

# One digest for each library: where it is another than the machine's own, the setting was obeyed and rounds otherwise.
PROBE = """
import hashlib, numpy as np, torch
torch.set_num_threads(1)
draw = torch.from_numpy(np.random.default_rng(0).integers(-999, 999, (4, 64, 32, 32)).astype(np.float32) / 1000)
weight = draw.flatten()[: 64 * 64 * 9].view(64, 64, 3, 3)
results = {
    "torch": torch.nn.functional.softmax(draw.flatten(1), 1),
    "oneDNN": torch.nn.functional.conv2d(draw, weight),
    "MKL": draw.view(256, 1024) @ draw.view(1024, 256),
    "numpy": np.exp(draw.numpy()) + draw.numpy().sum((2, 3), keepdims=True),
    "OpenBLAS": draw.numpy().reshape(256, 1024) @ draw.numpy().reshape(1024, 256),
}
for name, result in results.items():
    print(name, hashlib.sha256(np.ascontiguousarray(result).tobytes()).hexdigest())
"""


@dataclass(frozen=True)
class Setting:
    """`needs`: flags of the processor without which its instructions would end the process."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()


def settings() -> list[Setting]:
    """numpy is told the names that it has found here and could do without: it refuses others."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    plain = {"NPY_DISABLE_CPU_FEATURES": " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name])}
    blas = {"MKL_CBWR": "COMPATIBLE", "OPENBLAS_CORETYPE": "Nehalem"}
    oldest = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "NUMBA_CPU_NAME": "generic"}
    return [
        Setting("as-it-is"),
        Setting("aten-default", {"ATEN_CPU_CAPABILITY": "default"}),
        Setting("aten-avx2", {"ATEN_CPU_CAPABILITY": "avx2"}, AVX2),
        Setting("aten-avx512", {"ATEN_CPU_CAPABILITY": "avx512"}, AVX512),
        Setting("onednn-sse41", {"ONEDNN_MAX_CPU_ISA": "SSE41"}, frozenset({"sse4_1"})),
        Setting("onednn-avx2", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, AVX2),
        Setting("onednn-avx512", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, AVX512),
        Setting("numpy-baseline", plain),
        Setting("oldest", {**oldest, **blas, **plain}, frozenset({"sse4_1", "sse4_2"})),
    ]


def processor_flags() -> frozenset[str]:
    """Linux alone tells; elsewhere nothing is known of the processor, and what needs a flag is skipped."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    return frozenset(next((line.split()[2:] for line in lines if line.startswith("flags")), ()))


def main(names: list[str]) -> int:
    known = settings()
    if unknown := sorted(set(names) - {setting.name for setting in known}):
        print(f"{unknown[0]}: not a setting; there are {', '.join(s.name for s in known)}", file=sys.stderr)
        return 2
    flags, own, failed = processor_flags(), probe({}), []
    print(f"{'setting':<16}{'seconds':>8}  {'result':<42}rounds otherwise than this machine's own in", flush=True)
    for setting in known:
        if names and setting.name not in names:
            continue
        if missing := sorted(setting.needs - flags):
            print(f"{setting.name:<16}{'-':>8}  skipped: the processor lacks {missing[0]}", flush=True)
            continue
        others = [name for name, digest in probe(setting.variables).items() if digest != own[name]]
        begin = time.monotonic()
        passed, summary, lines = run(setting)
        seconds = time.monotonic() - begin
        print(f"{setting.name:<16}{seconds:>8.0f}  {summary:<42}{', '.join(others) or '-'}", flush=True)
        if not passed:
            failed.append(setting.name)
            print("\n".join(f"    {line}" for line in lines), flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}; one alone: python tests/processors.py {failed[0]}", file=sys.stderr)
    return 1 if failed else 0


def environment(variables: dict[str, str]) -> dict[str, str]:
    """One thread, as `make test` has it. What the caller's shell says of the processor does not count."""
    own = {name for setting in settings() for name in setting.variables}
    return {**{k: v for k, v in os.environ.items() if k not in own}, "OMP_NUM_THREADS": "1", **variables}


def probe(variables: dict[str, str]) -> dict[str, str]:
    command = [sys.executable, "-c", PROBE]
    answer = subprocess.run(command, env=environment(variables), check=True, capture_output=True, text=True)
    return dict(line.split() for line in answer.stdout.splitlines())


def run(setting: Setting) -> tuple[bool, str, list[str]]:
    """Whether the tests passed, pytest's last line in short, and the lines of what failed."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/tests", TESTS]
        root, env = Path(__file__).parents[1], environment(setting.variables)
        answer = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    lines = answer.stdout.splitlines() or answer.stderr.splitlines() or [f"exit code {answer.returncode}"]
    failures = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return answer.returncode == 0, lines[-1].partition(" in ")[0], failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
