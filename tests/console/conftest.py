"""A service with collections of all kinds, and Chromium."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pytest
from selenium import webdriver

import seismic
from seismic import SparseVectors
from tests.conftest import Scifact
from tests.console.browser import CHROMIUM, DRIVER, Page, chromium
from tests.server.conftest import PATIENCE, Server, start, wait_for

LARGE = (1 << 63) - 1  # beyond JavaScript's precision
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
COLUMNS = 3000  # of the collection `wide`
LANGUAGES = ["en", "de", "fr", "en"]


@pytest.fixture(scope="session")
def collections(scifact: Scifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of collections of all kinds, one of them damaged, and an alias."""
    folder = tmp_path_factory.mktemp("console") / "collections"
    vectors, documents = scifact.vectors.slice(0, 1000), scifact.documents.slice(0, 1000)
    documents = documents.append_column("lang", pa.array([LANGUAGES[row % 4] for row in range(1000)]))
    documents = documents.append_column("day", pa.array([date(2020, 1 + row % 12, 1) for row in range(1000)]))
    documents = documents.append_column("tags", pa.array([["a", "b"] if row % 2 else ["b"] for row in range(1000)]))
    seismic.build(vectors, folder / "papers", documents=documents, vocabulary=scifact.vocabulary)

    planet = scifact.vocabulary.component("planet")
    odd = pa.table({"id": ["a/b c?"], "title": [HOSTILE], "text": ["The planet's planets, not PLANET9 or the plánet."]})
    one = SparseVectors.from_dicts([{planet: 2.0}], len(scifact.vocabulary))
    seismic.build(one, folder / "odd", documents=odd, vocabulary=scifact.vocabulary)

    encoder = seismic.load_encoder("splade-tiny")
    texts = ["Mars is the fourth planet.", "Bread is baked of flour."]
    words = pa.table({"id": ["m", "b"], "text": texts})
    seismic.build(encoder.encode_documents(texts).vectors, folder / "words", documents=words, encoder=encoder)

    fields = {
        "splade": {"encoder": encoder, "weight": 0.5},
        "bm25": {"encoder": "bm25"},
        "tags": {"vocabulary": ["red"]},
    }
    seismic.create(folder / "several", fields={**fields, "raw": {}}, columns={"text": "string"})
    with seismic.open(folder / "several") as index:
        fitted = seismic.extend_bm25(index.view.field_encoder(index.fields[1]), texts)
    vectors_of: dict[str, Any] = {
        "splade": encoder.encode_documents(texts).vectors,
        "bm25": fitted.vectors,
        "tags": [{"red": 2.0}, {"food": 1.0}],
        "raw": [{4_000_000_000: 1.5}, {}],
    }
    seismic.upsert(folder / "several", vectors_of, words, encoder={"bm25": fitted.encoder})

    numbers = pa.table(
        {
            "id": pa.array([LARGE, LARGE - 1], pa.uint64()),
            "name": ["\u202eabc", None],
            "place": [{"lat": 1.5}, None],
            "n": [LARGE, 2],
            "price": [0.1, 2.5],
            "at": pa.array([datetime(2024, 5, 1, 12, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        }
    )
    two = SparseVectors.from_dicts([{7: 2.0}, {7: 1.0, 3: 0.5}], 10)
    seismic.build(two, folder / "numbers", documents=numbers)
    seismic.build(two, folder / "bare")

    wide = pa.table({"id": ["w"], **{f"column_{number}": [number] for number in range(COLUMNS)}})
    seismic.build(SparseVectors.from_dicts([{7: 2.0}], 10), folder / "wide", documents=wide)
    seismic.create(folder / "empty", vocabulary=scifact.vocabulary, columns={"title": "string"})
    seismic.alias(folder, "latest", "papers")
    seismic.build(SparseVectors.from_dicts([{7: 2.0}], 10), folder / "damaged")
    (folder / "damaged" / "CURRENT").write_text("000009\n")
    return folder


@pytest.fixture(scope="session")
def service(collections: Path) -> Iterator[Server]:
    """A server process of the collections."""
    server = start(collections, collections.parent / "log.jsonl")
    try:
        until_ready(server)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


def until_ready(server: Server) -> None:
    """Wait until a server answers searches."""
    with httpx2.Client(base_url=server.url, timeout=PATIENCE) as http:
        wait_for(lambda: http.get("/readyz").is_success)


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    """Chromium."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs Debian's packages chromium and chromium-driver: apt-get install chromium chromium-driver")
    driver = chromium()
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: webdriver.Chrome, service: Server) -> Iterator[Page]:
    """The console's first page. Afterwards, the browser must have logged no error."""
    page = Page(driver, service.url)
    page.size(1280)
    page.open()
    yield page
    assert page.complaints() == []
