#!/usr/bin/env bash
# Makes .venv with everything from requirements.lock and nothing global; does nothing when it is there and current.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
stamp=.venv/.complete
want=$(cat requirements.lock pyproject.toml infra/setup.sh | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: Python 3.11 or newer is needed; PYTHON=/path/to/python3.11 make setup" >&2
    exit 2
}
echo "setup: installing into .venv (several GB on the first time: torch)" >&2
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"

# uv does not read pip's configuration: hand over whatever mirrors and wheel folders this machine has for pip.
setting() { .venv/bin/python -m pip config get "$1" 2>/dev/null || true; }
index=${PIP_INDEX_URL:-$(setting global.index-url)}
extra=${PIP_EXTRA_INDEX_URL:-$(setting global.extra-index-url)}
links=${PIP_FIND_LINKS:-$(setting global.find-links)}
certificates=${PIP_CERT:-$(setting global.cert)}
[ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
[ -z "$extra" ] || export UV_EXTRA_INDEX_URL=${UV_EXTRA_INDEX_URL:-$(echo $extra)}
[ -z "$links" ] || export UV_FIND_LINKS=${UV_FIND_LINKS:-$(echo $links | tr ' ' ',')}
[ -z "$certificates" ] || export SSL_CERT_FILE=${SSL_CERT_FILE:-$certificates}
# Every version is pinned, so it does not matter which index serves it first.
export UV_INDEX_STRATEGY=unsafe-best-match VIRTUAL_ENV=$PWD/.venv

# Compiled here on all cores, not one by one by whatever command comes first.
.venv/bin/uv pip install --quiet --compile-bytecode --requirement requirements.lock
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
echo "$want" >"$stamp"
