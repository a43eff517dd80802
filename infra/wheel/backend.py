"""What pip calls to build the wheel (PEP 517): setuptools, and then the rooms move.

In a checkout `cli`, `flows`, `tasks` and `services` lie beside `tocoad`. Installed so, they would take these names,
which are anybody's, from all else in the environment. The wheel has them in a folder of the library's own, which
`tocoad/rooms.py` finds, and beside them what `tocoad init` makes a workspace from.
"""

from __future__ import annotations

import hashlib
import shutil
from base64 import urlsafe_b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

ROOMS = ("cli", "flows", "tasks", "services")
FOLDER = "tocoad/_rooms"
TEMPLATE = ("params.yaml", ".gitignore", ".dvcignore")


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    # What an earlier build left there would be packed once more, files that are gone included.
    shutil.rmtree("build/lib", ignore_errors=True)
    with TemporaryDirectory() as made:
        name = build_meta.build_wheel(made, config_settings, metadata_directory)
        _move_rooms(Path(made, name), Path(wheel_directory, name))
    return name


def _move_rooms(made: Path, target: Path) -> None:
    records = []
    with ZipFile(made) as source, ZipFile(target, "w", ZIP_DEFLATED) as wheel:

        def write(name: str, content: bytes) -> None:
            wheel.writestr(name, content)
            digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            records.append(f"{name},sha256={digest},{len(content)}\n")

        for file in TEMPLATE:
            write(f"{FOLDER}/workspace/{file}", Path(file).read_bytes())
        for name in source.namelist():
            if name.endswith(".dist-info/RECORD"):
                record = name
            elif name.endswith(".dist-info/top_level.txt"):
                write(name, b"tocoad\n")
            else:
                write(f"{FOLDER}/{name}" if name.partition("/")[0] in ROOMS else name, source.read(name))
        wheel.writestr(record, "".join([*records, f"{record},,\n"]))
