"""The page of an index, and the first page."""

import json

import httpx

from tests.console.browser import Page
from tests.console.test_search import answered
from tests.server.conftest import PATIENCE, Server


def test_what_the_index_holds(page: Page, service: Server) -> None:
    page.open("?collection=papers&view=index")
    stored = httpx.get(f"{service.url}/v1/collections/papers/storage", timeout=PATIENCE).json()
    tiles = dict(zip(page.texts(".tiles dt"), page.texts(".tiles dd"), strict=True))
    assert (tiles["Documents"], tiles["Dimension"], tiles["Layout"]) == ("1,000", "30,522", "shared")
    assert tiles["Size on disk"] == f"{stored['bytes'] / 1e6:.1f} MB"
    assert stored["shards"] == [{"documents": 1000, "blocks": 125, "bytes": stored["shards"][0]["bytes"]}]
    assert page.texts(".rows tbody tr:first-child td")[:3] == ["1", "1,000", "125"]
    assert "Search for something" in page.text("#index-view")


def test_what_pruning_skips(page: Page, service: Server) -> None:
    address = "?collection=papers&query=cell&limit=1&filter=structured%09is%09true&view=index"
    page.open(address)
    body = {
        "query": {"tokens": {"cell": 1.0}},
        "limit": 1,
        "explain": True,
        "filter": {"must": [{"key": "structured", "match": {"value": True}}]},
    }
    explanation = answered(service, body)["explanation"]
    assert explanation["shards"][0]["method"] == "bounds"
    read = explanation["stats"]["blocks_visited"]
    assert f"Of 125 blocks, the search read {read} and skipped {125 - read}" in page.text("#index-view")
    assert len(page.all(".picture i")) == 125
    assert len(page.all(".picture .read")) == read
    assert f"{explanation['best_skipped']:.3f} at most" in page.text("#index-view")
    label = page.one(".picture").get_attribute("aria-label")
    assert label
    assert f"skipped {125 - read}" in label


def test_a_search_that_skips_nothing(page: Page) -> None:
    page.open("?collection=numbers&query=7&view=index")
    assert (
        "Of 1 block, the search read 1 and skipped 0 (0 %). Nothing was skipped: it added up every posting"
        in page.text("#index-view")
    )


def test_the_first_page_lists_the_collections(page: Page) -> None:
    assert page.texts(".card h2") == ["bare", "numbers", "odd", "papers", "wide", "words"]
    assert page.texts(".card .big")[3] == "1,000 documents"
    assert page.text("#landing-summary") == "6 collections with 1,008 documents."
    assert page.text("#unavailable").startswith("damaged cannot be opened:")
    page.click("a[aria-label='Index of papers']")
    assert page.text("#index-view h1") == "Index of papers"


def test_nothing_is_loaded_from_other_hosts(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    loaded = page.js("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded
    assert all(name.startswith(service.url) for name in loaded), json.dumps(loaded)
