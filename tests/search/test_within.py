"""Words weighed by document frequencies within a filter."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import (
    Answer,
    Bm25,
    Feedback,
    FilterError,
    Index,
    InputError,
    QueryError,
    SearchRequest,
    SparseVectors,
    fit_bm25,
    load_encoder,
)
from seismic.search.within import document_frequency
from tests.encoders.naive_bm25 import scores

WORDS = np.array([f"w{number}" for number in range(30)])
RANDOM = np.random.default_rng(5)
TEXTS = [" ".join(RANDOM.choice(WORDS, RANDOM.integers(1, 12), p=np.arange(1, 31) / 465)) for _ in range(80)]
TENANTS = [f"t{row % 3}" for row in range(len(TEXTS))]
AVERAGE = sum(len(text.split()) for text in TEXTS) / len(TEXTS)


def tenant(name: str) -> dict[str, Any]:
    return {"must": [{"key": "tenant", "match": {"value": name}}]}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tenants in three shards, with changes: document 0 is deleted, 4 is replaced and 80 is new."""
    out = tmp_path_factory.mktemp("within") / "collection"
    fitted = fit_bm25(TEXTS)
    documents = pa.table({"id": list(map(str, range(80))), "text": TEXTS, "tenant": TENANTS})
    seismic.build(fitted.vectors, out, documents=documents, encoder=fitted.encoder, shards=3)
    seismic.delete(out, ["0"])
    new = ["w1 w2 w29", "w29 w29 w5"]
    vectors = fitted.encoder.encode_documents(new).vectors
    seismic.upsert(out, vectors, pa.table({"id": ["4", "80"], "text": new, "tenant": ["t1", "t1"]}))
    return out


@pytest.fixture
def index(path: Path) -> Any:
    with seismic.open(path) as opened:
        yield opened


def stored(index: Index, name: str | None) -> dict[str, str]:
    """id -> text of a tenant's documents."""
    wanted = None if name is None else tenant(name)
    page = index.answer({"tokens": dict.fromkeys(WORDS.tolist(), 1.0)}, 1000, filter=wanted)
    payloads = index.payloads([hit.number for hit in page.hits])
    return {hit.id: payload["text"] for hit, payload in zip(page.hits, payloads, strict=True)}


def found(answer: Answer) -> dict[str, float]:
    return {hit.id: hit.score for hit in answer.hits}


def expected(query: str, documents: dict[str, str], within: dict[str, str]) -> dict[str, float]:
    """id -> score of `documents`, whose idf is that of `within`, which contains them."""
    params, terms = Bm25(), [text.split() for text in within.values()]
    every = dict(zip(within, scores(query.split(), terms, params.k1, params.b, AVERAGE), strict=True))
    return {name: every[name] for name in documents if every[name]}


@pytest.mark.parametrize("query", ["w29", "w1 w29 w17", "w2 w2 w28", "w3 unknown"])
def test_scores_are_those_of_a_collection_of_the_tenant(index: Index, query: str) -> None:
    for name in ("t0", "t1", "t2"):
        documents = stored(index, name)
        request = SearchRequest(query=query, limit=100, filter=tenant(name), idf_filter=tenant(name))
        answer = index.ask(request)
        assert {hit.id: hit.score for hit in answer.hits} == pytest.approx(
            expected(query, documents, documents), abs=1e-4
        )
        assert answer.unknown == (("unknown",) if "unknown" in query else ())
        plain = index.ask(request.replace(idf_filter=None))
        every = stored(index, None)
        assert found(plain) == pytest.approx(expected(query, documents, every), abs=1e-4)


def test_the_filter_may_be_narrower_than_the_tenant(index: Index) -> None:
    some = {"must": [{"ids": ["4", "7", "80"]}]}
    answer = index.ask(SearchRequest(query="w1 w29", filter=some, idf_filter=tenant("t1")))
    documents = {name: text for name, text in stored(index, "t1").items() if name in ("4", "7", "80")}
    assert found(answer) == pytest.approx(expected("w1 w29", documents, stored(index, "t1")), abs=1e-4)


