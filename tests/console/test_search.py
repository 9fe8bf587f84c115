"""Searches: hits, marks, terms of the query, pages, and queries in every form that a collection takes."""

from typing import Any

import httpx2
import pytest
from selenium.webdriver.common.by import By

from tests.console.browser import Page
from tests.console.conftest import HOSTILE, LARGE
from tests.server.conftest import PATIENCE, Server

DELAYED = """
const fetched = window.fetch;
window.fetch = (path, given) => {
  if (!given.body || JSON.parse(given.body).searches) return fetched(path, given);
  window.fetch = fetched;
  const wait = new Promise((done) => { window.letGo = done; });
  window.late = fetched(path, { ...given, signal: undefined }).then(async (response) => {
    await wait;
    return response;
  });
  return window.late;
};
"""


def answered(service: Server, body: dict[str, Any], collection: str = "papers") -> Any:
    """Return what the service answers to a search."""
    answer = httpx2.post(f"{service.url}/v1/collections/{collection}/search", json=body, timeout=PATIENCE)
    answer.raise_for_status()
    return answer.json()


def test_a_search_shows_the_services_hits(page: Page, service: Server) -> None:
    page.open("?collection=papers")
    page.search("cell^2.1 protein")
    hits = answered(service, {"query": {"tokens": {"cell": 2.1, "protein": 1.0}}})["hits"]
    assert page.titles() == [hit["payload"]["title"] for hit in hits]
    assert page.texts(".score") == [f"{hit['score']:.3f}" for hit in hits]
    assert page.text("#summary").startswith("Hits 1 to 10, in ")
    assert page.text("#exact") == "exact"


def test_answers_come_while_typing(page: Page) -> None:
    page.open("?collection=papers")
    page.type("cell")
    page.until(lambda: "query=cell" in page.driver.current_url and len(page.all("#hits mark")) > 0)


def test_contributions_add_up_to_the_score(page: Page) -> None:
    page.open("?collection=papers&query=cell^2.1+protein")
    page.click("#hits li:first-child .why summary")
    rows = page.all("#hits li:first-child .bars tr")
    assert [row.find_element(By.TAG_NAME, "th").text for row in rows] == ["cell", "protein"]
    products = [float(row.text.rpartition("=")[2]) for row in rows]
    assert sum(products) == pytest.approx(float(page.texts(".score")[0]), abs=0.002)
    widths = [row.find_element(By.CLASS_NAME, "bar").size["width"] for row in rows]
    assert widths[0] / widths[1] == pytest.approx(products[0] / products[1], rel=0.05)


def test_documents_are_shown_as_text(page: Page) -> None:
    page.open("?collection=odd&query=planet")
    assert page.titles() == [HOSTILE]
    assert page.all("#hits img") == []
    assert page.texts("#hits mark") == ["planet", "plánet"]
    assert page.driver.title == "planet · odd · Seismic"
    page.click("#hits h3 a")
    assert page.text("h1:not([hidden] *)") == HOSTILE
    assert page.all("main img") == []


def test_a_text_is_expanded(page: Page, service: Server) -> None:
    page.open("?collection=words")
    page.search("which planet is red?")
    answer = answered(service, {"query": {"text": "which planet is red?"}, "explain": True}, "words")
    assert page.titles()[0] == "m"
    assert page.texts(".chips bdi")[:3] == [term["token"] for term in answer["explanation"]["terms"][:3]]
    assert "expanded by splade-tiny" in page.text("#query-help")


