"""The pictures of the guides, taken of the real pages by a browser: `python -m infra.docs pictures`."""

from __future__ import annotations

import io
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from infra.docs.exhibition import CATEGORY, Exhibition, exhibition

_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
_QUALITY = 80


@dataclass(frozen=True)
class _Shot:
    """A page, the text that has to stand on it, and what of it is shown: a window of this size, from an element on,
    after a button was pressed.
    """

    name: str
    address: str
    text: str
    size: tuple[int, int]
    element: str | None = None
    button: str | None = None


def take_pictures(root: Path) -> None:
    """Writes those of docs/images that show a page."""
    with (
        TemporaryDirectory(prefix="tocoad-pictures-") as folder,
        exhibition(root, Path(folder)) as shown,
        _browser(Path(folder) / "profile") as browser,
    ):
        for shot in _shots(shown):
            picture = Image.open(io.BytesIO(_taken(browser, shot))).convert("RGB")
            file = root / "docs/images" / f"{shot.name}.webp"
            picture.save(file, quality=_QUALITY, method=6)
            print(f"{file}: {file.stat().st_size // 1000} kB")


def _shots(shown: Exhibition) -> Iterator[_Shot]:
    work = shown.workspace / "work/sample"
    page, review = (work / "report" / f"{CATEGORY}.html").as_uri(), (work / "review" / f"{CATEGORY}.html").as_uri()
    yield _Shot("report", page, CATEGORY, (1100, 1000), element="#gallery", button="caught")
    yield _Shot("verdict", page, CATEGORY, (1100, 640), element="#ship")
    yield _Shot("comparison", page, CATEGORY, (1100, 980), element="#champion")
    yield _Shot("review", review, CATEGORY, (1000, 980))
    yield _Shot("approval", shown.waiting_run(), "Resume", (1200, 900))
    yield _Shot("registry", f"{shown.mlflow}/#/models/sample.{CATEGORY}", "champion", (1700, 760))


def _taken(browser: webdriver.Chrome, shot: _Shot) -> bytes:
    metrics = {"width": shot.size[0], "height": shot.size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(shot.address)
    WebDriverWait(browser, 60).until(lambda b: shot.text in b.execute_script("return document.body.innerText"))
    if shot.button:
        browser.find_element(By.XPATH, f"//button[contains(., '{shot.button}')]").click()
    if shot.element:
        browser.execute_script("document.querySelector(arguments[0]).scrollIntoView()", shot.element)
    time.sleep(2)  # what fades in has done so
    return browser.get_screenshot_as_png()


@contextmanager
def _browser(profile: Path) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        sys.exit("pictures: no chromium with chromedriver; infra/browser.sh installs them, as root on Debian")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield browser
    finally:
        browser.quit()
