"""The store that the nodes share: an S3 server, which is away and comes back at its address."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.helpers.place import Place
from tests.helpers.processes import free_port
from tests.helpers.s3_servers import S3Server, rclone_s3


class Store:
    """It starts with this. `folder` is where the objects lie as files."""

    def __init__(self, folder: Path, place: Place) -> None:
        self._folder, self._place, self._port = folder, place, free_port()
        self._up: ExitStack | None = None
        self.server: S3Server
        self.start()
        assert self.server.folder is not None
        self.folder = self.server.folder

    def start(self) -> None:
        if self._up is None:
            self._up = ExitStack()
            self.server = self._up.enter_context(rclone_s3(self._folder, self._port, self._place))

    def stop(self) -> None:
        if self._up is not None:
            self._up.close()
        self._up = None
