"""Errors as one line."""

from __future__ import annotations

import pytest

from tocoad.errors import SettingsError, StageError, error_line, first_line


def test_what_a_user_can_mend_is_told_as_it_is_and_a_defect_by_its_name() -> None:
    assert error_line(StageError("too few images\nsee the manual")) == "too few images"
    assert error_line(SettingsError("stage1.lr: too large")) == "stage1.lr: too large"
    assert error_line(OSError(28, "No space left on device")) == "[Errno 28] No space left on device"
    assert error_line(ZeroDivisionError("division by zero")) == "ZeroDivisionError: division by zero"
    assert error_line(KeyError()) == "KeyError"


@pytest.mark.parametrize("line", [first_line, error_line])
def test_the_line_of_any_error_holds_no_password(line: object) -> None:
    assert callable(line)
    told = line(ConnectionError("no answer from http://ops:hunter2-Zq@mlflow.example:5000/api\nsee there"))
    assert told == "no answer from http://***@mlflow.example:5000/api"
