"""What leaves this machine in a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.doctor.finding import Finding, shareable, worst


def test_a_report_says_neither_whose_home_it_is_nor_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    text = "/home/anna/line-3/.dvc: http://anna:hunter2@mlflow:5000\nand /home/anna/.aws, wJalrXUtnFEMI"
    assert shareable(text, Path("/home/anna/line-3")) == "./.dvc: http://***@mlflow:5000 and ~/.aws, ***"


def test_another_home_that_begins_alike_is_not_taken_for_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert shareable("/home/annabel/x is read from /home/anna", None) == "/home/annabel/x is read from ~"


def test_a_home_that_is_a_link_is_not_told_by_where_it_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk" / "anna").mkdir(parents=True)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "anna"))
    assert shareable(f"{tmp_path}/disk/anna/cache and {tmp_path}/home/anna", None) == "~/cache and ~"


def test_the_worst_finding_is_that_of_all() -> None:
    assert worst([]) == "ok"
    assert worst([Finding("a", "bad", ""), Finding("b", "warn", ""), Finding("c", "ok", "")]) == "bad"
