"""SciFact by LangChain's interfaces, and what the store offers."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

import seismic
from seismic.integrations.langchain import SeismicRetriever, SeismicVectorStore
from tests.integrations.hits import assert_same_top
from tests.integrations.pages import follow_section
from tests.integrations.serving import Query, scifact_documents


class Known:
    """Sparse embeddings of texts whose vectors are known."""

    def __init__(self, known: list[dict[str, Any]]) -> None:
        self.vectors = {one["text"]: {"indices": one["indices"], "values": one["values"]} for one in known}

    def embed_documents(self, texts: list[str]) -> list[Any]:
        return [self.vectors[text] for text in texts]

    def embed_query(self, text: str) -> Any:
        return self.vectors[text]


def test_scifact_by_the_store(queries: list[Query], tmp_path: Path) -> None:
    documents = scifact_documents()
    known = Known([*documents, *(query._asdict() for query in queries)])
    store = SeismicVectorStore.from_documents(
        [
            Document(page_content=one["text"], id=one["id"], metadata={"title": one["title"], "n": one["n_chars"]})
            for one in documents
        ],
        known,
        collection=tmp_path / "scifact",
    )
    for query in queries:
        hits = store.similarity_search_with_score(query.text, k=10)
        assert_same_top([(document.id, score) for document, score in hits], query)
    [found] = store.similarity_search(queries[0].text, k=1)
    assert found.metadata["title"] == {one["id"]: one["title"] for one in documents}[found.id]


def test_scifact_by_the_retriever(queries: list[Query], scifact_folder: Path) -> None:
    """A collection that `seismic build` made, with columns in place of metadata."""
    texts = {one.text: {"indices": one.indices, "values": one.values} for one in queries}
    retriever = SeismicRetriever(
        collection=scifact_folder / "scifact", encoder=Known([one._asdict() for one in queries]), k=10
    )
    assert len(texts) == len(queries)
    for query in queries:
        hits = retriever.invoke(query.text)
        assert_same_top([(one.id, one.metadata["score"]) for one in hits], query)
    [first] = retriever.invoke(queries[0].text, k=1)
    assert {"title", "n_chars", "score"} <= first.metadata.keys()


@pytest.mark.parametrize("encoder", ["splade-tiny", "bm25"])
def test_texts_by_an_encoder_of_ours(encoder: str, tmp_path: Path) -> None:
    store = SeismicVectorStore(tmp_path / "planets", encoder)
    metadatas: list[dict[str, Any]] = [
        {"year": 1, "place": {"lang": "en"}, "tags": ["a", "b"]},
        {"year": 2.5, "nested": [{"deep": True}], "none": None},
    ]
    texts = ["Mars is a cold, red planet.", "Venus is the hottest planet."]
    assert store.add_texts(texts, metadatas, ids=["mars", "venus"]) == ["mars", "venus"]
    [generated] = store.add_texts(["Bread is made of flour."])
    assert [one.id for one in store.similarity_search("hottest planet", k=2)] == ["venus", "mars"]
    assert [one.metadata for one in store.get_by_ids(["mars", "none", "venus"])] == metadatas
    for filter in ({"metadata.year": 1}, {"metadata.place.lang": "en"}, {"metadata.tags": "b"}):
        assert [one.id for one in store.similarity_search("planet", filter=filter)] == ["mars"]
    recent = {"key": "metadata.year", "range": {"gte": 2}}
    assert [one.id for one in store.as_retriever(search_kwargs={"filter": recent}).invoke("planet")] == ["venus"]
    assert [one.id for one in SeismicRetriever(collection=tmp_path / "planets", filter=recent).invoke("planet")] == [
        "venus"
    ]
    assert store.similarity_search("planet", score_threshold=1e4) == []
    again = SeismicVectorStore(tmp_path / "planets")
    assert again.delete(["mars"])
    assert [one.id for one in store.similarity_search("planet", k=2)] == ["venus"]  # sees the other's change
    assert store.delete(filter=recent)
    assert store.get_by_ids([generated])[0].page_content == "Bread is made of flour."
    assert store.delete()
    assert len(store.index) == 0


def test_what_is_wrong_is_said_and_nothing_is_added(tmp_path: Path) -> None:
    with pytest.raises(seismic.IndexNotFoundError):
        SeismicVectorStore(tmp_path / "none")
    with pytest.raises(seismic.ParameterError, match="encoder is 7, expected an Encoder"):
        SeismicVectorStore(tmp_path / "none", 7)
    store = SeismicVectorStore(tmp_path / "planets", "splade-tiny")
    with pytest.raises(seismic.ParameterError, match="found fetch_k=7, expected no such argument"):
        store.similarity_search("planet", fetch_k=7)
    with pytest.raises(seismic.InputError, match="found 1 texts, 1 metadatas and 2 ids, expected equal numbers"):
        store.add_texts(["a"], ids=["1", "2"])
    with pytest.raises(seismic.InputError, match="metadata of 'x': Object of type set is not JSON serializable"):
        store.add_texts(["a"], [{"tags": {1}}], ids=["x"])
    with pytest.raises(seismic.InputError, match=r"column 'metadata\.year'"):
        store.add_texts(["a", "b"], [{"year": 1}, {"year": "1"}])
    with pytest.raises(seismic.ParameterError, match="encoder is 'bm25', but collection 'planets' has 'splade-tiny'"):
        SeismicVectorStore(tmp_path / "planets", "bm25")
    assert len(store.index) == 0


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow_section("integrations.md", "LangChain")
