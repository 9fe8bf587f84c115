"""The request as curl and Python, which work as they are copied, and the answer as JSON."""

import json
import subprocess
import sys

from tests.console.browser import Page
from tests.console.conftest import LARGE
from tests.console.test_search import answered
from tests.server.conftest import PATIENCE, Server


def run(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def requested(page: Page) -> tuple[str, str, str]:
    """Open the dialog and return its three texts."""
    page.click("#show-request")
    curl, python, answer = page.texts("#request pre")
    return curl, python, answer


def test_a_search(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=it's+%22+cell^2.5&limit=5&filter=structured%09is%09false&recall=0.97")
    curl, python, answer = requested(page)
    hits = answered(service, json.loads(curl.partition("--json '")[2][:-1].replace("'\\''", "'")))["hits"]
    assert [hit["id"] for hit in json.loads(run("bash", "-c", curl))["hits"]] == [hit["id"] for hit in hits]
    assert [line.split()[1] for line in run(sys.executable, "-c", python).splitlines()] == [hit["id"] for hit in hits]
    assert json.loads(answer)["hits"][0]["score"] == hits[0]["score"]
    assert "YOUR_API_KEY" not in curl + python
    assert not page.one("#request-note").is_displayed()


def test_large_integers(page: Page) -> None:
    page.open(f"?collection=numbers&like={LARGE}&filter=n%09at+most%09{LARGE}")
    curl, python, answer = requested(page)
    assert f'"id":{LARGE}' in curl
    assert f'"id": {LARGE - 1}' in answer
    assert json.loads(run("bash", "-c", curl))["hits"][0]["id"] == LARGE - 1
    assert run(sys.executable, "-c", python).split()[1] == str(LARGE - 1)


def test_a_document(page: Page) -> None:
    page.open(f"?collection=numbers&document={LARGE}")
    page.click("#document-view button:not(.plain)")
    curl, python, _ = page.texts("#request pre")
    assert json.loads(run("bash", "-c", curl))["id"] == LARGE
    assert str(LARGE) in run(sys.executable, "-c", python)


def test_copying(page: Page) -> None:
    page.open("?collection=papers&query=cell")
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    curl, *_ = requested(page)
    page.click("button[aria-label='Copy curl']")
    page.until(lambda: page.text("button[aria-label='Copy curl']") == "Copied")
    assert page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])") == curl
    page.js("navigator.clipboard.writeText = () => Promise.reject(new Error('not here'))")
    page.click("button[aria-label='Copy Python']")
    page.until(lambda: page.text("button[aria-label='Copy Python']") == "Copied")
    copied = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied.split() == page.texts("#request pre")[1].split()
