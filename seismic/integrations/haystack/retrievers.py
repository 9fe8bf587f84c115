"""Haystack's components that search the document store."""

from typing import Any

from seismic.extras import hinted
from seismic.integrations.haystack.store import SeismicDocumentStore

with hinted():
    from haystack import Document, component
    from haystack.dataclasses import SparseEmbedding


@component
class SeismicTextRetriever:
    """Retrieve the best documents for a text, which the encoder of the store encodes."""

    def __init__(
        self, document_store: SeismicDocumentStore, top_k: int = 10, filters: dict[str, Any] | None = None
    ) -> None:
        self.document_store, self.top_k, self.filters = document_store, top_k, filters

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return {"documents": the best documents}. `top_k`, `filters`: in place of those of the retriever."""
        return {"documents": self.document_store.search(query, *_chosen(self, top_k, filters))}


@component
class SeismicSparseEmbeddingRetriever:
    """Retrieve the best documents for a sparse embedding, such as that of Haystack's sparse text embedders."""

    def __init__(
        self, document_store: SeismicDocumentStore, top_k: int = 10, filters: dict[str, Any] | None = None
    ) -> None:
        self.document_store, self.top_k, self.filters = document_store, top_k, filters

    @component.output_types(documents=list[Document])
    def run(
        self, query_sparse_embedding: SparseEmbedding, top_k: int | None = None, filters: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return {"documents": the best documents}. `top_k`, `filters`: in place of those of the retriever."""
        query = query_sparse_embedding.to_dict()
        return {"documents": self.document_store.search(query, *_chosen(self, top_k, filters))}


def _chosen(retriever: Any, top_k: int | None, filters: dict[str, Any] | None) -> tuple[int, dict[str, Any] | None]:
    """Return what a call gives, or else what the retriever has."""
    return retriever.top_k if top_k is None else top_k, retriever.filters if filters is None else filters
