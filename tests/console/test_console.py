"""The console in headless Chromium, on a server process. Skipped without Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

import seismic
from tests.server.conftest import PATIENCE, Server, start, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver")

LARGE = (1 << 63) - 1  # beyond JavaScript's precision
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


@pytest.fixture(scope="module")
def service(scifact: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("console") / "collections"
    vectors, documents = scifact.vectors.slice(0, 1000), scifact.documents.slice(0, 1000)
    seismic.build(vectors, folder / "papers", documents=documents, vocabulary=scifact.vocabulary)
    odd = pa.table(
        {"id": ["1"], "title": [HOSTILE], "text": ["The planet's planets, not explanations of PLANET9 or the plánet."]}
    )
    planet = scifact.vocabulary.component("planet")
    seismic.build(
        seismic.SparseVectors.from_dicts([{planet: 2.0}], 30522),
        folder / "odd",
        documents=odd,
        vocabulary=scifact.vocabulary,
    )
    encoder = seismic.load_encoder("splade-tiny")
    texts = ["Mars is the fourth planet.", "Bread is baked of flour."]
    encoded = encoder.encode_documents(texts).vectors
    seismic.build(encoded, folder / "words", documents=pa.table({"id": ["m", "b"], "text": texts}), encoder=encoder)
    numbers = pa.table(
        {"id": pa.array([LARGE], pa.uint64()), "name": ["\u202eabc"], "place": [{"lat": 1.5}], "n": [LARGE]}
    )
    seismic.build(seismic.SparseVectors.from_dicts([{7: 2.0}], 10), folder / "numbers", documents=numbers)
    seismic.build(seismic.SparseVectors.from_dicts([{7: 2.0}], 10), folder / "damaged")
    (folder / "damaged" / "CURRENT").write_text("000009\n")
    server = start(folder, folder.parent / "log.jsonl")
    try:
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as http:
            wait_for(lambda: http.get("/readyz").is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium: webdriver.Chrome, service: Server) -> webdriver.Chrome:
    open_page(chromium, f"{service.url}/")
    return chromium


def open_page(page: webdriver.Chrome, url: str) -> None:
    page.get("about:blank")
    page.get_log("browser")
    page.get(url)
    wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#statistics dd"))


def one(page: webdriver.Chrome, selector: str) -> WebElement:
    return page.find_element(By.CSS_SELECTOR, selector)


def all_of(page: webdriver.Chrome, selector: str) -> list[WebElement]:
    return page.find_elements(By.CSS_SELECTOR, selector)


def search(page: webdriver.Chrome, text: str, collection: str = "papers") -> list[WebElement]:
    """Type a query, press Enter and return the hits."""
    Select(one(page, "#collection")).select_by_visible_text(collection)
    box = one(page, "#query")
    box.clear()
    box.send_keys(text, Keys.ENTER)
    return answered(page)


def answered(page: webdriver.Chrome) -> list[WebElement]:
    wait_for(lambda: not all_of(page, "[aria-busy]") and (one(page, "#summary").text or one(page, "#problem").text))
    return all_of(page, "#hits > li")


def test_a_search(page: webdriver.Chrome, service: Server) -> None:
    hits = search(page, "cell^2.1 protein")
    asked = {"query": {"tokens": {"cell": 2.1, "protein": 1.0}}, "with_payload": ["title"]}
    expected = httpx.post(f"{service.url}/v1/collections/papers/search", json=asked, timeout=PATIENCE).json()["hits"]
    assert [hit.find_element(By.TAG_NAME, "h3").text for hit in hits] == [
        f"{rank}. {hit['payload']['title']}" for rank, hit in enumerate(expected, 1)
    ]
    assert all_of(page, "#hits mark")
    assert "10 hits in " in one(page, "#summary").text
    assert "blocks" in one(page, "#cost").text
    # No errors, and nothing refused by the security policy.
    assert [line for line in page.get_log("browser") if line["level"] in ("SEVERE", "WARNING")] == []


def test_contributions_of_a_hit(page: webdriver.Chrome) -> None:
    hit = search(page, "cell^2.1 protein")[0]
    hit.find_element(By.CSS_SELECTOR, "details > summary").click()
    rows = hit.find_elements(By.CSS_SELECTOR, ".bars tr")
    assert [row.find_element(By.TAG_NAME, "th").text for row in rows] == ["cell", "protein"]
    products = [float(row.text.rpartition("=")[2]) for row in rows]
    score = float(hit.find_element(By.CLASS_NAME, "score").text)
    assert sum(products) == pytest.approx(score, abs=0.002)
    widths = [row.find_element(By.CLASS_NAME, "bar").size["width"] for row in rows]
    assert widths[0] / widths[1] == pytest.approx(products[0] / products[1], rel=0.05)


def test_filters(page: webdriver.Chrome, service: Server) -> None:
    Select(one(page, "#collection")).select_by_visible_text("papers")
    one(page, "#add-condition").click()
    column, operator = (Select(select) for select in all_of(page, "#conditions select"))
    column.select_by_visible_text("n_sentences")
    operator.select_by_visible_text("at least")
    one(page, "#conditions input").send_keys("12")
    hits = search_again(page, "cell")
    assert hits
    assert all(int(hit.text.partition("n_sentences ")[2].split()[0]) >= 12 for hit in hits)
    assert "that match the filter" in one(page, "#summary").text
    one(page, "#conditions button").click()
    assert not one(page, "#filter").is_displayed()


def search_again(page: webdriver.Chrome, text: str) -> list[WebElement]:
    one(page, "#query").send_keys(text, Keys.ENTER)
    return answered(page)


def test_documents_are_shown_as_text(page: webdriver.Chrome) -> None:
    (hit,) = search(page, "planet", "odd")
    assert hit.find_element(By.TAG_NAME, "h3").text == f"1. {HOSTILE}"
    assert not hit.find_elements(By.TAG_NAME, "img")
    assert [mark.text for mark in hit.find_elements(By.TAG_NAME, "mark")] == ["planet", "plánet"]
    assert page.title == "Seismic"


def test_a_collection_with_an_encoder_takes_text(page: webdriver.Chrome) -> None:
    hits = search(page, "which planet is red?", "words")
    assert one(page, "#query-help").text == "Any text."
    assert hits[0].find_element(By.TAG_NAME, "h3").text == "1. m"


def test_a_collection_without_a_vocabulary_takes_components(page: webdriver.Chrome) -> None:
    (hit,) = search(page, "7^1.5 3", "numbers")
    assert one(page, "#query-help").text.startswith("Component numbers")
    assert hit.find_element(By.CLASS_NAME, "score").text == "3.0000"
    values = [value.get_attribute("textContent") for value in hit.find_elements(By.CSS_SELECTOR, ".payload bdi")]
    assert values == [str(LARGE), "\u202eabc", '{"lat":1.5}', str(LARGE)]


def test_large_integers_keep_their_precision(page: webdriver.Chrome) -> None:
    Select(one(page, "#collection")).select_by_visible_text("numbers")
    one(page, "#add-condition").click()
    Select(one(page, "#conditions select")).select_by_visible_text("n")
    one(page, "#conditions input").send_keys(str(LARGE))
    assert len(search_again(page, "7")) == 1


def test_a_late_answer_is_not_shown(page: webdriver.Chrome) -> None:
    Select(one(page, "#collection")).select_by_visible_text("odd")
    page.execute_script(
        "const fetched = window.fetch;"
        "window.fetch = (...given) => {"
        "  window.fetch = fetched;"
        "  const wait = new Promise(done => { window.letGo = done; });"
        "  return window.late = fetched(...given).then(async response => { await wait; return response; });"
        "};"
    )
    one(page, "#query").send_keys("zzzzz", Keys.ENTER)
    assert len(search(page, "planet", "odd")) == 1
    page.execute_async_script("late.then(() => setTimeout(arguments[0], 200)); letGo();")
    assert len(answered(page)) == 1


def test_problems_are_shown(page: webdriver.Chrome) -> None:
    page.execute_script("document.querySelector('#limit').removeAttribute('max')")
    limit = one(page, "#limit")
    limit.clear()
    limit.send_keys("999999")
    assert search(page, "cell") == []
    assert "limit: found 999999" in one(page, "#problem").text
    limit.clear()
    limit.send_keys("1")
    assert len(search(page, "cell")) == 1
    assert not one(page, "#problem").is_displayed()


def test_nothing_found(page: webdriver.Chrome) -> None:
    assert search(page, "zzzzz") == []
    assert "knows none of the query's components" in one(page, "#summary").text


def test_changing_the_collection_clears_the_answer(page: webdriver.Chrome) -> None:
    assert search(page, "planet", "odd")
    Select(one(page, "#collection")).select_by_visible_text("words")
    assert all_of(page, "#hits > li") == []
    assert (one(page, "#summary").text, one(page, "#cost").is_displayed()) == ("", False)


def test_an_answer_of_another_collection_is_not_shown(page: webdriver.Chrome) -> None:
    Select(one(page, "#collection")).select_by_visible_text("odd")
    page.execute_script(
        "const fetched = window.fetch;"
        "window.fetch = (...given) => {"
        "  window.fetch = fetched;"
        "  const wait = new Promise(done => { window.letGo = done; });"
        "  return window.late = fetched(...given).then(async response => { await wait; return response; });"
        "};"
    )
    one(page, "#query").send_keys("planet", Keys.ENTER)
    Select(one(page, "#collection")).select_by_visible_text("words")
    page.execute_async_script("late.then(() => setTimeout(arguments[0], 200)); letGo();")
    assert all_of(page, "#hits > li") == []
    assert not all_of(page, "[aria-busy]")


def test_words_of_several_pieces_are_marked_whole(page: webdriver.Chrome) -> None:
    marks = page.execute_async_script(
        "const done = arguments[0];"
        "import('/console/render.js').then(render => {"
        "  const explanation = ['photo', '##synth', '##esis', '##']"
        "    .map(token => ({ token, product: 1, weight: 1, value: 1 }));"
        "  const payload = { text: 'Photosynthesis, photo; photos photosynth synthesis' };"
        "  const found = { id: 1, score: 1, explanation, payload };"
        "  done([...render.hit(found, 1).querySelectorAll('.text mark')].map(mark => mark.textContent));"
        "});"
    )
    assert marks == ["Photosynthesis", "photo", "photosynth"]


def test_back_and_forward_restore_the_whole_search(page: webdriver.Chrome) -> None:
    assert len(search(page, "cell")) == 10
    first = page.current_url
    limit = one(page, "#limit")
    limit.clear()
    limit.send_keys("3")
    Select(one(page, "#recall")).select_by_visible_text("0.97")
    one(page, "#add-condition").click()
    column, operator = (Select(select) for select in all_of(page, "#conditions select"))
    column.select_by_visible_text("n_sentences")
    operator.select_by_visible_text("at least")
    one(page, "#conditions input").send_keys("12")
    hits = [hit.text.partition("Score")[0] for hit in search(page, "protein")]
    assert 0 < len(hits) <= 3
    second = page.current_url

    page.back()
    wait_for(lambda: one(page, "#query").get_attribute("value") == "cell" and len(answered(page)) == 10)
    assert page.current_url == first
    assert not all_of(page, "#conditions li")
    page.forward()
    wait_for(lambda: one(page, "#query").get_attribute("value") == "protein" and answered(page))
    open_page(page, second)  # a bookmark
    wait_for(
        lambda: [hit.text.partition("Score")[0] for hit in answered(page)] == [h.partition("Score")[0] for h in hits]
    )
    assert one(page, "#limit").get_attribute("value") == "3"
    assert one(page, "#recall").get_attribute("value") == "0.97"
    values = [field.get_attribute("value") for field in all_of(page, "#conditions select, #conditions input")]
    assert values == ["n_sentences", "at least", "12"]


def test_damaged_collections_are_named(page: webdriver.Chrome) -> None:
    assert one(page, "#unavailable").text.startswith("damaged cannot be opened (")
    assert "damaged" not in [option.text for option in Select(one(page, "#collection")).options]


def test_the_address_leads_back(page: webdriver.Chrome, service: Server) -> None:
    search(page, "planet", "odd")
    address = page.current_url
    open_page(page, address)
    assert len(answered(page)) == 1
    assert one(page, "#query").get_attribute("value") == "planet"


def test_statistics(page: webdriver.Chrome) -> None:
    Select(one(page, "#collection")).select_by_visible_text("papers")
    names = [name.text for name in all_of(page, "#statistics dt")]
    values = [value.text for value in all_of(page, "#statistics dd")]
    found = dict(zip(names, values, strict=True))
    assert (found["documents"], found["components"], found["state"]) == ("1,000", "30,522", "ready")


def test_accessibility(page: webdriver.Chrome) -> None:
    named = page.execute_script(
        "return [...document.querySelectorAll('input, select, button')].filter(e => e.offsetParent)"
        ".every(e => e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label'))"
    )
    assert named
    body = one(page, "body")
    body.send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the results"
    assert one(page, "#summary").get_attribute("role") == "status"
    assert one(page, "#problem").get_attribute("role") == "alert"


@pytest.mark.parametrize("width", [380, 1200])
def test_it_fits(page: webdriver.Chrome, width: int, tmp_path: Path) -> None:
    page.set_window_size(width, 1000)
    search(page, "cell^2.1 protein")
    overflow = page.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    folder = Path(os.environ.get("CONSOLE_SCREENSHOTS") or tmp_path)
    page.save_screenshot(str(folder / f"console-{width}.png"))
    assert overflow <= 0


def test_nothing_is_loaded_from_other_hosts(page: webdriver.Chrome, service: Server) -> None:
    loaded = page.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded
    assert all(name.startswith(service.url) for name in loaded)
