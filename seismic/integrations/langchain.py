"""LangChain: a vector store and a retriever."""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr

from seismic.conversion.plain import excerpt
from seismic.errors import InputError, ParameterError
from seismic.extras import hinted
from seismic.filters.language import FilterLike
from seismic.index import Index
from seismic.integrations.encoding import EncoderLike
from seismic.integrations.texts import Stored, TextCollection

with hinted():
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore


class SeismicVectorStore(VectorStore):
    """A vector store of sparse vectors. Scores are inner products.

    `collection`: an index, or a folder; a folder without a collection gets one, which needs `encoder`: a name such as
    "splade-tiny" or "bm25", a sentence-transformers SparseEncoder, or sparse embeddings with `embed_documents` and
    `embed_query`. `text_column`, `metadata_column`: where a collection has texts and the JSON of metadata. Filters name
    the metadata's keys as columns, such as `metadata.year`. Raises ParameterError, InputError or StorageError.
    """

    def __init__(
        self,
        collection: Index | str | Path,
        encoder: EncoderLike | None = None,
        *,
        text_column: str = "text",
        metadata_column: str = "metadata",
    ) -> None:
        self._texts = TextCollection(collection, encoder, text=text_column, metadata=metadata_column)

    @property
    def index(self) -> Index:
        """The index that is searched."""
        return self._texts.index

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: EncoderLike | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        collection: Index | str | Path,
        **options: Any,
    ) -> Self:
        """Return a store with these texts. `embedding`: the encoder."""
        store = cls(collection, embedding, **options)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **unknown: Any,
    ) -> list[str]:
        """Add texts, replacing those with the same id, and return their ids. Raises InputError or StorageError."""
        _refuse(unknown)
        texts = [*texts]
        metadatas = [{} for _ in texts] if metadatas is None else metadatas
        given = [None] * len(texts) if ids is None else ids
        if not len(texts) == len(metadatas) == len(given):
            found = f"{len(texts)} texts, {len(metadatas)} metadatas and {len(given)} ids"
            raise InputError(f"found {found}, expected equal numbers")
        named = [id or uuid.uuid4().hex for id in given]
        self._texts.add(named, texts, metadatas)
        return named

    def delete(self, ids: list[str] | None = None, *, filter: FilterLike | None = None, **unknown: Any) -> bool:
        """Remove documents by id or by filter; without both, all. Unknown ids are ignored."""
        _refuse(unknown)
        self._texts.remove(ids, filter)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return the documents of ids; none for unknown ids."""
        return [_document(one) for one in self._texts.get(ids)]

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """Return the k best documents; `options` as for `similarity_search_with_score`."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **options)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: FilterLike | None = None,
        score_threshold: float | None = None,
        recall: float | None = None,
        **unknown: Any,
    ) -> list[tuple[Document, float]]:
        """Return the k best documents with their scores, best first; only those from `score_threshold`.

        `filter`: see docs/filters.md. `recall`: None is exact. Raises QueryError, ParameterError or FilterError.
        """
        _refuse(unknown)
        found = self._texts.search(query, k, filter, recall=recall, score_threshold=score_threshold)
        return [(_document(one), one.score) for one in found]


class SeismicRetriever(BaseRetriever):
    """A retriever of the `k` best documents of a collection, with their scores in `metadata["score"]`.

    `collection`: an index or a folder. The other fields are those of `SeismicVectorStore` and of its searches.
    """

    collection: Any
    encoder: Any = None
    k: int = 10
    filter: Any = None
    score_threshold: float | None = None
    recall: float | None = None
    text_column: str = "text"
    metadata_column: str = "metadata"

    _texts: TextCollection = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Open the collection."""
        super().model_post_init(context)
        self._texts = TextCollection(
            self.collection, self.encoder, text=self.text_column, metadata=self.metadata_column
        )

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: FilterLike | None = None,
        **unknown: Any,
    ) -> list[Document]:
        _refuse(unknown)
        found = self._texts.search(
            query,
            self.k if k is None else k,
            self.filter if filter is None else filter,
            recall=self.recall,
            score_threshold=self.score_threshold,
        )
        return [_document(one, score=one.score) for one in found]


def _document(one: Stored, **more: Any) -> Document:
    return Document(id=one.id, page_content=one.text, metadata=one.metadata | more)


def _refuse(unknown: dict[str, Any]) -> None:
    """Raise ParameterError for arguments that a method does not have."""
    for name, value in unknown.items():
        raise ParameterError(f"found {name}={excerpt(value)}, expected no such argument")
