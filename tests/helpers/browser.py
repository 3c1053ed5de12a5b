"""A headless browser for tests, and pictures of pages.

`python -m tests.helpers.browser PAGE PICTURE` writes a picture of a page of `wee explore`, with a point chosen.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
except ImportError:  # the tests are skipped, and say why
    webdriver = None  # type: ignore[assignment]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""The names of programs that are browsers which chromedriver can drive."""

DRIVER = "chromedriver"


def missing_browser() -> str:
    """Return what is missing for tests in a browser; empty if nothing is."""
    lacking = [] if webdriver is not None else ["the Python package selenium"]
    lacking += [] if any(map(shutil.which, BROWSERS)) else [f"the program {BROWSERS[0]}"]
    lacking += [] if shutil.which(DRIVER) else [f"the program {DRIVER}"]
    return " and ".join(lacking)


class Page:
    """A page in a headless Chromium that is cut off from any network.

    Args:
        downloads: the folder in which saved files are put.
    """

    def __init__(self, downloads: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
        for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"):
            options.add_argument(f"--{flag}")
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which(DRIVER)))
        self.downloads = downloads
        self.driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)

    def open(self, file: Path, width: int = 1280, height: int = 900, fragment: str = "") -> None:
        """Open a page of the explorer, and wait until it is drawn."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get("about:blank")  # another fragment alone would not load the page again
        self.driver.get(f"{file.resolve().as_uri()}{fragment}")
        self.wait(lambda: self.run("return document.documentElement.dataset.drawn"))

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page, and return its result."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """Return the visible text of the first element that a selector matches."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def hidden(self, selector: str) -> bool:
        """Return whether an element is not shown."""
        return bool(self.run("return document.querySelector(arguments[0]).getClientRects().length === 0", selector))

    def choose(self, identifier: str, value: str) -> None:
        """Choose an option of a list, as a user would."""
        from selenium.webdriver.support.ui import Select

        Select(self.driver.find_element("id", identifier)).select_by_value(value)

    def press(self, selector: str) -> None:
        """Click an element."""
        element = self.driver.find_element("css selector", selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def point(self, place: int, click: bool = False) -> None:
        """Move the pointer to a point of the chart, and click it."""
        self.run("document.getElementById('chart').scrollIntoView({block: 'center'})")
        x, y = self.run(
            "const [x, y] = chart.position(chart.points[arguments[0]]), box = drawing.getBoundingClientRect();"
            "return [box.left + x, box.top + y]",
            place,
        )
        action = ActionBuilder(self.driver)
        action.pointer_action.move_to_location(round(x), round(y))
        if click:
            action.pointer_action.click()
        action.perform()

    def saved(self, name: str) -> Path:
        """Wait for a file that the page saves, and return it."""
        file = self.downloads / name
        self.wait(lambda: file.is_file() and not list(self.downloads.glob("*.crdownload")))
        return file

    def wait(self, condition: Callable[[], Any]) -> None:
        """Wait until a condition holds.

        Raises:
            TimeoutError: it does not hold for 20 seconds.
        """
        end = time.monotonic() + 20
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"still waiting; the browser says {self.driver.get_log('browser')}")
            time.sleep(0.02)

    def requests(self) -> list[str]:
        """Return the addresses that the browser has asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Return the errors and warnings that the browser has reported since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def picture(self, file: Path) -> None:
        """Write what is visible as a PNG file."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()


def main() -> None:
    """Write the picture of a page: the window cascade in the middle of its points is chosen."""
    page_file, picture = map(Path, sys.argv[1:])
    page = Page(picture.parent.resolve())
    try:
        page.open(page_file, 1400, 860)
        page.run(
            "const places = [...chart.points.keys()].filter((place) => table.at('width', chart.points[place].row) === 0.2);"
            "choose(places[Math.floor(places.length / 2)]);"
        )
        time.sleep(0.5)  # until the drawing has its new size
        page.picture(picture)
    finally:
        page.close()


if __name__ == "__main__":
    main()
