"""The report's pages in a real browser, opened from disk."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from page_browser import DESKTOP, PHONE, focused, open_page, severe
from report_files import FACTS, Made, compared, drawn, write_category
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from tocoad.evaluation.comparison_files import write_comparison
from tocoad.files.workspace import Category, Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.report.evidence import read_evidence
from tocoad.report.write import write_report

pytestmark = pytest.mark.e2e

# What a browser may open from disk but not show: a picture without pixels, a page wider than its window.
BROKEN = "return [...document.images].filter((i) => !(i.complete && i.naturalWidth > 0)).map((i) => i.alt)"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The summary of a data set with a full category, and one of which nothing is known."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    bolt, plain = Category("toys", "bolt"), Category("toys", "plain")
    write_category(workspace, bolt, "tocoad", Made())
    write_category(workspace, bolt, "patchcore", Made(gallery=False))
    beside = compared(read_evidence(workspace, bolt, "tocoad"))
    pictures = {one.image_path: drawn() for one in beside.changed}
    write_comparison(workspace.comparison_dir(bolt), beside, pictures)
    nothing: dict[str, float | None] = dict.fromkeys(METRIC_NAMES)
    made = Made(scores={}, metrics=nothing, curves=False, gallery=False, latency=False, losses=False, resamples=0)
    write_category(workspace, plain, "tocoad", replace(made, diagnostics=False))
    return write_report(workspace, "toys", [bolt, plain], {bolt: "tocoad", plain: "tocoad"}, FACTS)


@pytest.fixture
def bolt(index: Path) -> Path:
    return index.with_name("bolt.html")


def _screenshot(browser: webdriver.Chrome, file: Path) -> None:
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png"})
    file.write_bytes(base64.b64decode(shot["data"]))
    assert file.stat().st_size > 10_000


def _visible(browser: webdriver.Chrome) -> list[str]:
    names: list[str] = browser.execute_script(
        "const cards = [...document.querySelectorAll('#cards > li')];"
        "return cards.filter((card) => card.checkVisibility()).map((card) => card.dataset.name)"
    )
    return names


def _press(browser: webdriver.Chrome, text: str) -> None:
    browser.find_element(By.XPATH, f"//div[@class='choices']/button[contains(., '{text}')]").click()


@pytest.mark.parametrize("name", ["index.html", "bolt.html", "plain.html"])
@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_a_page_opens_from_disk_whole_and_fits_its_window(
    browser: webdriver.Chrome, index: Path, tmp_path: Path, name: str, size: tuple[int, int], scheme: str
) -> None:
    open_page(browser, index.with_name(name), size, scheme)
    for button in browser.find_elements(By.ID, "more"):
        button.click()
    for picture in browser.find_elements(By.CSS_SELECTOR, ".card img"):
        browser.execute_script("arguments[0].scrollIntoView()", picture)
    WebDriverWait(browser, 20).until(lambda b: b.execute_script(BROKEN) == [])
    width, window = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= window == size[0]
    requested = browser.execute_script("return performance.getEntriesByType('resource').map((r) => r.name)")
    assert [address for address in requested if not address.startswith("data:")] == []
    assert severe(browser) == []
    _screenshot(browser, tmp_path / f"{Path(name).stem}-{size[0]}-{scheme}.png")


def test_on_a_phone_what_changed_is_read_without_scrolling_sideways(browser: webdriver.Chrome, bolt: Path) -> None:
    open_page(browser, bolt, PHONE)
    wide = "return [...document.querySelectorAll('#champion *')].filter((e) => e.scrollWidth > e.clientWidth + 1"
    assert (
        browser.execute_script(f"{wide} && getComputedStyle(e).overflowX !== 'visible').map((e) => e.outerHTML)") == []
    )
    pictures = browser.find_elements(By.CSS_SELECTOR, "#champion .panel")
    assert len(pictures) == 8 and min(picture.size["width"] for picture in pictures) >= 120


def test_dark_mode_changes_the_ground_and_the_charts(browser: webdriver.Chrome, bolt: Path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        open_page(browser, bolt, scheme=scheme)
        seen[scheme] = browser.execute_script(
            "const line = document.querySelector('svg.chart [style*=\"var(--accent)\"]');"
            "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(line).stroke]"
        )
    assert seen["light"] == ["rgb(245, 246, 248)", "rgb(33, 85, 184)"]
    assert seen["dark"] == ["rgb(17, 21, 26)", "rgb(138, 180, 248)"]


def test_filters_leave_exactly_the_images_that_fit(browser: webdriver.Chrome, bolt: Path) -> None:
    open_page(browser, bolt)
    status = browser.find_element(By.ID, "count")
    kinds = Select(browser.find_element(By.ID, "type"))
    assert len(_visible(browser)) == 12 and status.text == "Showing 12 of 30"
    _press(browser, "miss")
    assert _visible(browser) == ["test/crack/000.png"] and status.text == "Showing 1 of 1 that fit"
    _press(browser, "caught")
    assert _visible(browser) == [
        "test/crack/001.png",
        "test/crack/002.png",
        "test/crack/003.png",
        "test/dent/000.png",
        "test/dent/001.png",
    ]
    kinds.select_by_value("dent")
    assert _visible(browser) == ["test/dent/000.png", "test/dent/001.png"]
    _press(browser, "passed")
    assert _visible(browser) == [] and browser.find_element(By.ID, "none").is_displayed()
    browser.find_element(By.ID, "reset").click()
    assert len(_visible(browser)) == 12 and not browser.find_element(By.ID, "none").is_displayed()
    browser.find_element(By.ID, "more").click()
    assert len(_visible(browser)) == 30 and not browser.find_element(By.ID, "more").is_displayed()


def test_the_order_is_the_readers_choice(browser: webdriver.Chrome, bolt: Path) -> None:
    open_page(browser, bolt)
    order = Select(browser.find_element(By.ID, "order"))
    assert _visible(browser)[:2] == ["test/crack/000.png", "test/good/023.png"]
    order.select_by_value("high")
    assert _visible(browser)[:3] == ["test/dent/001.png", "test/dent/000.png", "test/crack/003.png"]
    order.select_by_value("low")
    assert _visible(browser)[:2] == ["test/good/000.png", "test/good/001.png"]
    order.select_by_value("name")
    assert _visible(browser) == sorted(_visible(browser)) and _visible(browser)[0] == "test/crack/000.png"
    order.select_by_value("worst")
    assert _visible(browser)[:2] == ["test/crack/000.png", "test/good/023.png"]


def test_the_text_leads_to_the_pictures_it_speaks_of(browser: webdriver.Chrome, bolt: Path) -> None:
    open_page(browser, bolt)
    browser.find_element(By.CSS_SELECTOR, "#rejects a[data-outcome]").click()
    assert _visible(browser) == ["test/good/023.png"]
    assert browser.current_url.endswith("#gallery")


def test_the_keyboard_reaches_enlarges_leafs_and_closes(browser: webdriver.Chrome, bolt: Path) -> None:
    open_page(browser, bolt)
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if "enlarge" in (focused(browser).get_attribute("class") or ""):
            break
    assert "test/crack/000.png: miss" in (focused(browser).get_attribute("aria-label") or "")
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    focused(browser).send_keys(Keys.ENTER)
    viewer, name = browser.find_element(By.ID, "viewer"), browser.find_element(By.ID, "viewer-name")
    assert viewer.is_displayed() and name.text == "test/crack/000.png"
    assert len(viewer.find_elements(By.TAG_NAME, "img")) == 4
    WebDriverWait(browser, 20).until(
        lambda b: b.execute_script(
            "return [...arguments[0].querySelectorAll('img')].every((i) => i.naturalWidth)", viewer
        )
    )
    focused(browser).send_keys(Keys.ARROW_RIGHT)
    assert name.text == "test/good/023.png"
    for _ in range(40):  # past the end, and past what the page shows at first
        focused(browser).send_keys(Keys.ARROW_RIGHT)
    last = name.text
    assert browser.find_element(By.ID, "viewer-place").text == "30 of 30"
    focused(browser).send_keys(Keys.ESCAPE)
    assert not viewer.is_displayed()
    assert last in (focused(browser).get_attribute("aria-label") or "")
    focused(browser).send_keys(Keys.ENTER)
    focused(browser).send_keys(Keys.ARROW_LEFT)
    assert browser.find_element(By.ID, "viewer-place").text == "29 of 30"
    browser.find_element(By.ID, "close").click()
    assert not viewer.is_displayed()


def test_summary_and_page_lead_to_each_other(browser: webdriver.Chrome, index: Path) -> None:
    open_page(browser, index)
    browser.find_element(By.LINK_TEXT, "bolt").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "toys / bolt"
    browser.find_element(By.LINK_TEXT, "All categories of toys").click()
    assert browser.current_url == index.as_uri()
    assert severe(browser) == []


def test_without_scripts_all_pictures_are_there(browser: webdriver.Chrome, bolt: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, bolt)
        cards = browser.find_elements(By.CSS_SELECTOR, "#cards > li")
        assert len(cards) == 30 and all(card.is_displayed() for card in cards)
        assert not browser.find_element(By.CLASS_NAME, "controls").is_displayed()
        changed = browser.find_elements(By.CSS_SELECTOR, "#champion .card")
        assert len(changed) == 2 and all(card.is_displayed() for card in changed)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
