"""Documents of the workspace at git's tips, to which somebody may want to go back, and in all its history."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence

from tocoad.errors import StageError, first_line
from tocoad.files.documents import LOCK
from tocoad.files.workspace import Workspace


class GitHistoryError(StageError):
    """Git cannot tell what it has."""


def documents_at_tips(workspace: Workspace) -> Iterator[tuple[str, dict[str, str]]]:
    """Of every branch, tag, remote branch, stash, and what is checked out in any worktree: its name, and the texts of
    dvc.lock and of the files `*.dvc`, by their paths below the workspace. None where there is no repository.
    """
    if not _is_repository(workspace):
        return
    seen = set()
    for name, commit in _tips(workspace):
        blobs = _blobs_at(workspace, commit)
        if (key := frozenset(blobs.items())) not in seen:
            seen.add(key)
            texts = _texts(workspace, list(blobs.values()))
            yield name, {path: texts[blob] for path, blob in blobs.items()}


def committed(workspace: Workspace, path: str) -> Iterator[str]:
    """Every text that the document has had in a commit that there still is."""
    if not _is_repository(workspace):
        return
    log = _call(
        workspace, "log", "--all", "--full-history", "--raw", "--no-abbrev", "--no-renames", "--format=", "--", path
    )
    # ":100644 100644 BEFORE AFTER M\tPATH"; of what was deleted the hash after is zeros.
    blobs = dict.fromkeys(line.split()[3] for line in log.splitlines() if line.startswith(":"))
    yield from _texts(workspace, [blob for blob in blobs if blob.strip("0")]).values()


def _is_repository(workspace: Workspace) -> bool:
    try:
        done = _git(workspace, ["rev-parse", "--is-inside-work-tree"])
    except FileNotFoundError:
        return False
    if done.returncode != 0 and b"not a git repository" not in done.stderr:
        raise GitHistoryError(_reason(workspace, done))
    return done.stdout.strip() == b"true"


def _tips(workspace: Workspace) -> Iterator[tuple[str, str]]:
    refs = _call(workspace, "for-each-ref", "--format=%(objecttype) %(*objecttype) %(objectname) %(refname)")
    for line in refs.splitlines():
        kind, of_tag, name, ref = line.split(" ", 3)
        if "commit" in (kind, of_tag):
            yield ref, name
    for line in _call(workspace, "worktree", "list", "--porcelain").splitlines():
        word, _, commit = line.partition(" ")
        if word == "HEAD" and commit.strip("0"):
            yield "HEAD of a worktree", commit


def _blobs_at(workspace: Workspace, commit: str) -> dict[str, str]:
    """By path."""
    blobs = {}
    for entry in _call(workspace, "ls-tree", "-r", "-z", commit, "--", ".").split("\0"):
        about, _, path = entry.partition("\t")
        if path == LOCK or path.endswith(".dvc"):
            blobs[path] = about.split()[2]
    return blobs


def _texts(workspace: Workspace, blobs: Sequence[str]) -> dict[str, str]:
    """Of blobs, by their names: one process for all of them."""
    output = _run(workspace, ["cat-file", "--batch"], "".join(f"{blob}\n" for blob in blobs).encode())
    texts, start = {}, 0
    for blob in blobs:
        head, _, _ = output[start:].partition(b"\n")
        if not head.split()[1:2] == [b"blob"]:
            raise GitHistoryError(f"{workspace.root}: git has not all of its objects ({head.decode()}): see git fsck")
        start += len(head) + 1
        size = int(head.split()[2])
        texts[blob] = output[start : start + size].decode(errors="surrogateescape")
        start += size + 1
    return texts


def _call(workspace: Workspace, *arguments: str) -> str:
    return _run(workspace, arguments).decode(errors="surrogateescape")


def _run(workspace: Workspace, arguments: Sequence[str], given: bytes = b"") -> bytes:
    done = _git(workspace, arguments, given)
    if done.returncode != 0:
        raise GitHistoryError(_reason(workspace, done))
    return done.stdout


def _git(workspace: Workspace, arguments: Sequence[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=workspace.root, env=environment, input=given, capture_output=True, check=False)


def _reason(workspace: Workspace, done: subprocess.CompletedProcess[bytes]) -> str:
    said = first_line(RuntimeError(done.stderr.decode(errors="replace").strip()))
    return f"{workspace.root}: git cannot tell what it has ({said})"
