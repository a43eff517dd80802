"""The review page in a real browser, opened from disk: what it downloads, `tocoad feedback` takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from page_browser import DESKTOP, PHONE, focused, open_page, severe
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tocoad.data.listing import list_images
from tocoad.feedback.page import Champion, review_page
from tocoad.feedback.reviewing import Doubt, ReviewImage
from tocoad.feedback.verdicts import read_verdicts
from tocoad.files.workspace import Category
from tocoad.pictures.heatmap import webp

pytestmark = pytest.mark.e2e

MANY, SIZE = 200, 96


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two hundred images, with the scores of a champion, the first ones rejected; names of all kinds."""
    folder, images = tmp_path_factory.mktemp("review"), []
    for number in range(MANY):
        picture = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        file = folder / f'line 2/part, no. {number:03d} "x" <b>&amp;.png'
        doubt = Doubt(file, f"{number:064x}", str(number), 3.0 - number / 100, number < 100)
        images.append(ReviewImage(doubt, (SIZE, SIZE), webp(picture), webp(255 - picture)))
    names = [image.doubt.file.name for image in images]
    text = review_page(
        Category("tiny", "gear"),
        images,
        names,
        Champion("tocoad", 2.0),
        ["chip", "crack"],
        {},
        ["3 left out."],
        "today",
    )
    (folder / "gear.html").write_text(text, encoding="utf-8")
    return folder / "gear.html"


