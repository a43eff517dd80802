"""`ray start` for a node that is on loopback alone. Of itself Ray puts the machine's address in the place of 127.0.0.1,
and then its ports are open to everybody who reaches the machine.
"""

from __future__ import annotations

import sys

from ray._private import services
from ray.scripts.scripts import main


def _as_it_is(host: str) -> str:
    return host


if __name__ == "__main__":
    services.resolve_ip_for_localhost = _as_it_is
    sys.argv = ["ray", "start", *sys.argv[1:]]
    main()
