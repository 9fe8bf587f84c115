"""Haystack's Qdrant store with sparse embeddings, unchanged: SciFact, and what the store offers."""

from collections.abc import Iterator

import pytest
from haystack import Document
from haystack.dataclasses import SparseEmbedding
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.retrievers.qdrant import QdrantSparseEmbeddingRetriever
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

from tests.integrations.hits import assert_same_top
from tests.integrations.serving import PATIENCE, Query, scifact_documents, serve


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("served"), "--compat", "qdrant") as service:
        yield f"{service.url}/qdrant"


def store(url: str, name: str, **options: object) -> QdrantDocumentStore:
    return QdrantDocumentStore(
        url=url, index=name, use_sparse_embeddings=True, timeout=PATIENCE, progress_bar=False, **options
    )


def embedding(indices: list[int], values: list[float]) -> SparseEmbedding:
    return SparseEmbedding(indices=indices, values=values)


def test_scifact(url: str, queries: list[Query]) -> None:
    documents = [
        Document(
            id=one["id"],
            content=one["text"],
            meta={"title": one["title"]},
            sparse_embedding=embedding(one["indices"], one["values"]),
        )
        for one in scifact_documents()
    ]
    found = store(url, "scifact", write_batch_size=500)
    assert found.write_documents(documents) == len(documents)
    assert found.count_documents() == len(documents)
    retriever = QdrantSparseEmbeddingRetriever(document_store=found, top_k=10, scale_score=False)
    for query in queries:
        hits = retriever.run(query_sparse_embedding=embedding(query.indices, query.values))["documents"]
        assert_same_top([(hit.id, hit.score) for hit in hits], query)


def test_documents_are_written_filtered_and_deleted(url: str) -> None:
    made = store(url, "small", sparse_idf=True)
    documents = [
        Document(
            id="a", content="planet", meta={"year": 1, "tags": ["x", "y"]}, sparse_embedding=embedding([1], [1.0])
        ),
        Document(id="b", content="cell", meta={"year": 2}, sparse_embedding=embedding([2], [2.0])),
    ]
    assert made.write_documents(documents) == 2
    assert made.write_documents(documents, policy=DuplicatePolicy.SKIP) == 0
    by_year = {"field": "meta.year", "operator": ">=", "value": 2}
    assert [one.id for one in made.filter_documents(by_year)] == ["b"]
    both = {"operator": "OR", "conditions": [by_year, {"field": "meta.tags", "operator": "in", "value": ["x"]}]}
    found = sorted(made.filter_documents(both), key=lambda one: one.id)
    assert [(one.id, one.content, one.meta) for one in found] == [(one.id, one.content, one.meta) for one in documents]
    again = store(url, "small", sparse_idf=True)  # checks the dense vector that it declared
    again.delete_documents(["a"])
    assert again.count_documents() == 1
