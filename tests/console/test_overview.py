"""The page of an index, and the first page."""

import json

import httpx2

from tests.console.browser import Page
from tests.console.conftest import HOSTILE
from tests.console.test_search import answered
from tests.server.conftest import PATIENCE, Server


def test_what_the_index_holds(page: Page, service: Server) -> None:
    page.open("?collection=papers&view=index")
    stored = httpx2.get(f"{service.url}/v1/collections/papers/storage", timeout=PATIENCE).json()
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
    certificate = answered(service, body)["explanation"]["certificate"]
    read, skipped = certificate["blocks_visited"], certificate["blocks_skipped"]
    assert skipped > 0
    assert f"Of 125 blocks, the search read {read} and skipped {skipped}" in page.text("#index-view")
    assert len(page.all(".picture i")) == 125
    assert len(page.all(".picture .read")) == read
    assert f"scores more than {certificate['bound']:.3f}." in page.text("#index-view")
    label = page.one(".picture").get_attribute("aria-label")
    assert label
    assert f"skipped {125 - read}" in label


def test_a_search_that_skips_nothing(page: Page) -> None:
    page.open("?collection=numbers&query=7&view=index")
    assert "Of 1 block, the search read 1 and skipped 0 (0 %)." in page.text("#index-view")


def test_generations(page: Page) -> None:
    page.open("?collection=papers&view=index")
    assert "000001 (served)" in page.texts(".rows td")


def test_the_first_page_lists_the_collections(page: Page) -> None:
    assert page.texts(".card h2") == ["bare", "empty", "latest", "numbers", "odd", "papers", "several", "wide", "words"]
    assert page.texts(".card p:has(strong)")[5] == "1,000 documents"
    assert page.text("#unavailable").startswith("damaged cannot be opened:")
    assert "Another name of papers." in page.text(".card:nth-child(3)")
    assert "It is empty." in page.text(".card:nth-child(2)")
    page.click("a[aria-label='Index of papers']")
    assert page.text("#index-view h1") == "Index of papers"


def test_sample_queries_find_something(page: Page) -> None:
    for card, title in (("5", HOSTILE), ("7", "m"), ("9", "m")):
        page.open()
        page.until(lambda card=card: page.all(f".card:nth-child({card}) .samples a"))
        page.click(f".card:nth-child({card}) .samples a")
        assert title in page.titles()
    page.open()
    page.until(lambda: page.all(".card:nth-child(4) .samples a"))
    assert set(page.texts(".card:nth-child(4) .samples a")) == {"7^2", "7^1 3^0.5"}


def test_an_empty_collection(page: Page) -> None:
    page.open("?collection=empty")
    assert "The collection is empty." in page.text("#remarks")
    assert page.search("planet") == []
    assert "The collection is empty." in page.text("#remarks")
    page.open("?collection=empty&query=planet&view=index")
    assert page.text("#index-view h1") == "Index of empty"


def test_an_alias_is_a_name_like_any_other(page: Page, service: Server) -> None:
    page.open("?collection=latest&query=cell")
    hits = answered(service, {"query": {"tokens": {"cell": 1.0}}}, "latest")["hits"]
    assert page.titles() == [hit["payload"]["title"] for hit in hits]
    assert page.one("#collection").get_attribute("value") == "latest"


def test_browsing(page: Page, service: Server) -> None:
    page.open("?collection=papers")
    titles = [hit["payload"]["title"] for hit in answered(service, {"limit": 20})["hits"]]
    assert page.titles() == titles[:10]
    assert page.text("#summary").startswith("Documents 1 to 10 of 1,000")
    assert page.texts(".score") == []
    page.click("#pages a")
    assert page.titles() == titles[10:]
    page.driver.refresh()
    page.settle()
    assert page.titles() == titles[10:]
    page.choose("#order", "n_chars ↓")
    order = {"key": "n_chars", "direction": "desc"}
    assert page.titles() == [hit["payload"]["title"] for hit in answered(service, {"order_by": order})["hits"]]


def test_values_to_choose_from_without_a_query(page: Page, service: Server) -> None:
    page.open("?collection=papers")
    facets = answered(service, {"limit": 0, "facets": [{"key": "lang"}]})["facets"]["lang"]
    assert page.texts("fieldset:has([data-key^='lang is']) .values .quiet") == [str(one["count"]) for one in facets]
    page.click("input[data-key='lang is de']")
    assert page.text("#summary").startswith("Documents 1 to 10 of 250")
    page.click("#show-request")
    assert "for hit in answer.hits" in page.texts("#request pre")[1]


def test_nothing_is_loaded_from_other_hosts(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    loaded = page.js("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded
    assert all(name.startswith(service.url) for name in loaded), json.dumps(loaded)
