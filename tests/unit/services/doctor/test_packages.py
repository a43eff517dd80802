"""Installed packages beside the ranges and the lock."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from services.doctor.case import Case
from services.doctor.packages import check, check_lock, out_of_range


def test_what_is_missing_or_of_another_version_is_named_with_what_installs_it() -> None:
    found = list(out_of_range(["numpy<1", "no-such-package>=2", "packaging", "click; python_version < '3'"]))
    assert [(one.state, one.text) for one in found] == [
        ("bad", f"numpy is {version('numpy')}, which is not in <1"),
        ("bad", "no-such-package is missing"),
    ]
    assert [one.do for one in found] == ["pip install 'numpy<1', or make setup", "pip install 'no-such-package>=2'"]


def test_of_an_extra_what_is_not_installed_is_not_missed() -> None:
    asked = ["no-such-package; extra == 'export'", "numpy<1; extra == 'export'", "numpy<1; extra == 'compare'"]
    assert [one.state for one in out_of_range(asked)] == ["warn"]


def test_this_environment_is_in_the_ranges_of_the_project() -> None:
    assert [one.text for one in check(Case()) if one.state == "bad"] == []


def test_packages_that_are_not_as_in_the_lock_are_counted_and_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"numpy==0.9\nruamel_yaml=={version('ruamel.yaml')}\nof-another-system==1.0\n")
    (found,) = check_lock(Case(), lock)
    assert (found.state, found.text) == (
        "warn",
        f"1 packages are not as in requirements.lock: numpy {version('numpy')} for 0.9",
    )


def test_without_the_sources_there_is_no_lock_to_compare_with(tmp_path: Path) -> None:
    assert list(check_lock(Case(), tmp_path / "requirements.lock")) == []
