#!/usr/bin/env bash
# Makes .venv with everything from requirements.lock and nothing global; does nothing when it is there and current.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
stamp=.venv/.complete
want=$(cat requirements.lock pyproject.toml infra/setup.sh infra/index.sh | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: Python 3.11 or newer is needed; PYTHON=/path/to/python3.11 make setup" >&2
    exit 2
}
echo "setup: installing into .venv: several GB on the first time (torch), which takes minutes" >&2
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"

. infra/index.sh
export VIRTUAL_ENV=$PWD/.venv

# Compiled here on all cores, not one by one by whatever command comes first.
.venv/bin/uv pip install --quiet --compile-bytecode --requirement requirements.lock
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
echo "$want" >"$stamp"
echo "setup: done; make demo trains a first detector, make help lists the rest" >&2
