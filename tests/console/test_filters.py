"""Filters: values to click, inputs by type, tags that remove them."""

from typing import Any

from tests.console.browser import Page
from tests.console.conftest import LARGE
from tests.console.test_search import answered
from tests.server.conftest import Server


def expected(service: Server, *conditions: dict[str, Any], collection: str = "papers") -> list[str]:
    """Return the titles of the hits for `cell` under conditions."""
    body = {"query": {"tokens": {"cell": 1.0}}, "filter": {"must": list(conditions)}}
    return [hit["payload"]["title"] for hit in answered(service, body, collection)["hits"]]


def add(page: Page, column: str) -> None:
    """Ask for the filter of a column."""
    page.type(f"{column}\n", "#add-column")
    page.settle()


def test_values_show_their_counts(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    body = {"query": {"tokens": {"cell": 1.0}}, "facets": [{"key": "structured"}]}
    facets = answered(service, body)["facets"]["structured"]
    page.until(lambda: page.all("#groups .values"))
    boxes = page.all("input[data-key^='structured is']")
    labels = {box.get_attribute("data-key"): box.find_element("xpath", "..").text.split() for box in boxes}
    for facet in facets:
        value = str(facet["value"]).lower()
        assert labels[f"structured is {value}"] == [value, f"{facet['count']:,}"]


def test_a_value_is_a_click_away(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    page.click("input[data-key='structured is true']")
    assert page.titles() == expected(service, {"key": "structured", "match": {"value": True}})
    assert "filtered documents" in page.text("#summary")
    assert page.texts("#tags li bdi") == ["structured: true"]
    assert page.text("#filters-title") == "Filters (1)"
    assert page.one("input[data-key='structured is true']").is_selected()
    assert page.focused() == "structured is true"


def test_several_values_of_a_column(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    add(page, "lang")
    page.click("input[data-key='lang is de']")
    assert "en" in page.text("#groups"), "a column's own choice does not hide its other values"
    page.click("input[data-key='lang is fr']")
    assert page.titles() == expected(service, {"key": "lang", "match": {"any": ["de", "fr"]}})
    page.click("button[aria-label='Remove the filter lang: de']")
    assert page.titles() == expected(service, {"key": "lang", "match": {"any": ["fr"]}})
    page.click("button[aria-label='Remove the filter lang: fr']")
    assert not page.one("#tags").is_displayed()


def test_filters_add_up(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    page.click("input[data-key='structured is false']")
    add(page, "n_sentences")
    page.type("10\n", "input[aria-label='n_sentences from']")
    page.settle()
    page.type("14\n", "input[aria-label='n_sentences to']")
    page.settle()
    conditions = [
        {"key": "structured", "match": {"value": False}},
        {"key": "n_sentences", "range": {"gte": 10, "lte": 14}},
    ]
    assert page.titles() == expected(service, *conditions)
    assert page.texts("#tags bdi") == ["structured: false", "n_sentences ≥ 10", "n_sentences ≤ 14"]
    page.click("button[data-key='tag all']")
    assert len(page.hits()) == 10


def test_lists_and_other_values(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    add(page, "tags")
    page.click("input[data-key='tags is a']")
    assert page.titles() == expected(service, {"key": "tags", "match": {"value": "a"}})
    page.type("b\n", "input[aria-label='tags is']")
    page.settle()
    assert page.titles() == expected(service, {"key": "tags", "match": {"any": ["a", "b"]}})
    assert page.js("return [...document.getElementById('values_of_tags').options].map(one => one.value)") == ["b", "a"]


def test_dates(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    add(page, "day")
    field = page.one("input[aria-label='day from']")
    assert field.get_attribute("type") == "date"
    page.js("arguments[0].value = '2020-10-01'; arguments[0].dispatchEvent(new Event('change'))", field)
    page.settle()
    assert page.titles() == expected(service, {"key": "day", "range": {"gte": "2020-10-01"}})
    assert page.texts("#tags bdi") == ["day ≥ 2020-10-01"]


def test_times_are_utc(page: Page) -> None:
    page.open("?collection=numbers&query=7")
    add(page, "at")
    field = page.one("input[aria-label='at to (UTC)']")
    assert field.get_attribute("type") == "datetime-local"
    for value, hits in (("2024-05-01T12:00", 1), ("2024-05-01T11:59", 0)):
        field = page.one("input[aria-label='at to (UTC)']")
        page.js("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))", field, value)
        page.settle()
        assert len(page.hits()) == hits


def test_numbers_keep_their_precision(page: Page) -> None:
    page.open("?collection=numbers&query=7")
    add(page, "n")
    page.type(f"{LARGE}\n", "input[aria-label='n from']")
    page.settle()
    assert page.titles() == ["\u202eabc"]
    page.click("button[aria-label^='Remove the filter']")
    add(page, "price")
    page.type("0.1\n", "input[aria-label='price to']")
    page.settle()
    assert page.titles() == ["\u202eabc"]


def test_columns_that_filters_cannot_compare_are_not_offered(page: Page) -> None:
    page.open("?collection=numbers&query=7")
    offered = page.js("return [...document.querySelectorAll('#columns option')].map(option => option.value)")
    assert "place" not in offered
    assert {"name", "n"} <= {*offered, *page.texts("#groups legend")}
    page.type("place\n", "#add-column")
    assert page.js("return document.querySelector('#add-column').validationMessage") == "There is no such column."


def test_a_filter_that_does_not_fit_is_explained(page: Page) -> None:
    page.open("?collection=papers&query=cell&filter=n_chars%09at+least%09many")
    assert "n_chars" in page.text("#problem-detail")
    page.open("?collection=papers&query=cell&filter=gone%09is%09x")
    assert "unknown column 'gone'" in page.text("#problem-detail")
