"""Documents of the workspace at git's tips, to which somebody may want to go back, and in all its history."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from itertools import chain

from services.git.calls import NoGitError, git
from tocoad.errors import StageError, first_line
from tocoad.files.documents import LOCK
from tocoad.files.workspace import Workspace


class GitHistoryError(StageError):
    """Git cannot tell what it has."""


def documents_at_tips(workspace: Workspace) -> Iterator[tuple[str, dict[str, str]]]:
    """Of every branch, tag, remote branch and stash, of what is checked out in any worktree and of what is staged here:
    its name, and the texts of dvc.lock and of the files `*.dvc`, by their paths below the workspace. None where there
    is no repository.
    """
    if not _is_repository(workspace):
        return
    seen = set()
    tips = ((name, _blobs_at(workspace, commit)) for name, commit in _tips(workspace))
    for name, blobs in chain(tips, [("index", _staged_blobs(workspace))]):
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
        done = git(workspace.root, "rev-parse", "--is-inside-work-tree")
    except NoGitError:
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
    # Of stashes only the last one is a ref; the index and the untracked files of each are parents of it.
    for line in _call(workspace, "stash", "list", "--format=%H %P").splitlines():
        yield from (("stash", commit) for commit in line.split())


def _blobs_at(workspace: Workspace, commit: str) -> dict[str, str]:
    """By path."""
    blobs = {}
    for entry in _call(workspace, "ls-tree", "-r", "-z", commit, "--", ".").split("\0"):
        about, _, path = entry.partition("\t")
        if _is_document(path):
            blobs[path] = about.split()[2]
    return blobs


def _staged_blobs(workspace: Workspace) -> dict[str, str]:
    """By path, those that are not the last commit's."""
    raw = ["--cached", "--raw", "--no-abbrev", "--no-renames", "--relative", "-z"]
    fields = _call(workspace, "diff", *raw, "--", ".").split("\0")
    # ":100644 100644 BEFORE AFTER M", then the path; of what was deleted, or is in conflict, the hash after is zeros.
    found = {path: about.split()[3] for about, path in zip(fields[::2], fields[1::2], strict=False)}
    return {path: blob for path, blob in found.items() if _is_document(path) and blob.strip("0")}


def _is_document(path: str) -> bool:
    return path == LOCK or path.endswith(".dvc")


def _texts(workspace: Workspace, blobs: Sequence[str]) -> dict[str, str]:
    """Of blobs, by their names: one process for all of them."""
    output = _run(workspace, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode())
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
    return _run(workspace, *arguments).decode(errors="surrogateescape")


def _run(workspace: Workspace, *arguments: str, given: bytes = b"") -> bytes:
    done = git(workspace.root, *arguments, given=given)
    if done.returncode != 0:
        raise GitHistoryError(_reason(workspace, done))
    return done.stdout


def _reason(workspace: Workspace, done: subprocess.CompletedProcess[bytes]) -> str:
    said = first_line(RuntimeError(done.stderr.decode(errors="replace").strip()))
    return f"{workspace.root}: git cannot tell what it has ({said})"
