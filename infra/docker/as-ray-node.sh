#!/bin/sh
# as-ray-node COMMAND...: the command on a node of the cluster at $RAY_HEAD, which a driver of Ray must be on. The node
# takes no work, and ends with the container.
set -eu
ray start --address="$RAY_HEAD" --num-cpus=0 --disable-usage-stats >&2
exec "$@"
