"""Every error of ours, by what its reader can do about it. An error is told as one line, without passwords.

    TocoadError                       exit code 1
      UserError                       a person can mend it: the line names the thing and the way out
        SettingsError                 tocoad.errors: a value of params.yaml, the environment or the command; exit code 2
        StageError                    tocoad.errors: a stage, or a service that it needs, cannot do its work
          DataError                   tocoad.data.problems
          TooFewError                 tocoad.data.split
          CalibrationError            tocoad.calibration.conformal
          PackageError                tocoad.package.detector
          ExportError                 tocoad.export.errors
          NewerCardError              tocoad.package.formats
          LeaseTakenError             tocoad.files.lease
          LeaseLostError              tocoad.files.lease
          BrokenPackageError          services.mlflow.package_check
          CleanProcessError           services.clean_process
          TrackingError               services.mlflow.calls
          DatabaseDamagedError        services.mlflow.database
          DecisionLogError            services.mlflow.decision_log
          PromotionError              services.mlflow.entering
          DvcError                    services.dvc.calls
          PushError                   services.dvc.pushing
          LostLinkError               services.dvc.moved_links
          NoGitError                  services.git.calls
          GitRecordError              services.git.record
          GitHistoryError             services.git.tips
          UnknownNeedsError           services.gc.named
          PrefectServerError          services.prefect.calls
          StageStoppedError           services.ray.inbox
          CategoriesFailedError       flows.retrain
          WatchFailedError            flows.watch
          NotReevaluatedError         flows.reevaluate
          TurnTakenError              services.prefect.turn
        FeedbackError                 tocoad.feedback.problems
        UnrecordedError               services.restoring.unrecorded
        StoreError                    services.store.errors
          AbsentError                 services.store.errors
          DamagedError                services.store.errors
      PassingError                    it may pass by itself: whoever calls asks again, within limits, then tells it
        AwayError                     services.mlflow.calls
        DvcBusyError                  services.dvc.calls
        StoreAwayError                services.store.errors
        LostInStoreError              services.ray.carrier
        WorkerLostError               services.ray.lost
          NodeLostError               services.ray.lost
            RayLostError              services.ray.lost

What is not in the tree is a defect of ours, with two exceptions: an OSError names its file, and is told like a
UserError; `_UnfitError` (tocoad.data.decoding) and `_OvertakenError` (services.mlflow.reevaluation) never leave their
modules. `Terminated` (services.interrupts) is a signal and no error. A test holds this page and the classes together.
"""

from __future__ import annotations

import signal
import sys
import traceback

from tocoad.text.printable import printable_lines
from tocoad.text.redaction import redacted

_DEFECT = "a defect of tocoad: please report it, with what the same command says with --debug"


class TocoadError(Exception):
    """One line, without passwords."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class UserError(TocoadError):
    """What a person can mend."""


class SettingsError(UserError, ValueError):
    """A value in `params.yaml`, the environment or on the command line.

    A ValueError too, which is what pydantic takes for the refusal of a value.
    """

    exit_code = 2


class StageError(UserError):
    """A stage, or a service that it needs, cannot do its work for a reason that the user can mend."""


class PassingError(TocoadError):
    """What may be gone at the next try: a worker that died, a server that is away, a lock that another holds."""


def is_told(error: BaseException) -> bool:
    """Whether its line says all; of any other, a defect of ours or a library's own error, the kind and the traceback
    are wanted too.
    """
    return isinstance(error, TocoadError | OSError)


def exit_code(error: BaseException) -> int:
    """1: something failed; 2: usage or settings; 130 and 143: Ctrl-C and SIGTERM, as a shell tells them."""
    if isinstance(error, KeyboardInterrupt):
        return 128 + int(getattr(error, "number", signal.SIGINT))
    return error.exit_code if isinstance(error, TocoadError) else 1


def tell(error: BaseException, debug: bool) -> int:
    """Says on standard error why a command ended; returns its exit code. With `debug` it is the traceback."""
    if debug:
        print(redacted("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    else:
        text = redacted(str(error)) if is_told(error) else f"{error_line(error)} ({_DEFECT})"
        if isinstance(error, PermissionError):
            text += ": give this user the right to it, or name another place"
        print(f"error: {printable_lines(text)}", file=sys.stderr)
    return exit_code(error)


def first_line(error: BaseException) -> str:
    """An error as one line, without passwords; of one that says nothing its name."""
    lines = str(error).strip().splitlines()
    # A remark that a database's library puts before the reason.
    told = [line for line in lines if not line.startswith("(raised as a result of ")]
    return redacted(told[0] if told else type(error).__name__)


def error_line(error: BaseException) -> str:
    """The same for a user: what is not his to mend says its kind too."""
    line, kind = first_line(error), type(error).__name__
    return line if is_told(error) or line == kind else f"{kind}: {line}"
