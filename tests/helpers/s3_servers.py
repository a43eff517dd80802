"""S3 servers on loopback, real processes: rclone checks keys and keeps objects as files, moto is nearer to AWS."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.helpers.place import LOOPBACK, Place
from tests.helpers.processes import end_with_parent, free_port, stop_group

BUCKET, PREFIX = "tocoad-store", "house"
_START_SECONDS = 60.0


@dataclass(frozen=True)
class S3Server:
    """`url` names a place for a store, in a bucket that is there; `env` leads to it whoever reads AWS's variables.

    `folder` is where the bucket's objects lie as files: None where they lie in memory.
    """

    url: str
    endpoint: str
    key: str
    secret: str
    folder: Path | None = None

    @property
    def env(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            # Nothing of the user's, and no question to the machine's cloud.
            "AWS_CONFIG_FILE": "/nowhere/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": self.host,
            "no_proxy": self.host,
        }

    @property
    def host(self) -> str:
        return self.endpoint.rpartition("/")[2].partition(":")[0]

    def at(self, endpoint: str) -> S3Server:
        """The same behind another address, a proxy's."""
        return S3Server(self.url, endpoint, self.key, self.secret, self.folder)


@contextmanager
def rclone_s3(folder: Path, port: int | None = None, place: Place = LOOPBACK) -> Iterator[S3Server]:
    """`rclone serve s3`: a bucket is a folder in `folder`, which may hold one from an earlier server."""
    bucket = folder / BUCKET
    bucket.mkdir(parents=True, exist_ok=True)
    port, key, secret = port or free_port(), "ACCESSKEYOFTEST", "secret-of-the-test-0123456789"
    # A test that damages a file of the bucket must not be answered from memory.
    command = ["rclone", "serve", "s3", "--addr", f"{place.ip}:{port}", "--auth-key", f"{key},{secret}"]
    command += ["--dir-cache-time", "10ms", "--config", "/dev/null", str(folder)]
    with _serving(command, port, folder.with_name(f"{folder.name}.log"), place):
        yield S3Server(f"s3://{BUCKET}/{PREFIX}", f"http://{place.ip}:{port}", key, secret, bucket)


@contextmanager
def moto_s3(log: Path) -> Iterator[S3Server]:
    """`moto_server`, whose buckets lie in memory, and which takes any key."""
    port = free_port()
    with _serving(["moto_server", "-H", "127.0.0.1", "-p", str(port)], port, log):
        server = S3Server(f"s3://{BUCKET}/{PREFIX}", f"http://127.0.0.1:{port}", "testing", "testing-secret")
        request = urllib.request.Request(f"{server.endpoint}/{BUCKET}", method="PUT")
        with urllib.request.urlopen(request, timeout=10):
            yield server


@contextmanager
def _serving(command: list[str], port: int, log: Path, place: Place = LOOPBACK) -> Iterator[None]:
    """Starts a program of this environment and waits until it answers."""
    command = [*place.through, str(Path(sys.executable).with_name(command[0])), *command[1:]]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, preexec_fn=end_with_parent
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not place.inside(partial(_answers, place.ip, port)):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        if process.poll() is None:
            stop_group(process)


def _answers(ip: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{ip}:{port}/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # a server that wants a key
    except OSError:
        return False
