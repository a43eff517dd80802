"""What a person fills in on Prefect's page to answer for a version that waits."""

from __future__ import annotations

from typing import Literal

from prefect.input import RunInput
from pydantic import Field

_SAID = r"\S"  # something, and not blanks alone


class AnswerForm(RunInput):
    """Prefect's server knows no users: who answers there says who they are."""

    answer: Literal["approve", "decline"]
    name: str = Field(pattern=_SAID, max_length=100, description="who you are; the log of decisions keeps it")
    reason: str = Field(pattern=_SAID, max_length=1000, description="why; the log keeps it too")
