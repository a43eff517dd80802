"""`python -m infra.docs`: the documentation site, and what on it is made from the code.

`build` writes the site and fails at any warning; `links` asks the addresses outside to which it leads, and needs a
network for it; `reference` writes what of docs/reference is made from the code; `pictures` takes the pictures of our
pages: it trains the sample, and needs chromium.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.docs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("do", choices=("build", "links", "reference", "pictures"))
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build/docs", help="folder of the site (default: %(default)s)"
    )
    options = parser.parse_args()
    if options.do == "reference":
        from infra.docs.reference import write_reference

        write_reference(ROOT)
    elif options.do == "pictures":
        from infra.docs.pictures import take_pictures

        take_pictures(ROOT)
    else:
        from infra.docs.building import build

        return build(ROOT, options.out, "html" if options.do == "build" else "linkcheck")
    return 0


if __name__ == "__main__":
    sys.exit(main())
