"""The page of `tocoad serve` in a real browser: a picture goes in, the detector's verdict and overlay come out."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from page_browser import DESKTOP, PHONE, open_page, severe
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from services.serving.server import Server
from tests.helpers.packages import as_category, save_detector
from tests.helpers.processes import wait_until
from tests.helpers.serving import serving
from tocoad.package.detector import load_detector

pytestmark = pytest.mark.e2e

# What a person does with a mouse, which a driver cannot: a file of the desktop dropped on the page.
DROP = """
const content = Uint8Array.from(atob(arguments[1]), (character) => character.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([content], arguments[2]));
arguments[0].dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: data}));
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("packages")
    return [as_category(save_detector(root / name, seed), "set", name) for seed, name in enumerate(("gear", "plate"))]


@pytest.fixture(scope="module")
def server(packages: list[Path]) -> Iterator[Server]:
    with serving(packages) as started:
        yield started


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "part <1>.png")
    return tmp_path / "part <1>.png"


def verdict(browser: webdriver.Chrome) -> tuple[str, str]:
    """Once there is one."""

    def told() -> tuple[str, str] | None:
        head, note = (browser.find_element(By.ID, name).text for name in ("headline", "note"))
        return (head, note) if head not in ("", "…") else None

    found: tuple[str, str] = wait_until("a verdict", told, 20, pause=0.05)
    return found


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_a_picture_that_is_chosen_gets_its_verdict_and_its_overlay(
    browser: webdriver.Chrome, server: Server, packages: list[Path], picture: Path, size: tuple[int, int], scheme: str
) -> None:
    open_page(browser, server.address, size, scheme)
    browser.find_element(By.ID, "file").send_keys(str(picture))
    expected = load_detector(packages[0]).predict(np.asarray(Image.open(picture))[None])
    head, note = verdict(browser)
    assert head == ("Rejected" if expected.pred_label[0] else "Passed")
    assert f"{expected.pred_score[0]:.4g}" in note and "set.gear" in note
    for name in ("given", "seen"):
        shown = browser.find_element(By.ID, name)
        wait_until(name, lambda shown=shown: shown.get_property("naturalWidth") == 90, 10, pause=0.05)
    width, window = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= window == size[0]
    assert severe(browser) == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(name.startswith((server.address, "blob:", "data:")) for name in loaded), "nothing comes from elsewhere"


def test_a_picture_can_be_dropped_and_asked_of_another_category(
    browser: webdriver.Chrome, server: Server, picture: Path
) -> None:
    open_page(browser, server.address)
    content = base64.b64encode(picture.read_bytes()).decode()
    browser.execute_script(DROP, browser.find_element(By.ID, "drop"), content, picture.name)
    assert "set.gear" in verdict(browser)[1]
    Select(browser.find_element(By.ID, "category")).select_by_value("set.plate")
    wait_until("the other's", lambda: "set.plate" in browser.find_element(By.ID, "note").text, 20, pause=0.05)
    assert severe(browser) == []


def test_what_is_no_picture_is_told_and_the_page_goes_on(
    browser: webdriver.Chrome, server: Server, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    open_page(browser, server.address)
    browser.find_element(By.ID, "file").send_keys(str(tmp_path / "notes.txt"))
    assert verdict(browser) == ("No answer", "the image: not a readable png, jpg, bmp or tif image")
    assert not browser.find_element(By.ID, "seen").is_displayed()
    browser.find_element(By.ID, "file").send_keys(str(picture))
    wait_until("a verdict", lambda: "Score" in browser.find_element(By.ID, "note").text, 20, pause=0.05)
    assert browser.find_element(By.ID, "seen").is_displayed()
