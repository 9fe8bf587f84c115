"""SciFact by LlamaIndex's retriever interface, alone and in a query engine."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import get_response_synthesizer
from llama_index.core.llms.mock import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever

import seismic
from seismic.integrations.llamaindex import SeismicRetriever
from tests.integrations.hits import assert_same_top
from tests.integrations.pages import follow_section
from tests.integrations.serving import Query

TEXTS = ["Mars is a cold, red planet.", "Venus is the hottest planet.", "Bread is made of flour."]


class Known:
    """Sparse embeddings of queries whose vectors are known."""

    def __init__(self, queries: list[Query]) -> None:
        self.vectors = {one.text: {"indices": one.indices, "values": one.values} for one in queries}

    def embed_documents(self, texts: list[str]) -> list[Any]:
        return [self.vectors[text] for text in texts]

    def embed_query(self, text: str) -> Any:
        return self.vectors[text]


def test_scifact(queries: list[Query], scifact_folder: Path) -> None:
    retriever = SeismicRetriever(scifact_folder / "scifact", encoder=Known(queries))
    for query in queries:
        nodes = retriever.retrieve(query.text)
        assert_same_top([(one.node_id, one.score) for one in nodes], query)
    assert {"title", "n_chars"} <= nodes[0].metadata.keys()
    again = asyncio.run(retriever.aretrieve(queries[-1].text))
    assert [(one.node_id, one.text) for one in again] == [(one.node_id, one.text) for one in nodes]


@pytest.fixture
def planets(tmp_path: Path) -> Path:
    encoder = seismic.load_encoder("splade-tiny")
    documents = {"id": ["mars", "venus", "bread"], "text": TEXTS, "year": [1, 2, 3]}
    seismic.build(encoder.encode_documents(TEXTS).vectors, tmp_path / "planets", documents=documents, encoder=encoder)
    return tmp_path / "planets"


def test_texts_by_the_encoder_of_the_collection(planets: Path) -> None:
    retriever = SeismicRetriever(planets, 2)
    nodes = retriever.retrieve("Which planet is hot?")
    assert [(one.node_id, one.text, one.metadata) for one in nodes] == [
        ("venus", TEXTS[1], {"year": 2}),
        ("mars", TEXTS[0], {"year": 1}),
    ]
    assert [one.node_id for one in SeismicRetriever(planets, filter={"year": 1}).retrieve("planet")] == ["mars"]
    engine = RetrieverQueryEngine(retriever, get_response_synthesizer(llm=MockLLM()))
    answer = engine.query("Which planet is hot?")
    assert [one.node_id for one in answer.source_nodes] == ["venus", "mars"]
    fused = QueryFusionRetriever([retriever, retriever], llm=MockLLM(), num_queries=1, similarity_top_k=1)
    assert [one.node_id for one in fused.retrieve("hot planet")] == ["venus"]


def test_what_is_wrong_is_said(planets: Path) -> None:
    with pytest.raises(seismic.IndexNotFoundError):
        SeismicRetriever(planets.parent / "none")
    with pytest.raises(seismic.ParameterError, match="found no column 'body' of texts in collection 'planets'"):
        SeismicRetriever(planets, text_column="body")


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow_section("integrations.md", "LlamaIndex")
