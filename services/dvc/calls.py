"""The one boundary to DVC: what it raises leaves here as an error of ours, in one line.

DVC raises its own errors, and where a file of the workspace, of git's or of its own is not what it should be, whatever
its code or that of its libraries stumbles over: of dulwich an AssertionError, of diskcache sqlite3's errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.lock import LockError

from tocoad.errors import PassingError, StageError, TocoadError, error_line


class DvcError(StageError):
    """DVC cannot do its work: a broken dvc.yaml, a missing output, a file that it cannot read; one line."""


class DvcBusyError(PassingError):
    """Another process has held DVC's lock, or its database of hashes, for as long as it is waited for."""


@contextmanager
def told(root: Path) -> Iterator[None]:
    """For a block that calls DVC on the workspace at `root`; the original is the cause of what leaves.

    Raises:
        DvcBusyError: in place of what says that another holds what it needs.
        DvcError: in place of whatever else DVC raises.
    """
    try:
        yield
    except TocoadError:
        raise
    except LockError as error:
        raise DvcBusyError(f"{root}: another DVC command holds the lock, and goes on: let it end") from error
    except DvcException as error:
        raise DvcError(f"DVC: {_one_line(error)}") from error
    except OSError as error:
        place = error.filename or root
        # As in a workspace of somebody else's: there is nothing to mend in it.
        way_out = "give this user the right to it" if isinstance(error, PermissionError) else "mend or remove it"
        raise DvcError(f"{place}: DVC cannot use it ({error.strerror or error}): {way_out}") from error
    except Exception as error:
        if "database is locked" in str(error):
            raise DvcBusyError(f"{root}: another process holds DVC's database of hashes: let it end") from error
        raise DvcError(
            f"{root}: DVC stumbles over a file of .git, .dvc or .dvcignore ({error_line(error)}): "
            "see what `dvc status -v` says there"
        ) from error


def _one_line(error: DvcException) -> str:
    """DVC's first sentence, and for a broken file the reason that it hangs below."""
    text = str(error).partition("\n")[0]
    reason = " ".join(str(error.__cause__ or "").split())
    return f"{text} ({reason})" if reason and "\n" not in str(error) and reason not in text else text
