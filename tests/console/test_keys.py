"""API keys, and a service that cannot answer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from selenium.webdriver import Chrome

from seismic_server.access.keys import create_key, revoke_key
from tests.console.browser import Page
from tests.console.conftest import until_ready
from tests.server.conftest import PATIENCE, Server, start, wait_for


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def reader(keys_file: Path) -> str:
    """A key that may read `papers`."""
    return create_key(keys_file, "reader", "read-only", ["papers"])


@pytest.fixture(scope="module")
def locked(collections: Path, keys_file: Path, reader: str) -> Iterator[Server]:
    """A service that asks for keys."""
    server = start(collections, keys_file.parent / "log.jsonl", "--keys-file", str(keys_file))
    try:
        until_ready(server)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


@pytest.fixture
def page(driver: Chrome, locked: Server) -> Page:
    page = Page(driver, locked.url)
    page.size(1280)
    driver.get(f"{locked.url}/")
    page.js("sessionStorage.clear()")
    return page


def give(page: Page, key: str, where: str) -> None:
    """Type a key into the dialog."""
    page.type(key, "#key")
    page.one(f"input[value={where}]").click()
    page.click("button[value=use]")


def refused(page: Page) -> None:
    """Wait until the page asks for a key."""
    page.until(lambda: page.one("#key-dialog").is_displayed())


def test_a_key_is_asked_for_and_explained(page: Page, reader: str) -> None:
    page.driver.get(f"{page.url}/?collection=papers&query=cell")
    refused(page)
    page.until(lambda: page.text("#key-state") == "This service answers only with a key.")
    give(page, reader, "page")
    page.until(lambda: len(page.hits()) == 10)
    assert reader not in page.driver.current_url
    page.click("#open-key")
    page.until(
        lambda: page.text("#key-state").startswith("Your key “reader” may search and read, but change nothing, in")
    )
    assert page.text("#key-state").endswith("these collections: papers.")
    page.click("#key-dialog .close")
    page.click("#show-request")
    curl, python, _ = page.texts("#request pre")
    assert "YOUR_API_KEY" in curl
    assert "YOUR_API_KEY" in python
    assert reader not in curl + python
    assert page.one("#request-note").is_displayed()


def test_a_key_in_the_page_is_gone_after_a_reload(page: Page, reader: str) -> None:
    refused(page)
    give(page, reader, "page")
    page.until(lambda: page.texts(".card h2") == ["papers"])
    page.driver.refresh()
    refused(page)


def test_a_key_in_the_tab_survives_a_reload(page: Page, reader: str) -> None:
    refused(page)
    give(page, reader, "tab")
    page.until(lambda: page.texts(".card h2") == ["papers"])
    page.driver.refresh()
    page.until(lambda: page.texts(".card h2") == ["papers"])
    assert page.js("return [Object.keys(localStorage).length, document.cookie]") == [0, ""]
    page.click("#open-key")
    page.click("button[value=forget]")
    refused(page)
    assert page.js("return sessionStorage.length") == 0


def test_a_wrong_key_is_explained(page: Page) -> None:
    refused(page)
    give(page, "seismic_nonsense", "page")
    refused(page)
    page.until(lambda: page.text("#key-state").startswith("The service does not know this key"))


def test_an_expired_key_is_explained(page: Page, locked: Server, keys_file: Path) -> None:
    old, long = (
        create_key(keys_file, str(year), "read-only", expires=datetime(year, 1, 31, tzinfo=UTC))
        for year in (2020, 9999)
    )
    key = {"Api-Key": long}
    wait_for(lambda: httpx2.get(f"{locked.url}/v1/key", headers=key, timeout=PATIENCE).is_success)
    refused(page)
    give(page, old, "page")
    page.until(lambda: "key '2020' expired at 2020-01-31T00:00:00Z" in page.text("#key-state"))
    give(page, long, "page")
    page.until(lambda: len(page.texts(".card h2")) > 1)
    page.click("#open-key")
    page.until(lambda: page.text("#key-state").endswith("all collections, until 9999-01-31T00:00:00Z."))


def test_what_keys_permit(locked: Server, reader: str, keys_file: Path) -> None:
    def key(secret: str) -> dict[str, object]:
        found: dict[str, object] = httpx2.get(
            f"{locked.url}/v1/key", headers={"Api-Key": secret}, timeout=PATIENCE
        ).json()
        return found

    assert key(reader) == {"name": "reader", "role": "read-only", "collections": ["papers"]}
    assert key("seismic_nonsense")["status"] == 401
    admin = create_key(keys_file, "boss", "admin")
    assert key(reader)["name"] == "reader"
    page = key(admin)
    while page.get("status") == 401:  # keys are read again once a second
        page = key(admin)
    assert page == {"name": "boss", "role": "admin"}
    revoke_key(keys_file, "boss")


def test_without_keys_everybody_may_do_everything(service: Server) -> None:
    assert httpx2.get(f"{service.url}/v1/key", timeout=PATIENCE).json() == {"role": "admin"}


def test_a_service_that_restarts(driver: Chrome, collections: Path, tmp_path: Path) -> None:
    first = start(collections, tmp_path / "first.jsonl")
    until_ready(first)
    page = Page(driver, first.url)
    page.open("?collection=papers&query=cell")
    assert len(page.hits()) == 10
    first.process.terminate()
    first.process.wait(PATIENCE)
    page.type("protein")
    page.until(lambda: page.text("#problem-title") == "The service cannot be reached.")
    assert page.hits() == []
    second = start(collections, tmp_path / "second.jsonl", "--port", first.url.rpartition(":")[2])
    try:
        page.until(lambda: len(page.hits()) == 10)
        assert not page.one("#problem").is_displayed()
        assert page.one("#query").get_attribute("value") == "protein"
    finally:
        second.process.terminate()
        second.process.wait(PATIENCE)
