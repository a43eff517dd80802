"""The folder of a local cluster: what its processes keep, and one file that knows its secrets, ports and processes.

`down` leaves the folder, so that the next `up` has the same data, passwords and, where they are free, ports.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.local.errors import ClusterError, UsageError

LOOPBACK = "127.0.0.1"
MARK = "TOCOAD_LOCAL_CLUSTER"
_SECRETS = ("mark", "postgres", "prefect", "ray", "s3_key", "s3_secret")


@dataclass(frozen=True)
class Recorded:
    """A process that was started: the id comes again one day, the time of its start does not come with it."""

    pid: int
    started: float


@dataclass
class State:
    """Whatever is changed in it is kept by `save`."""

    folder: Path
    secrets: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Recorded] = field(default_factory=dict)
    # Ray's own files, outside the folder: the names of its sockets must be short.
    ray_folder: str = ""
    cpus: int = 1

    @property
    def exports(self) -> Path:
        return self.folder / "env.sh"

    @property
    def token_file(self) -> Path:
        return self.folder / "ray_token"

    @property
    def password_file(self) -> Path:
        """As libpq and asyncpg read it: so no address, environment or log has the password."""
        return self.folder / "pgpass"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def own_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def save(self) -> None:
        content = {**asdict(self), "folder": None}
        write_private(_file(self.folder), json.dumps(content, indent=1) + "\n")


def default_folder(root: Path) -> Path:
    chosen = os.environ.get("TOCOAD_CLUSTER_DIR")
    return Path(chosen).absolute() if chosen else root / ".services" / "cluster"


def load(folder: Path) -> State | None:
    """None where there has been no cluster yet."""
    try:
        content = json.loads(_file(folder).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{_file(folder)}: cannot be read ({error})") from None
    content["processes"] = {name: Recorded(**of) for name, of in content["processes"].items()}
    return State(**content | {"folder": folder})


def create(folder: Path) -> State:
    """With new secrets, or those of the cluster that has been here."""
    folder.mkdir(parents=True, exist_ok=True)
    # Others see nothing; the user that PostgreSQL runs as, where that is not us, must be let through to its own folder.
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    state = load(folder) or State(folder)
    for name in _SECRETS:
        state.secrets.setdefault(name, secrets.token_hex(20))
    write_private(state.token_file, state.secrets["ray"])
    write_private(state.password_file, f"{LOOPBACK}:*:*:tocoad:{state.secrets['postgres']}\n")
    state.save()
    return state


def choose_ports(state: State, names: list[str]) -> None:
    """Those of earlier, where nobody else has taken them: addresses in a workspace's settings stay right."""
    for name in names:
        if not _is_free(state.ports.get(name, 0)):
            state.ports[name] = _free_port(set(state.ports.values()))
    state.save()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """In the block no other `up` or `down` works on the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(f"{folder}: another `up` or `down` is at work on it: wait until it has ended") from None
        yield


def write_private(file: Path, text: str) -> None:
    """For the owner alone from its first byte, and whole under its name."""
    incoming = file.with_name(f".{file.name}.{os.getpid()}")
    incoming.unlink(missing_ok=True)
    with os.fdopen(os.open(incoming, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
        stream.write(text)
    incoming.replace(file)


def _file(folder: Path) -> Path:
    return folder / "cluster.json"


def _is_free(port: int) -> bool:
    if not port:
        return False
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True


def _free_port(taken: set[int]) -> int:
    while True:
        with socket.create_server((LOOPBACK, 0)) as server:
            port = int(server.getsockname()[1])
        if port not in taken:
            return port
