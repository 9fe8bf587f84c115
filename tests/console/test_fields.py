"""Collections with several fields: all or one of them searched, their parts explained, documents shown by field."""

import pytest

from tests.console.browser import Page
from tests.console.test_search import answered
from tests.server.conftest import Server

QUERY = "fourth planet"


def test_a_text_searches_every_field_with_an_encoder(page: Page, service: Server) -> None:
    page.open("?collection=several")
    assert page.texts("#fields option") == ["all with an encoder", "splade", "bm25", "tags", "raw"]
    page.search(QUERY)
    (hit,) = answered(service, {"query": {"text": QUERY}, "explain": True}, "several")["hits"]
    assert page.texts(".score") == [f"{hit['score']:.3f}"]
    page.click(".why summary")
    parts = [part.rsplit(" ", 1) for part in page.text(".why .note").split(" + ")]
    assert {name: float(part) for name, part in parts} == pytest.approx(hit["fields"], abs=0.0006)
    rows = page.texts(".why .bars th")
    assert "bm25 planet" in rows
    assert "splade planet" in rows


def test_one_field_is_chosen(page: Page, service: Server) -> None:
    page.open(f"?collection=several&query={QUERY}")
    page.choose("#fields select", "bm25")
    assert "field=bm25" in page.driver.current_url
    (hit,) = answered(service, {"query": {"fields": {"bm25": QUERY}}}, "several")["hits"]
    assert page.texts(".score") == [f"{hit['score']:.3f}"]
    assert sorted(page.texts(".chips bdi")) == ["bm25 fourth", "bm25 planet"]
    page.choose("#fields select", "tags")
    assert page.text("#query-help").startswith("Tokens of the vocabulary")
    page.search("red^2 food")
    assert page.texts(".score") == ["4.000", "1.000"]
    page.choose("#fields select", "raw")
    page.search("4000000000^2")
    assert page.texts(".score") == ["3.000"]
    page.driver.back()
    page.settle()
    assert page.js("return document.querySelector('#fields select').value") == "raw"


def test_edited_terms_keep_their_fields_and_weights(page: Page) -> None:
    page.open(f"?collection=several&query={QUERY}")
    (before,), chips = page.texts(".score"), page.texts(".chips bdi")
    weight = page.one("[data-key='weight bm25 planet']")
    page.js("arguments[0].value = Number(arguments[0].value); arguments[0].dispatchEvent(new Event('change'))", weight)
    page.settle()
    assert page.text("#terms h2") == "Query, as edited"
    assert page.texts(".chips bdi") == chips
    assert float(page.texts(".score")[0]) == pytest.approx(float(before), abs=0.02)
    page.click("[data-key=undo]")
    assert page.texts(".score") == [before]


def test_a_document_shows_each_field(page: Page) -> None:
    page.open("?collection=several&document=m")
    assert page.texts("#document-view h3") == ["splade", "bm25", "tags", "raw"]
    assert "#4000000000" in page.texts("#document-view .bars th")
    page.js("[...document.querySelectorAll('#document-view th a')].find(link => link.textContent === 'red').click()")
    page.settle()
    assert page.texts(".chips bdi") == ["tags red"]
    assert page.texts(".score") == ["2.000"]


def test_pages_about_the_collection(page: Page) -> None:
    page.open()
    card = page.js(
        "return [...document.querySelectorAll('.card')].find(card => card.textContent.includes('several')).textContent"
    )
    assert "Search by text, encoded by splade-tiny and bm25" in card
    page.open(f"?collection=several&query={QUERY}&view=index")
    assert "splade splade-tiny, bm25 bm25, tags none, raw none" in page.texts("#index-view dd")
