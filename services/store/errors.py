"""What a store cannot do: one line that names its URL and the way out, and never a key or a signed address."""

from __future__ import annotations

from tocoad.errors import PassingError, UserError


class StoreError(UserError):
    """A wrong key, no bucket, a disk that cannot be written: another try meets the same."""


class AbsentError(StoreError):
    """There is no object of this hash."""


class DamagedError(StoreError):
    """What lies under a hash, or came for it, is something else."""


class StoreAwayError(PassingError):
    """It refused the connection, did not answer, broke off or said that it is busy."""
