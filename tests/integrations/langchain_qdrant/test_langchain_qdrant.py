"""LangChain's Qdrant store in sparse mode, unchanged: SciFact, and what the store offers."""

from collections.abc import Iterator

import pytest
from langchain_core.documents import Document
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
from qdrant_client import models

from tests.integrations.hits import assert_same_top
from tests.integrations.serving import PATIENCE, Query, scifact_documents, serve

BATCH = 256


class Known(SparseEmbeddings):
    """The vectors of texts that are known."""

    def __init__(self) -> None:
        self.vectors: dict[str, SparseVector] = {}

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        return [self.vectors[text] for text in texts]

    def embed_query(self, text: str) -> SparseVector:
        return self.vectors[text]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("served"), "--compat", "qdrant") as service:
        yield f"{service.url}/qdrant"


def store(url: str, texts: list[str], known: Known, name: str, **options: object) -> QdrantVectorStore:
    return QdrantVectorStore.from_texts(
        texts,
        url=url,
        collection_name=name,
        retrieval_mode=RetrievalMode.SPARSE,
        sparse_embedding=known,
        timeout=PATIENCE,
        **options,
    )


def test_scifact(url: str, queries: list[Query]) -> None:
    documents, known = scifact_documents(), Known()
    for one in [*documents, *(query._asdict() for query in queries)]:
        known.vectors[one["text"]] = SparseVector(indices=one["indices"], values=one["values"])
    metadatas = [{"id": one["id"], "title": one["title"]} for one in documents]
    found = store(url, [one["text"] for one in documents], known, "scifact", metadatas=metadatas, batch_size=BATCH)
    for query in queries:
        hits = found.similarity_search_with_score(query.text, k=10)
        assert_same_top([(document.metadata["id"], score) for document, score in hits], query)


def test_documents_are_added_found_by_filter_and_deleted(url: str) -> None:
    known = Known()
    known.vectors |= {
        "planet orbit": SparseVector(indices=[1, 2], values=[1.0, 2.0]),
        "stem cell": SparseVector(indices=[3, 4], values=[1.0, 1.0]),
        "blood cell": SparseVector(indices=[4, 5], values=[2.0, 1.0]),
        "cell": SparseVector(indices=[4], values=[1.0]),
    }
    metadatas = [{"year": 1, "s": {"a": [1]}}, {"year": 2}]
    made = store(url, ["planet orbit", "stem cell"], known, "small", metadatas=metadatas)
    assert [document.page_content for document in made.similarity_search("cell", k=5)] == ["stem cell"]
    existing = QdrantVectorStore.from_existing_collection(
        "small", url=url, retrieval_mode=RetrievalMode.SPARSE, sparse_embedding=known
    )
    id = "6ba7b8109dad11d180b400c04fd430c8"  # without dashes, as the store makes them
    assert existing.add_documents([Document(page_content="blood cell", metadata={"year": 3})], ids=[id]) == [id]
    assert [one.page_content for one in existing.as_retriever(search_kwargs={"k": 1}).invoke("cell")] == ["blood cell"]
    year = models.FieldCondition(key="metadata.year", match=models.MatchValue(value=2))
    hits = existing.similarity_search("cell", k=5, filter=models.Filter(must=[year]))
    assert [(one.page_content, one.metadata["year"]) for one in hits] == [("stem cell", 2)]
    (got,) = existing.get_by_ids([id])
    assert got.page_content == "blood cell"
    assert existing.delete([id])
    assert existing.get_by_ids([id]) == []
    assert existing.similarity_search("planet orbit", k=1)[0].metadata["s"] == {"a": [1]}
