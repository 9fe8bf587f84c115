"""Haystack: a document store, and retrievers by text and by sparse embedding."""

from seismic.integrations.haystack.retrievers import SeismicSparseEmbeddingRetriever, SeismicTextRetriever
from seismic.integrations.haystack.store import SeismicDocumentStore

__all__ = ["SeismicDocumentStore", "SeismicSparseEmbeddingRetriever", "SeismicTextRetriever"]
