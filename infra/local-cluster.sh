#!/usr/bin/env bash
# The servers of a cluster as processes of this machine, on loopback: PostgreSQL, S3, MLflow, Prefect, Ray.
# infra/local-cluster.sh up|down|status; docs/guide/cluster.md goes on from here.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
[ -x "$python" ] || {
    echo "error: $python is missing: make setup, or PYTHON=/path/to/python" >&2
    exit 2
}
# -P: nothing is imported from the folder that it is called in.
PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} exec "$python" -P -m infra.local "$@"
