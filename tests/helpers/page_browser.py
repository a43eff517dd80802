"""A real browser without a window, for pages that are opened from disk or from a server of the test."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from skip_report import reason

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
DESKTOP, PHONE = (1280, 900), (360, 780)


def start_browser(profile: Path) -> webdriver.Chrome:
    """Skips where there is none; the caller quits it."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip(reason("no chromium with chromedriver", "infra/browser.sh, as root on Debian"))
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


def open_page(
    browser: webdriver.Chrome, page: Path | str, size: tuple[int, int] = DESKTOP, scheme: str = "light"
) -> None:
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get("about:blank")  # so that a page opened twice is loaded twice
    browser.get_log("browser")
    browser.get(page if isinstance(page, str) else page.as_uri())


def click_still(browser: webdriver.Chrome, element: WebElement) -> None:
    """Once it stands still: rows that are scrolled to are laid out late, and may push it away under the pointer."""
    browser.execute_async_script(
        "const [element, done] = arguments;"
        "element.scrollIntoView({ block: 'center' });"
        "const top = () => element.getBoundingClientRect().top;"
        "const look = (before, still) => requestAnimationFrame(() =>"
        "  still === 3 ? done() : look(top(), top() === before ? still + 1 : 0));"
        "look(top(), 0);",
        element,
    )
    element.click()


def severe(browser: webdriver.Chrome) -> list[Any]:
    return [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def focused(browser: webdriver.Chrome) -> WebElement:
    return browser.switch_to.active_element
