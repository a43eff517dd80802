"""The documentation site: it builds without a warning, and a browser shows it without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from page_browser import DESKTOP, PHONE, open_page, severe
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.helpers.project import PROJECT

pytestmark = pytest.mark.e2e

_ELSEWHERE = re.compile(r"\s*(https?:)?//")
_OF_STYLES = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^)'\"\s]+)")


class _Loads(HTMLParser):
    """What a page asks for by itself; where a link leads when somebody follows it is another thing."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        wanted = ("src", "srcset", "data", "poster") + (("href",) if tag in ("link", "use", "image") else ())
        self.addresses += [value for name, value in attributes if name in wanted and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "docs"
    command = [sys.executable, "-m", "infra.docs", "build", "--out", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_every_page_of_the_repository_is_on_the_site(site: Path) -> None:
    pages = [page.relative_to(PROJECT / "docs").with_suffix(".html") for page in (PROJECT / "docs").rglob("*.md")]
    assert pages and [page for page in pages if not (site / page).is_file()] == []
    home = (site / "index.html").read_text()
    assert all(place in home for place in ("guide/start.html", "reference/settings.html", "methods/tocoad.html"))


def test_no_file_of_the_site_asks_a_network(site: Path) -> None:
    asked = {}
    for page in site.rglob("*.html"):
        loads = _Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        asked[page] = [address for address in loads.addresses if _ELSEWHERE.match(address)]
    for sheet in site.rglob("*.css"):
        asked[sheet] = _OF_STYLES.findall(sheet.read_text(encoding="utf-8"))
    assert len(asked) > 50 and {file.name: found for file, found in asked.items() if found} == {}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_page_with_a_picture_and_a_chart_opens_from_disk_whole(
    browser: webdriver.Chrome, site: Path, size: tuple[int, int]
) -> None:
    for name in ("guide/promotion.html", "explanation/architecture.html"):
        open_page(browser, site / name, size)
        script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        assert [
            address for address in browser.execute_script(script) if not address.startswith(("file:", "data:"))
        ] == []
        pictures = "return [...document.images].filter((i) => !(i.complete && i.naturalWidth > 0)).map((i) => i.src)"
        WebDriverWait(browser, 20).until(lambda b, script=pictures: b.execute_script(script) == [])
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert severe(browser) == []
    assert len(browser.find_elements(By.CSS_SELECTOR, "svg.flowchart")) == 3


def test_a_word_is_found_without_a_server(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "index.html")
    browser.get((site / "search.html").as_uri() + "?q=node_cache_gb")
    found = "return [...document.querySelectorAll('.search a')].map((link) => link.href)"
    WebDriverWait(browser, 20).until(
        lambda b: any("reference/settings.html" in link for link in b.execute_script(found))
    )