def test_each_search_of_a_batch_has_its_own(index: Index) -> None:
    requests = [SearchRequest(query="w1 w29", idf_filter=tenant(name)) for name in ("t0", "t1")]
    assert index.search_many([*requests, SearchRequest(query="w1 w29")], 2) == [
        index.ask(requests[0]),
        index.ask(requests[1]),
        index.ask(SearchRequest(query="w1 w29")),
    ]
    groups = index.ask(requests[0].replace(feedback=Feedback(), explain=True))
    assert groups.hits[0].explanation is not None


def test_examples_may_hold_texts(index: Index) -> None:
    for query in ({"text": "w1 w29"}, {"positive": [{"text": "w1 w29"}]}):
        hits = index.ask(SearchRequest(query=query, idf_filter=tenant("t1"))).hits
        assert [hit.id for hit in hits] == [
            hit.id for hit in index.ask(SearchRequest(query="w1 w29", idf_filter=tenant("t1"))).hits
        ]


def test_a_filter_without_documents(index: Index) -> None:
    answer = index.ask(SearchRequest(query="w29", idf_filter=tenant("none")))
    assert len(answer.hits) == 10  # every word weighs the same, and above 0


def test_frequencies_are_counted(index: Index) -> None:
    view = index.view
    components = np.arange(view.manifest.dimension, dtype=np.uint32)
    assert document_frequency(view, view.everything, components).tolist() == view.document_frequency.tolist()


def test_wide_vocabularies(tmp_path: Path) -> None:
    """Shards of a wide vocabulary number their components by use."""
    texts = [" ".join(f"a{number}" for number in range(40_000)), " ".join(f"b{number}" for number in range(40_000))]
    fitted = fit_bm25([*texts, "a1 b1", "b1"])
    seismic.build(fitted.vectors, tmp_path / "c", encoder=fitted.encoder, shards=2)
    with seismic.open(tmp_path / "c") as index:
        components = np.arange(index.dimension, dtype=np.uint32)
        expected = index.view.document_frequency.tolist()
        assert document_frequency(index.view, index.view.everything, components).tolist() == expected
        request = SearchRequest(query="a1 b39999", idf_filter={"must": [{"ids": [0, 2]}]})
        assert {hit.id for hit in index.ask(request).hits} == {0, 1, 2}


def test_idf_queries_of_another_encoder(tmp_path: Path) -> None:
    encoder = load_encoder("splade-tiny").recorded(queries="idf")
    texts = ["Mars is a planet", "Venus is a planet", "The sun is a star"]
    documents = pa.table({"id": ["a", "b", "c"], "text": texts})
    seismic.build(encoder.encode_documents(texts).vectors, tmp_path / "c", documents=documents, encoder=encoder)
    with seismic.open(tmp_path / "c") as index:
        every = index.ask(SearchRequest(query="mars planet star", idf_filter={}))
        assert every.hits == index.search("mars planet star")
        some = index.ask(SearchRequest(query="mars planet star", idf_filter={"must": [{"ids": ["a"]}]}))
        assert some.hits != every.hits


@pytest.mark.parametrize(
    ("query", "wanted", "error", "message"),
    [
        ({"tokens": {"w1": 1.0}}, tenant("t1"), QueryError, "idf_filter: found no text in the query"),
        ({"indices": [1], "values": [1.0]}, tenant("t1"), QueryError, "idf_filter: found no text"),
        ({"id": "7"}, tenant("t1"), QueryError, "idf_filter: found no text"),
        ("w1", {"must": [{"key": "no", "match": {"value": 1}}]}, FilterError, r"idf_filter.must\[0\].key: unknown"),
        ("w1", {"must": 7}, FilterError, "idf_filter.must"),
    ],
)
def test_refusals(index: Index, query: Any, wanted: Any, error: type[InputError], message: str) -> None:
    for requests in ([SearchRequest(query=query, idf_filter=wanted)] * count for count in (1, 2)):
        with pytest.raises(error, match=message if len(requests) == 1 else rf"searches\[0\].*{message}"):
            index.search_many(requests)


def test_collections_without_idf_refuse(tmp_path: Path) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0}])
    seismic.build(vectors, tmp_path / "plain")
    encoder = load_encoder("splade-tiny")
    seismic.build(vectors, tmp_path / "splade", encoder=encoder)
    for name in ("plain", "splade"):
        with (
            seismic.open(tmp_path / name) as index,
            pytest.raises(QueryError, match=r"idf_filter: .* expected BM25 or"),
        ):
            index.ask(SearchRequest(query="a", idf_filter={}))
