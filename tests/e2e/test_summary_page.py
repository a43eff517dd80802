"""The summary of many categories in a real browser, opened from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from page_browser import DESKTOP, PHONE, click_still, focused, open_page, severe
from report_files import FACTS, Made, write_category
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tocoad.files.workspace import Category, Workspace
from tocoad.metrics.names import METRIC_NAMES
from tocoad.report.evidence import read_evidence
from tocoad.report.row import SummaryRow
from tocoad.report.summary import summary_page

pytestmark = pytest.mark.e2e

FINE = Made(scores={"good": [5.0] * 20, "crack": [15.0] * 20}, gallery=False, curves=False, losses=False)
WEAK = replace(FINE, scores={"good": [5.0] * 15 + [11.0] * 5, "dent": [15.0] * 12 + [9.0] * 8})
BLIND = replace(FINE, scores={"good": [5.0] * 20}, metrics=dict.fromkeys(METRIC_NAMES))
PROMOTED = {"verdict": "promoted", "reasons": [], "version": 1}
SIZE, MANY = 200, 1000


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two hundred categories: 198 are fine, and gear_0007 has a little less AUROC than the others."""
    return _summary(tmp_path_factory.mktemp("workspace"), SIZE)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _summary(tmp_path_factory.mktemp("workspace"), MANY)


def _summary(root: Path, size: int) -> Path:
    workspace, rows = Workspace(root), []
    for name, made in (("fine", FINE), ("weak", WEAK), ("blind", BLIND)):
        category = Category("toys", name)
        write_category(workspace, category, "tocoad", made)
        evidence = read_evidence(workspace, category, "tocoad")
        verdict = {**PROMOTED, "verdict": "kept", "reasons": ["worse"]} if name == "weak" else PROMOTED
        rows.append(SummaryRow.of(evidence, verdict))
    fine, weak, blind = rows
    for number in range(size - 2):
        line = replace(fine.line, metrics=dict.fromkeys(METRIC_NAMES, 0.8 if number == 7 else 0.9))
        rows.append(replace(fine, category=Category("toys", f"gear_{number:04d}"), line=line))
    page = root / "index.html"
    pages = {f"{row.category.name}.html" for row in rows}
    page.write_text(summary_page("toys", [weak, blind, *rows[3:]], pages, FACTS), encoding="utf-8")
    return page


def _shown(browser: webdriver.Chrome) -> list[str]:
    """The names in the list; the table shows the same."""
    names: list[list[str]] = browser.execute_script(
        "const shown = (found) => [...document.querySelectorAll(found)].filter((e) => e.checkVisibility());"
        "const names = (found) => shown(found).map((e) => e.textContent);"
        "return [names('#rows h3'), names('#figures tbody tr:not(.control) th')]"
    )
    assert names[0] == names[1]
    return names[0]


def _count(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.ID, "count").text


def _sort(browser: webdriver.Chrome, column: str) -> str | None:
    head = browser.find_element(By.XPATH, f"//table[@id='figures']//th[contains(., '{column}')]")
    click_still(browser, head.find_element(By.TAG_NAME, "button"))
    return head.get_attribute("aria-sort")


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")])
def test_a_thousand_categories_open_at_once_and_show_who_needs_a_person(
    browser: webdriver.Chrome, thousand: Path, size: tuple[int, int], scheme: str
) -> None:
    open_page(browser, thousand, size, scheme)
    assert _shown(browser)[:3] == ["weak", "blind", "gear_0000"] and len(_shown(browser)) == 50
    assert _count(browser) == "Showing 50 of 1000"
    width, window = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= window == size[0]
    loaded = browser.execute_script("return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert loaded < 10_000  # milliseconds, beside the rest of the suite; alone it is less than one
    assert severe(browser) == []


def test_words_find_categories_by_name_method_and_defect_type(browser: webdriver.Chrome, summary: Path) -> None:
    open_page(browser, summary)
    find = browser.find_element(By.ID, "find")
    find.send_keys("gear_01 TOCOAD")
    assert _count(browser) == "Showing 50 of 98 that fit"
    find.clear()
    find.send_keys("dent")
    assert _shown(browser) == ["weak"] and _count(browser) == "Showing 1 of 1 that fit"
    find.send_keys("xyz")
    assert _shown(browser) == [] and browser.find_element(By.ID, "none").is_displayed()
    browser.find_element(By.ID, "reset").click()
    assert _count(browser) == "Showing 50 of 200" and focused(browser) == find


def test_filters_leave_what_needs_a_look_and_what_the_gate_said(browser: webdriver.Chrome, summary: Path) -> None:
    open_page(browser, summary)
    browser.find_element(By.CSS_SELECTOR, "[data-state='look']").click()
    assert _shown(browser) == ["blind"]
    Select(browser.find_element(By.ID, "gate")).select_by_value("kept")
    assert _shown(browser) == []
    browser.find_element(By.CSS_SELECTOR, "[data-state='']").click()
    assert _shown(browser) == ["weak"]


def test_every_column_orders_list_and_table_and_what_is_not_known_comes_last(
    browser: webdriver.Chrome, summary: Path
) -> None:
    open_page(browser, summary)
    assert _sort(browser, "AUROC") == "ascending"
    assert _shown(browser)[:2] == ["gear_0007", "weak"] and not browser.find_element(By.ID, "urgent").is_displayed()
    assert _sort(browser, "AUROC") == "descending"
    for more in browser.find_elements(By.CLASS_NAME, "show-all")[:1]:
        more.click()
    assert _shown(browser)[-2:] == ["gear_0007", "blind"]
    assert _sort(browser, "rejects") == "descending" and _shown(browser)[0] == "weak"
    order = Select(browser.find_element(By.ID, "order"))
    assert order.first_selected_option.text == "False rejects"
    order.select_by_visible_text("Category")
    assert _shown(browser)[:2] == ["blind", "gear_0000"] and _shown(browser)[-1] == "weak"
    assert len(browser.find_elements(By.CSS_SELECTOR, "[aria-sort]")) == 1
    order.select_by_value("-1")
    assert _shown(browser)[:2] == ["weak", "blind"]


def test_the_keyboard_alone_searches_sorts_and_reaches_what_was_hidden(
    browser: webdriver.Chrome, summary: Path
) -> None:
    open_page(browser, summary)
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB, Keys.TAB)
    assert focused(browser).get_attribute("id") == "find"
    browser.find_elements(By.CLASS_NAME, "sort")[0].send_keys(Keys.ENTER)
    assert focused(browser).get_attribute("class") == "sort" and _shown(browser)[0] == "blind"
    more = browser.find_elements(By.CLASS_NAME, "show-all")[0]
    more.send_keys(Keys.ENTER)
    assert focused(browser).text == "gear_0049" and _count(browser) == "Showing 200 of 200"
    assert not more.is_displayed()
    browser.find_element(By.ID, "find").send_keys("gear")
    assert _count(browser) == "Showing 50 of 198 that fit"


def test_without_scripts_it_is_a_plain_list_and_a_plain_table_of_all(browser: webdriver.Chrome, summary: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, summary)
        # What the page's own scripts may not, the driver's may.
        assert len(_shown(browser)) == SIZE
        assert not browser.find_element(By.ID, "controls").is_displayed()
        assert browser.find_elements(By.CLASS_NAME, "sort") == []
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