@pytest.fixture
def opened(browser: webdriver.Chrome, page: Path, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    open_page(browser, page)
    browser.execute_script("localStorage.clear()")
    open_page(browser, page)
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    yield browser
    browser.execute_script("localStorage.clear()")


def said(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.ID, "told").text


def press(browser: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        focused(browser).send_keys(key)


def name(browser: webdriver.Chrome) -> str:
    """Of the image that has the keys."""
    found: str = browser.execute_script("return document.activeElement.closest('.card')?.dataset.name ?? ''")
    return found


def downloaded(browser: webdriver.Chrome, folder: Path) -> Path:
    browser.find_element(By.ID, "download").click()
    deadline = time.monotonic() + 20
    while not (found := list(folder.glob("*.csv"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found[0]


def test_by_keyboard_verdicts_are_chosen_and_the_file_is_what_the_command_reads(
    opened: webdriver.Chrome, tmp_path: Path, page: Path
) -> None:
    opened.find_element(By.ID, "start").click()
    assert "no. 000" in name(opened)
    press(opened, "f", "m", "Chip", Keys.ENTER, "u", "j", "f", "k", "k", "k", "x")
    assert said(opened) == "3 of 200 judged: 2 false rejects, 1 missed defect"
    opened.find_element(By.ID, "download").click()
    assert focused(opened).get_attribute("id") == "who" and "Who looked?" in said(opened)
    press(opened, 'Ann "A", Lee')
    rows, problems = read_verdicts(downloaded(opened, tmp_path))
    assert problems == []
    assert [(row.verdict, row.defect_type, row.who) for row in rows] == [
        ("false reject", None, 'Ann "A", Lee'),
        ("missed defect", "Chip", 'Ann "A", Lee'),
        ("false reject", None, 'Ann "A", Lee'),
    ]
    assert [row.image for row in rows] == [
        page.parent / f'line 2/part, no. {number:03d} "x" <b>&amp;.png' for number in (0, 1, 4)
    ]
    assert [row.sha256 for row in rows] == [f"{number:064x}" for number in (0, 1, 4)]
    assert all(row.when and row.when.endswith("+00:00") for row in rows)
    assert severe(opened) == []


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")])
def test_two_hundred_images_open_at_once_and_fit(
    opened: webdriver.Chrome, page: Path, size: tuple[int, int], scheme: str
) -> None:
    open_page(opened, page, size, scheme)
    assert len(opened.find_elements(By.CSS_SELECTOR, "#cards > li")) == MANY
    width, window = opened.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= window == size[0]
    loaded = opened.execute_script("return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert loaded < 10_000  # milliseconds, beside the rest of the suite; alone it is less than one
    chip = opened.find_element(By.CSS_SELECTOR, ".chip")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", chip)
    assert chip.size["height"] >= 40 and chip.size["width"] >= 60  # for a finger
    chip.click()
    assert said(opened) == "1 of 200 judged: 1 false reject"
    bar = opened.find_element(By.ID, "bar").rect
    assert bar["x"] >= 0 and bar["width"] <= size[0]
    assert severe(opened) == []


def test_a_verdict_is_kept_when_the_page_is_closed_and_only_for_these_images(
    opened: webdriver.Chrome, page: Path
) -> None:
    opened.find_element(By.ID, "who").send_keys("Ann")
    opened.find_element(By.ID, "start").click()
    press(opened, "m", "dent", Keys.ENTER, "f")
    open_page(opened, page)
    assert said(opened) == "2 of 200 judged: 1 false reject, 1 missed defect"
    assert opened.find_element(By.ID, "who").get_attribute("value") == "Ann"
    opened.find_element(By.ID, "start").click()
    assert "no. 002" in name(opened)
    opened.find_element(By.CSS_SELECTOR, "[data-choose=open]").click()
    assert len([c for c in opened.find_elements(By.CSS_SELECTOR, "#cards > li") if c.is_displayed()]) == MANY - 2


def test_the_enlarged_image_takes_the_same_keys_and_a_letter_in_a_field_is_a_letter(opened: webdriver.Chrome) -> None:
    opened.find_element(By.ID, "who").send_keys("fum")
    opened.find_element(By.ID, "start").click()
    press(opened, " ")
    viewer = opened.find_element(By.ID, "viewer")
    assert viewer.is_displayed() and opened.find_element(By.ID, "viewer-place").text == "1 of 200"
    press(opened, "f", "m", "muff", Keys.ENTER, Keys.ARROW_RIGHT, "u")
    assert opened.find_element(By.ID, "viewer-place").text == "5 of 200"
    assert said_in(opened) == "3 of 200 judged: 1 false reject, 1 missed defect, 1 unclear"
    press(opened, Keys.ESCAPE)
    assert not viewer.is_displayed() and "no. 004" in name(opened)
    # The choices are where they were.
    assert len(opened.find_elements(By.CSS_SELECTOR, ".card > .say")) == MANY


def said_in(browser: webdriver.Chrome) -> str:
    """Also of what lies behind the enlarged image."""
    text: str = browser.execute_script("return document.getElementById('told').textContent")
    return text


def test_a_type_that_is_no_name_is_asked_for_again(opened: webdriver.Chrome, tmp_path: Path) -> None:
    opened.find_element(By.ID, "who").send_keys("Ann")
    opened.find_element(By.ID, "start").click()
    press(opened, "m", "../dent")
    opened.find_element(By.ID, "download").click()
    assert "A defect type has letters" in said(opened) and focused(opened).get_attribute("value") == "../dent"
    assert list(tmp_path.glob("*.csv")) == []


def test_without_scripts_the_images_are_there_and_a_word_on_what_is_missing(
    opened: webdriver.Chrome, page: Path
) -> None:
    opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(opened, page)
        assert opened.find_element(By.CLASS_NAME, "unscripted").is_displayed()
        assert not opened.find_element(By.CLASS_NAME, "chip").is_displayed()
        assert opened.find_element(By.CSS_SELECTOR, "#cards img").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_from_the_page_to_the_data_set(shop: Any, browser: webdriver.Chrome, tmp_path: Path) -> None:
    line = tmp_path / "line"
    line.mkdir()
    for number, file in enumerate(list_images(shop.root / "data/tiny/gear/test/good").images[:2]):
        picture = cv2.imread(str(file))
        picture[8:12, 8:12] = 255 - picture[8:12, 8:12]
        cv2.imwrite(str(line / f"{number}.png"), picture)
    elsewhere = shop.gear_alone(tmp_path / "workspace")
    made = elsewhere.run("tocoad", "feedback", "tiny", "--review", "--images", str(line), "--category", "gear")
    assert made.returncode == 0, made.stderr
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    open_page(browser, Path(made.stdout.strip()))
    assert "There is no champion yet" in browser.find_element(By.CLASS_NAME, "facts").text
    browser.find_element(By.ID, "who").send_keys("Ann")
    browser.find_element(By.ID, "start").click()
    press(browser, "f", "m", "chip", Keys.ENTER)
    file = downloaded(browser, tmp_path)
    taken = elsewhere.run("tocoad", "feedback", "tiny", "gear", str(file))
    assert taken.returncode == 0, taken.stderr
    assert "1 false reject to the training images; 1 missed defect to the test images" in taken.stdout
    assert len(list((elsewhere.root / "data/tiny/gear/test/chip").iterdir())) == 1
