"""SciFact by Haystack's components, and what the store offers."""

from pathlib import Path

import pytest
from haystack import Document, Pipeline
from haystack.dataclasses import ByteStream, SparseEmbedding
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError

import seismic
from seismic.integrations.haystack import (
    SeismicDocumentStore,
    SeismicSparseEmbeddingRetriever,
    SeismicTextRetriever,
)
from tests.integrations.hits import assert_same_top
from tests.integrations.pages import follow_section
from tests.integrations.serving import Query, scifact_documents


def test_scifact(queries: list[Query], tmp_path: Path) -> None:
    store = SeismicDocumentStore(tmp_path / "scifact")
    documents = [
        Document(
            id=one["id"],
            content=one["text"],
            meta={"title": one["title"], "n": one["n_chars"]},
            sparse_embedding=SparseEmbedding(one["indices"], one["values"]),
        )
        for one in scifact_documents()
    ]
    assert store.write_documents(documents) == store.count_documents() == len(documents)
    retriever = SeismicSparseEmbeddingRetriever(store)
    for query in queries:
        embedding = SparseEmbedding(query.indices, query.values)
        hits = retriever.run(query_sparse_embedding=embedding)["documents"]
        assert_same_top([(one.id, one.score) for one in hits], query)
    [first] = retriever.run(SparseEmbedding([1996], [1.0]), top_k=1)["documents"]
    [wanted] = [one for one in documents if one.id == first.id]
    assert (first.content, first.meta, first.sparse_embedding) == (wanted.content, wanted.meta, wanted.sparse_embedding)


@pytest.mark.parametrize("encoder", ["splade-tiny", "bm25"])
def test_a_pipeline_by_text_that_is_written_to_a_file(encoder: str, tmp_path: Path) -> None:
    store = SeismicDocumentStore(tmp_path / "planets", encoder)
    documents = [
        Document(id="mars", content="Mars is a cold, red planet.", meta={"day": "2024-05-01"}),
        Document(id="venus", content="Venus is the hottest planet.", meta={"day": "2024-06-01T12:00:00+02:00"}),
        Document(id="raw", blob=ByteStream(b"\x00\xff", mime_type="x/y"), embedding=[0.5, 1.5]),
    ]
    assert store.write_documents(documents) == 3
    assert store.filter_documents() == documents
    pipeline = Pipeline()
    pipeline.add_component("retriever", SeismicTextRetriever(store, top_k=2))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["seismic.integrations.haystack.*"])
    for one in (pipeline, again):
        found = one.run({"retriever": {"query": "hottest planet"}})["retriever"]["documents"]
        assert [hit.id for hit in found] == ["venus", "mars"]
        assert found[0].score > found[1].score > 0
    june = {"field": "meta.day", "operator": ">=", "value": "2024-06-01T10:00:00Z"}
    found = again.run({"retriever": {"query": "planet", "filters": june}})["retriever"]["documents"]
    assert [hit.id for hit in found] == ["venus"]
    with pytest.raises(seismic.ParameterError, match=r"collection is .*, expected a path or name"):
        SeismicDocumentStore(seismic.open(tmp_path / "planets")).to_dict()


def test_policies_for_known_ids(tmp_path: Path) -> None:
    store = SeismicDocumentStore(tmp_path / "store", "splade-tiny")
    store.write_documents([Document(id="a", content="one")])
    other, new = Document(id="a", content="two"), Document(id="b", content="three")
    with pytest.raises(DuplicateDocumentError):
        store.write_documents([new, other])
    assert store.count_documents() == 1
    assert store.write_documents([other, new, new], DuplicatePolicy.SKIP) == 1
    with pytest.raises(DuplicateDocumentError, match="found document 'b' twice"):
        store.write_documents([new, new], DuplicatePolicy.FAIL)
    assert [one.content for one in store.filter_documents()] == ["one", "three"]
    assert store.write_documents([other], DuplicatePolicy.OVERWRITE) == 1
    by_id = {"field": "id", "operator": "in", "value": ["a"]}
    assert [one.content for one in store.filter_documents(by_id)] == ["two"]


def test_a_mix_of_given_and_missing_embeddings(tmp_path: Path) -> None:
    store = SeismicDocumentStore(tmp_path / "store", "splade-tiny")
    given = SparseEmbedding([5], [2.0])
    store.write_documents(
        [Document(id="a", content="planet", sparse_embedding=given), Document(id="b", content="planet")]
    )
    by_vector = SeismicSparseEmbeddingRetriever(store).run(query_sparse_embedding=given)["documents"]
    assert [(one.id, one.score) for one in by_vector] == [("a", 4.0)]
    assert [one.id for one in SeismicTextRetriever(store).run(query="planet")["documents"]] == ["b"]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"field": "embedding", "operator": "==", "value": 1}, "expected id, content, or a key of the metadata"),
        ({"field": "meta.n", "operator": "~", "value": 1}, "found the operator '~'"),
        ({"operator": "XOR", "conditions": []}, "expected AND, OR or NOT"),
        ({"field": "meta.n", "operator": "==", "value": [1]}, "expected a text, a number or a boolean"),
        ({"field": "meta.n", "operator": "==", "value": "1"}, "expected an integer: column 'meta.n' is int64"),
        ({"field": "meta.n", "operator": "<", "value": "2024-01-01"}, "compared only if it is a date"),
        ({"operator": "AND", "conditions": {}}, "expected a list"),
    ],
)
def test_filters_that_are_wrong(filters: dict[str, object], message: str, tmp_path: Path) -> None:
    store = SeismicDocumentStore(tmp_path / "store")
    store.write_documents([Document(id="a", meta={"n": 1})])
    with pytest.raises(FilterError, match=message):
        store.filter_documents(filters)


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow_section("integrations.md", "Haystack")
