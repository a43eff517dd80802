"""One small workspace for the whole session: a copy made from the checkout, with tiny rendered data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from page_browser import start_browser
from selenium import webdriver

from tests.helpers.installation import Installation, install
from tests.helpers.shop import TINY, Shop, make_workspace
from tocoad.sample import SampleCounts, render_sample


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    root = tmp_path_factory.mktemp("workspace")
    made = make_workspace(root)
    source = tmp_path_factory.mktemp("source") / "tiny"
    render_sample(source, size=96, counts=SampleCounts(train=12, test_good=4, test_defective=5))
    shutil.rmtree(source / "fabric")
    settings = [f"{key}={value}" for key, value in TINY.items()]
    from tocoad.files.workspace import Workspace
    from tocoad.settings.file import override, parse_assignments

    override(Workspace(root), parse_assignments(settings))
    done = made.run("tocoad", "data", "add", str(source), "--name", "tiny")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("installation"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    driver = start_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()
