"""Machines that are really apart: each has a network of its own, on one switch, and sees no folder of the others.

As root on Linux. Nothing has a name outside: a network and its mounts are held by a process, and go with it, even when
the test is killed.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.place import Answer, Place
from tests.helpers.processes import end_with_parent

_PROGRAMS = ("ip", "mount", "nsenter", "unshare")
_CLONE_NEWNET = 0x40000000
_NETWORK = "10.77.0"
_SHARED_MEMORY = Path("/dev/shm")
# Ends with its standard input too, should its parent's thread outlive the block.
_HOLD = "ip link set lo up && {}echo held && exec cat"


def why_not() -> str | None:
    """What keeps this machine from parting itself; None where nothing does."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces are made as root on Linux"
    if lacking := [name for name in _PROGRAMS if shutil.which(name) is None]:
        return f"not installed: {', '.join(lacking)}"
    trial = [
        "unshare",
        "--net",
        "--mount",
        "sh",
        "-c",
        "ip link add name bridge type bridge && ip link add name cable type veth",
    ]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    return f"no namespaces with a bridge here: {done.stderr.strip()}" if done.returncode else None


@dataclass(frozen=True)
class Room(Place):
    """One machine's place."""

    name: str = ""
    holder: int = 0
    network: str = ""
    switch: Place = field(default_factory=Place)

    def inside(self, ask: Callable[[], Answer]) -> Answer:
        # Of this process a thread alone enters the network.
        with ThreadPoolExecutor(1, initializer=self._enter) as thread:
            return thread.submit(ask).result()

    def _enter(self) -> None:
        with Path(f"/proc/{self.holder}/ns/net").open() as network:
            assert ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _CLONE_NEWNET) == 0

    def processes(self) -> list[int]:
        """Whoever is in its network."""
        return [int(link.parts[2]) for link in Path("/proc").glob("[0-9]*/ns/net") if _network(link) == self.network]

    def cut(self) -> None:
        """Pulls its cable: what is on the way is lost, no connection is closed."""
        self._link("down")

    def heal(self) -> None:
        self._link("up")

    def _link(self, state: str) -> None:
        _run(*self.switch.through, "ip", "link", "set", _port(self.name), state)


class Switch:
    """What the rooms are plugged into. It belongs to none of them."""

    def __init__(self) -> None:
        self._holders: list[subprocess.Popen[str]] = []
        self._rooms = 0
        self._place = _through(self._hold())
        self._in_switch("ip", "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        self._in_switch("ip", "link", "set", "bridge", "up")

    def room(self, name: str, hidden: Sequence[Path] = ()) -> Room:
        """A place on the switch; without `hidden` its files are those of the machine."""
        holder = self._hold(*hidden)
        self._rooms += 1
        ip, port, here = f"{_NETWORK}.{self._rooms}", _port(name), _through(holder, mounts=bool(hidden))
        self._in_switch("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(holder))
        self._in_switch("ip", "link", "set", port, "master", "bridge", "up")
        _run(*here.through, "ip", "address", "add", f"{ip}/24", "dev", "eth0")
        _run(*here.through, "ip", "link", "set", "eth0", "up")
        return Room(ip, here.through, name, holder, _network(Path(f"/proc/{holder}/ns/net")), self._place)

    def close(self) -> None:
        for holder in self._holders:
            holder.kill()
            holder.wait()
            assert holder.stdout is not None and holder.stdin is not None
            holder.stdout.close()
            holder.stdin.close()

    def _hold(self, *hidden: Path) -> int:
        """A new network, and mounts where something is hidden; returns the process that holds them."""
        parted, covers = [], ""
        if hidden:
            parted = ["--mount", "--propagation", "private"]
            # Ray's object store too is in memory that all processes of a machine share.
            for folder in (*hidden, _SHARED_MEMORY):
                covers += f"mount -t tmpfs none {shlex.quote(str(folder))} && "
        holder = subprocess.Popen(
            ["unshare", "--net", *parted, "sh", "-c", _HOLD.format(covers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent,
        )
        self._holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n", f"no namespace: {' '.join(map(str, holder.args))}"  # type: ignore[arg-type]
        return holder.pid

    def _in_switch(self, *command: str) -> None:
        _run(*self._place.through, *command)


@contextmanager
def switch() -> Iterator[Switch]:
    """After the block there is none of its rooms, unless a process of the test is still in it."""
    made = Switch()
    try:
        yield made
    finally:
        made.close()


def _through(holder: int, mounts: bool = False) -> Place:
    return Place(through=("nsenter", f"--target={holder}", "--net", *(["--mount"] if mounts else []), "--"))


def _network(link: Path) -> str:
    """Its name, empty for a process that has ended."""
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _port(name: str) -> str:
    return f"to-{name}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
