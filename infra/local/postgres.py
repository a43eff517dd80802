"""PostgreSQL of a local cluster: Debian's programs, a database each for MLflow and for Prefect."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from infra.local.errors import ClusterError, UsageError
from infra.local.processes import as_user, living, start
from infra.local.state import LOOPBACK, MARK, Recorded, State, write_private

USER = "tocoad"
DATABASES = ("mlflow", "prefect")
# Debian has them in a folder that is on nobody's path; the newest counts.
_DEBIAN = Path("/usr/lib/postgresql")


def start_postgres(state: State, environment: Mapping[str, str]) -> None:
    """Raises UsageError where it is not installed, or cannot reach its folder."""
    user = _user(state.folder)
    data = state.folder / "postgres"
    if not data.exists():
        _initialize(state, data, user, environment)
    command = [_program("postgres"), "-D", str(data), "-p", str(state.ports["postgres"])]
    command += ["-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories="]
    start(state, "postgres", command, environment, data if user is None else Path("/"), user)


def database_ready(state: State) -> bool:
    """Whether it answers; the databases are made by the first look that finds it so."""
    import psycopg2

    try:
        connection = psycopg2.connect(**_address(state), dbname="postgres", connect_timeout=5)
    except psycopg2.OperationalError:
        return False
    try:
        connection.autocommit = True  # a database is made outside transactions
        cursor = connection.cursor()
        cursor.execute("SELECT datname FROM pg_database")
        there = {name for (name,) in cursor.fetchall()}
        for name in DATABASES:
            if name not in there:
                cursor.execute(f"CREATE DATABASE {name}")  # the names are ours
    finally:
        connection.close()
    return True


def lost_postgres(state: State) -> psutil.Process | None:
    """One that was started and not recorded. It writes over its environment, where our mark was, but says in a file of
    its own who it is, and since when.
    """
    with suppress(OSError, ValueError, IndexError):
        pid, _, since, *_ = (state.folder / "postgres" / "postmaster.pid").read_text().splitlines()
        return living(Recorded(int(pid), float(since)))
    return None


def _address(state: State) -> dict[str, Any]:
    return {"host": LOOPBACK, "port": state.ports["postgres"], "user": USER, "passfile": str(state.password_file)}


def _initialize(state: State, data: Path, user: str | None, environment: Mapping[str, str]) -> None:
    incoming = data.with_name(".postgres.incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    password = state.folder / ".postgres.password"
    write_private(password, state.secrets["postgres"])
    incoming.mkdir(mode=0o700)
    if user is not None:
        for path in (incoming, password):
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
    command = [_program("initdb"), "-D", str(incoming), "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}"]
    command += ["--encoding=UTF8", "--no-locale"]
    try:
        done = subprocess.run(
            command,
            env={**environment, MARK: state.secrets["mark"]},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **as_user(user),
        )
    finally:
        password.unlink()
    if done.returncode:
        raise ClusterError(f"initdb: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    incoming.rename(data)


def _user(folder: Path) -> str | None:
    """Who runs it in place of root, which PostgreSQL refuses; None: who we are."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in ("postgres", "nobody") if name in known), None)
    if user is None:
        raise UsageError("PostgreSQL does not run as root, and there is no user postgres: call this as another user")
    for place in (*reversed(folder.parents), folder):
        if not place.stat().st_mode & 0o001:
            raise UsageError(
                f"{place} is closed to {user}, who runs PostgreSQL in place of root: let TOCOAD_CLUSTER_DIR name a "
                "folder elsewhere, such as /var/tmp/tocoad-cluster"
            )
    return user


def _program(name: str) -> str:
    """Raises UsageError where PostgreSQL is not installed."""
    if found := shutil.which(name):
        return found
    versions = [folder for folder in _DEBIAN.glob("*/bin") if (folder / name).is_file()]
    if not versions:
        raise UsageError(f"PostgreSQL's {name} is missing: apt-get install postgresql, or put its bin folder on PATH")
    return str(max(versions, key=lambda folder: float(folder.parent.name)) / name)
