"""LangChain's own standard tests of vector stores and retrievers."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

import seismic
from seismic.integrations.langchain import SeismicRetriever, SeismicVectorStore


class Overlapping:
    """Sparse embeddings as langchain-qdrant has them. The tests expect a query to find every document, as dense vectors
    do, so all vectors share a component."""

    def embed_documents(self, texts: list[str]) -> list[dict[int, float]]:
        return [{0: 0.1, **{ord(letter): 1.0 for letter in text}} for text in texts]

    def embed_query(self, text: str) -> dict[int, float]:
        return self.embed_documents([text])[0]


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> VectorStore:
        return SeismicVectorStore(tmp_path / "store", Overlapping())


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def collection(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.path = tmp_path_factory.mktemp("retriever") / "planets"
        texts = [
            "Mars is a cold planet.",
            "Venus is a hot planet.",
            "A planet is round.",
            "The planet Saturn has rings.",
        ]
        SeismicVectorStore.from_texts(texts, "splade-tiny", collection=cls.path)

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return SeismicRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"collection": seismic.open(self.path)}

    @property
    def retriever_query_example(self) -> str:
        return "a planet"
