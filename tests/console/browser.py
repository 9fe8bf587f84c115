"""Drive the console in headless Chromium, as a person with a mouse and a keyboard does."""

import shutil
from collections.abc import Callable
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from tests.server.conftest import PATIENCE, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000")


def chromium() -> webdriver.Chrome:
    """Start Chromium. The caller ends it with `quit`."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    driver.set_script_timeout(PATIENCE)
    return driver


class Page:
    """The console of a service."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, address: str = "", path: str = "/") -> None:
        """Open an address afresh, and wait until it is shown."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(f"{self.url}{path}{address}")
        self.settle()

    def size(self, width: int, dark: bool = False, height: int = 1000) -> None:
        """Set the width of the page in pixels, and its colours."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def settle(self) -> None:
        """Wait until the page waits for nothing. A query that is being typed counts as waiting."""
        self.driver.execute_async_script("setTimeout(arguments[0], 250)")
        wait_for(lambda: self.js("return document.readyState === 'complete' && main.ariaBusy === 'false'"))

    def until(self, look: Callable[[], Any]) -> Any:
        """Return the result of `look` once it is true; elements may be replaced meanwhile."""

        def patient() -> Any:
            try:
                return look()
            except StaleElementReferenceException:
                return None

        return wait_for(patient)

    def js(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> WebElement:
        """Return the first element that a selector matches."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Return all elements that a selector matches."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the text of all elements that a selector matches."""
        found: list[str] = self.js(
            "return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)", selector
        )
        return found

    def text(self, selector: str) -> str:
        """Return the visible text of an element."""
        return self.one(selector).text

    def type(self, text: str, selector: str = "#query") -> None:
        """Replace the text of a field, key by key."""
        field = self.one(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def search(self, text: str) -> list[WebElement]:
        """Type a query, press Enter and return the hits."""
        self.type(text)
        self.press(Keys.ENTER)
        return self.hits()

    def press(self, *keys: str) -> None:
        """Press keys where the focus is, and wait for what they do."""
        self.driver.switch_to.active_element.send_keys(*keys)
        self.settle()

    def click(self, selector: str) -> None:
        """Click on an element, and wait for what it does."""
        self.one(selector).click()
        self.settle()

    def choose(self, selector: str, text: str) -> None:
        """Choose an option of a list, and wait for what it does."""
        Select(self.one(selector)).select_by_visible_text(text)
        self.settle()

    def hits(self) -> list[WebElement]:
        """Return the hits that are shown."""
        return self.all("#hits > li")

    def titles(self) -> list[str]:
        """Return the titles of the hits."""
        return self.texts("#hits h3 a")

    def focused(self) -> str:
        """Return the id, label or text of the element with the focus."""
        found: str = self.js(
            "const at = document.activeElement;"
            "return at.id || at.ariaLabel || at.dataset.key || at.textContent.trim().slice(0, 60)"
        )
        return found

    def complaints(self) -> list[str]:
        """Return what the browser logged: errors, and violations of the security policy. Failed requests are no errors
        of the page."""
        lines = self.driver.get_log("browser")
        return [line["message"] for line in lines if "Failed to load resource" not in line["message"]]
