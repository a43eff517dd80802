#!/usr/bin/env bash
# Are pyproject's ranges true? Installs the lowest, or the newest, versions in them that the index serves, into an
# environment of its own, runs tests there, each part in a process, and writes docs/results/ranges.md.
#   infra/ranges.sh lowest                          all tests
#   infra/ranges.sh newest tests/unit tests/e2e     these parts
# The environments (7 GB each) lie in build/ranges, or in $RANGES. It needs the .venv of `make setup`, for uv.
set -euo pipefail
cd "$(dirname "$0")/.."
end=${1:-}
case $end in
    lowest) resolution=lowest-direct ;;
    newest) resolution=highest ;;
    *) echo "usage: infra/ranges.sh lowest|newest [PART ...]" >&2 && exit 2 ;;
esac
shift
[ $# -gt 0 ] || set -- tests/unit tests/integration tests/e2e tests/cuda

uv=$PWD/.venv/bin/uv
place=${RANGES:-build/ranges}/$end
mkdir -p "$place"
. infra/index.sh
export VIRTUAL_ENV
VIRTUAL_ENV=$(cd "$place" && pwd)/venv

echo "ranges: what are the $end versions?" >&2
"$uv" pip compile --quiet --upgrade --resolution "$resolution" --python "${PYTHON:-python3}" --extra dev --extra docs \
    --extra export --output-file "$place/requirements.txt" pyproject.toml
# What is there stays untouched: another run of this end may be at its tests.
cat pyproject.toml "$place/requirements.txt" >"$place/wanted.txt"
if ! cmp --silent "$place/wanted.txt" "$place/installed.txt"; then
    rm -f "$place/installed.txt"
    [ -x "$VIRTUAL_ENV/bin/python" ] || "$uv" venv --quiet --python "${PYTHON:-python3}" "$VIRTUAL_ENV"
    "$uv" pip sync --quiet --compile-bytecode "$place/requirements.txt"
    # What builds the link to the sources, and the wheel in a test; it is no dependency of theirs.
    "$uv" pip install --quiet pip "setuptools>=77,<82"
    "$uv" pip install --quiet --no-deps --no-build-isolation --editable .
    "$uv" pip check --quiet
    cp "$place/wanted.txt" "$place/installed.txt"
fi

export PATH=$VIRTUAL_ENV/bin:$PATH OMP_NUM_THREADS=1
code=0
for part in "$@"; do
    echo "ranges: $end versions, $part" >&2
    results=$place/${part//\//-}.xml
    rm -f "$results"  # what an earlier run left is no result of this one
    # What tests write lies where pytest puts it: below this folder they would be in a workspace.
    pytest --quiet --junitxml "$results" "$part" || code=1
    python infra/ranges_page.py "$end" "$part" "$results"
done
exit "$code"
