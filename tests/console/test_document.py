"""A document's page."""

import urllib.parse

import httpx2

from tests.console.browser import Page
from tests.console.conftest import COLUMNS, HOSTILE, LARGE
from tests.console.test_search import answered
from tests.server.conftest import PATIENCE, Server


def test_payload_and_vector(page: Page, service: Server) -> None:
    page.open("?collection=papers&document=4983")
    url = f"{service.url}/v1/collections/papers/documents/4983?with_vector=tokens"
    document = httpx2.get(url, timeout=PATIENCE).json()
    assert page.text("#document-view h1") == document["payload"]["title"]
    assert page.texts("#document-view dt bdi") == list(document["payload"])
    assert page.texts("#document-view dd")[0] == document["payload"]["text"]
    heaviest = sorted(document["vector"]["tokens"].items(), key=lambda pair: -pair[1])
    assert page.texts("#document-view .bars th")[:20] == [token for token, _ in heaviest[:20]]
    assert page.texts("#document-view .bars .number")[0] == f"{heaviest[0][1]:.3f}"
    page.click("#document-view .plain")
    assert len(page.all("#document-view .bars tr")) == len(heaviest)


def test_where_it_leads(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell&document=4983")
    similar = answered(service, {"query": {"id": "4983"}})["hits"]
    page.click("#document-view .button")
    assert page.titles() == [hit["payload"]["title"] for hit in similar]
    page.driver.back()
    page.settle()
    token = page.texts("#document-view .bars th")[0]
    page.click("#document-view .bars th a")
    assert page.texts(".chips bdi") == [token]
    page.driver.back()
    page.settle()
    page.click("#document-view p a")
    assert page.one("#query").get_attribute("value") == "cell"
    assert len(page.hits()) == 10


def test_ids_of_all_kinds(page: Page) -> None:
    page.open(f"?collection=odd&document={urllib.parse.quote('a/b c?')}")
    assert page.text("#document-view h1") == HOSTILE
    page.open(f"?collection=numbers&document={LARGE}")
    assert str(LARGE) in page.text("#document-view .facts")
    assert page.texts("#document-view dd") == [
        "\u202eabc",
        '{\n  "lat": 1.5\n}',
        str(LARGE),
        "0.1",
        "2024-05-01T12:00:00+00:00",
    ]
    page.open(f"?collection=numbers&document={LARGE - 1}")
    assert page.texts("#document-view dd") == ["no value", "no value", "2", "2.5", "no value"]
    page.open("?collection=bare&document=1")
    assert "no columns besides the id" in page.text("#document-view")
    assert page.texts("#document-view .bars th") == ["#7", "#3"]


def test_many_columns(page: Page) -> None:
    page.open("?collection=wide&document=w")
    assert len(page.all("#document-view dt")) < COLUMNS
    page.click("#document-view dl .plain")
    assert len(page.all("#document-view dt")) == COLUMNS


def test_a_document_that_is_gone(page: Page) -> None:
    page.open("?collection=papers&document=gone")
    assert page.text("#problem-title") == "There is no such document."
    assert "found no document 'gone'" in page.text("#problem-detail")
