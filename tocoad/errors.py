"""What a user can mend, and how an error is told: one line, without passwords."""

from __future__ import annotations

from tocoad.text.redaction import redacted


class SettingsError(ValueError):
    """A value in `params.yaml`, the environment or on the command line that the user can mend.

    One line, without passwords.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class StageError(RuntimeError):
    """A stage cannot do its work for a reason the user can mend; one line, without passwords."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


def first_line(error: BaseException) -> str:
    """An error as one line, without passwords; of one that says nothing its name."""
    lines = str(error).strip().splitlines()
    # A remark that a database's library puts before the reason.
    told = [line for line in lines if not line.startswith("(raised as a result of ")]
    return redacted(told[0] if told else type(error).__name__)


def error_line(error: BaseException) -> str:
    """The same for a user: what is not his to mend, a defect of ours or a library's own error, says its kind too."""
    line, kind = first_line(error), type(error).__name__
    return line if isinstance(error, StageError | SettingsError | OSError) or line == kind else f"{kind}: {line}"
