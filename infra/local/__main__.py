"""`infra/local-cluster.sh up|down|status`: the servers of a cluster as processes of this machine, on loopback.

State lies in `.services/cluster` of the checkout, or where TOCOAD_CLUSTER_DIR says. Exit code 0: all is as asked for;
1: something does not start, run or end; 2: the command is wrong or the machine lacks something.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from infra.local.bringing_up import bring_up
from infra.local.catalogue import SERVERS
from infra.local.errors import ClusterError, UsageError
from infra.local.state import default_folder
from infra.local.status import print_status
from infra.local.taking_down import take_down

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="infra/local-cluster.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what does not run, and wait until it answers")
    up.add_argument(
        "servers",
        nargs="*",
        metavar="SERVER",
        help=f"these alone and what they need (default: all): {', '.join(server.name for server in SERVERS)}",
    )
    half = max((os.cpu_count() or 2) // 2, 1)
    up.add_argument("--cpus", type=int, default=half, help="CPUs of a Ray worker (default: %(default)s)")
    up.add_argument("--wait", type=float, default=180, help="seconds that a server may take (default: %(default)s)")
    commands.add_parser("down", help="stop whatever `up` started; its data stay")
    commands.add_parser("status", help="what runs, and where; exit code 1 unless all of it answers")
    options = parser.parse_args()
    folder = default_folder(ROOT)
    try:
        if options.command == "up":
            bring_up(folder, options.servers, options.cpus, options.wait)
        elif options.command == "down":
            take_down(folder)
        else:
            return 0 if print_status(folder) else 1
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