def test_weights_of_terms_can_be_changed(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell^2+protein")
    page.type("3\n", "input[aria-label='Weight of protein']")
    page.settle()
    expected = answered(service, {"query": {"tokens": {"cell": 2.0, "protein": 3.0}}})["hits"]
    assert page.texts(".score") == [f"{hit['score']:.3f}" for hit in expected]
    assert page.focused() == "Weight of protein"
    assert page.text("#terms h2") == "Query, as edited"
    page.driver.refresh()
    page.settle()
    assert page.texts(".score") == [f"{hit['score']:.3f}" for hit in expected]
    page.click("button[data-key=undo]")
    assert page.text("#terms h2") == "Query, as searched"
    assert [chip.get_attribute("value") for chip in page.all(".chips input")] == ["2", "1"]


def test_terms_can_be_removed(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell^2+protein")
    page.click("button[aria-label='Remove cell']")
    assert page.texts(".chips bdi") == ["protein"]
    assert page.titles() == [
        hit["payload"]["title"] for hit in answered(service, {"query": {"tokens": {"protein": 1.0}}})["hits"]
    ]
    assert page.focused() == "Remove protein"


def test_terms_of_a_text_become_tokens(page: Page) -> None:
    page.open("?collection=words&query=red+planet")
    before = page.texts(".chips bdi")
    page.click(f"button[aria-label='Remove {before[0]}']")
    assert page.texts(".chips bdi") == before[1:]
    page.click("#show-request")
    assert f'"{before[1]}"' in page.texts("#request pre")[0]
    assert '"text"' not in page.texts("#request pre")[0]


def test_components_without_a_vocabulary(page: Page) -> None:
    page.open("?collection=numbers")
    page.search("7^1.5 3")
    assert page.texts(".score") == ["3.000", "2.000"]
    assert page.texts(".chips bdi") == ["#7", "#3"]
    assert page.texts("#hits li:first-child .facts bdi") == [
        str(LARGE),
        '{"lat":1.5}',
        str(LARGE),
        "0.1",
        "2024-05-01T12:00:00+00:00",
    ]
    page.type("0\n", "input[aria-label='Weight of 3']")
    page.settle()
    assert page.texts(".score") == ["3.000", "1.500"]


def test_a_collection_without_payload(page: Page) -> None:
    page.open("?collection=bare")
    page.search("7")
    assert page.titles() == ["0", "1"]
    assert not page.one("#filters").is_displayed()


def test_a_collection_of_many_columns(page: Page) -> None:
    page.open("?collection=wide&query=7")
    assert page.titles() == ["w"]
    assert "and 19 more columns" in page.text("#hits .facts")
    page.type("column_2999\n", "#add-column")
    page.settle()
    page.type("2999\n", "input[aria-label='column_2999 from']")
    page.settle()
    assert len(page.hits()) == 1
    page.type("3000\n", "input[aria-label='column_2999 from']")
    page.settle()
    assert page.hits() == []
    page.click("#remarks a")  # without the filters
    assert len(page.hits()) == 1


def test_pages_follow_each_other(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    hits = answered(service, {"query": {"tokens": {"cell": 1.0}}, "limit": 20})["hits"]
    page.click("#pages a")
    assert page.titles() == [hit["payload"]["title"] for hit in hits[10:]]
    assert page.texts("#hits h3 .quiet")[0] == "11. "
    assert page.text("#pages [aria-current]") == "Page 2"
    page.choose("#limit", "20")
    assert page.titles() == [hit["payload"]["title"] for hit in hits]


def test_more_like_this(page: Page, service: Server) -> None:
    page.open("?collection=papers&query=cell")
    hit = answered(service, {"query": {"tokens": {"cell": 1.0}}})["hits"][0]
    page.click("#hits li:first-child .actions a")
    similar = answered(service, {"query": {"id": hit["id"]}})["hits"]
    assert page.titles() == [one["payload"]["title"] for one in similar]
    assert page.text("#like-id") == hit["id"]
    page.click("#unlike")
    assert not page.one("#like").is_displayed()


def test_more_like_a_document_with_a_large_id(page: Page) -> None:
    page.open("?collection=numbers&query=7")
    page.click("#hits li:first-child .actions a")
    assert page.titles() == [str(LARGE - 1)]


def test_a_recall(page: Page) -> None:
    page.open("?collection=papers&query=cell")
    page.choose("#recall", "0.97")
    assert "recall=0.97" in page.driver.current_url
    assert len(page.hits()) == 10


def test_a_late_answer_is_not_shown(page: Page) -> None:
    page.open("?collection=papers")
    page.js(DELAYED)
    page.type("zzzzz")
    page.until(lambda: page.js("return Boolean(window.late)"))
    page.search("cell")
    page.driver.execute_async_script("late.then(() => setTimeout(arguments[0], 300)); letGo();")
    assert len(page.hits()) == 10


def test_an_answer_of_another_collection_is_not_shown(page: Page) -> None:
    page.open("?collection=papers")
    page.js(DELAYED)
    page.type("protein")
    page.until(lambda: page.js("return Boolean(window.late)"))
    page.driver.get(f"{page.driver.current_url.partition('?')[0]}#")
    page.settle()
    page.open("?collection=odd&query=planet")
    assert page.titles() == [HOSTILE]


def test_a_search_that_is_replaced_is_cancelled(page: Page) -> None:
    page.open("?collection=papers")
    page.js(
        "window.signals = []; const fetched = window.fetch;"
        "window.fetch = (path, given) => {"
        "  if (given.signal) signals.push(given.signal);"
        "  return fetched(path, given);"
        "};"
    )
    page.search("cell")
    first = page.js("return signals.length")
    page.search("protein")
    assert page.js(f"return signals.slice(0, {first}).every(signal => signal.aborted) && !signals.at(-1).aborted")


def test_nothing_found(page: Page) -> None:
    page.open("?collection=papers")
    assert page.search("zzzzz") == []
    assert page.text("#summary").startswith("Nothing found")
    assert "Not in this collection: zzzzz" in page.text("#remarks")


def test_words_of_several_pieces_are_marked_whole(page: Page) -> None:
    marks = page.driver.execute_async_script(
        "const [done] = arguments;"
        "import('/console/passage.js').then(({ passage, weigher }) => {"
        "  const parts = ['photo', '##synth', '##esis', '##'].map(token => ({ token, product: 1 }));"
        "  const text = 'Photosynthesis, photo; photos photosynth synthesis';"
        "  done(passage(text, weigher(parts)).filter(part => part.tagName).map(mark => mark.textContent));"
        "});"
    )
    assert marks == ["Photosynthesis", "photo", "photosynth"]


def test_the_passage_with_the_most_of_the_query_is_shown(page: Page) -> None:
    shown = page.driver.execute_async_script(
        "const [done] = arguments;"
        "import('/console/passage.js').then(({ passage, weigher }) => {"
        "  const filler = 'Lorem ipsum dolor sit amet. '.repeat(40);"
        "  const text = `${filler}orbit orbit orbit. ${filler}The planet is in its orbit. ${filler}`;"
        "  const parts = [{ token: 'planet', product: 2 }, { token: 'orbit', product: 1 }];"
        "  const long = 'planet'.repeat(200_000);"
        "  done([passage(text, weigher(parts)).map(part => part.textContent ?? part).join(''),"
        "        passage(long, weigher(parts)).length, passage('', weigher([])).join('')]);"
        "});"
    )
    assert shown[0].startswith("… ")
    assert shown[0].endswith(" …")
    assert "The planet is in its orbit." in shown[0]
    assert shown[2] == ""
