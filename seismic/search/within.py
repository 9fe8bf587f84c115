"""Queries whose words weigh by their document frequencies within a scope, such as a tenant."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.encoders import Encoded, Encoder
from seismic.errors import QueryError
from seismic.fields.entry import FieldEntry
from seismic.fields.joined import JoinedVocabulary
from seismic.kernels.constants import BLOCK
from seismic.kernels.matches import count_matches
from seismic.kernels.score import load_query, make_query_table
from seismic.kernels.score_all import score_documents
from seismic.query import Query, QueryLike
from seismic.search.examples import resolve_query
from seismic.search.fielded import Weighing
from seismic.stop import current
from seismic.store.shard import Shard
from seismic.vectors import MIN_VALUE, SparseVectors
from seismic.view.scope import Part, Scope, documents_of
from seismic.view.view import View
from seismic.vocabulary import inverse_document_frequency

Count: TypeAlias = Callable[[View, Scope, npt.NDArray[np.uint32]], npt.NDArray[np.int64]]
"""Returns the number of documents of a scope that have each component, as `document_frequency` does."""


def resolve_within(view: View, scope: Scope, query: QueryLike, count: Count | None = None) -> Query:
    """Return the query that a request asks, with words of texts weighed by the documents of `scope`.

    `count`: counts them; None is `document_frequency`.

    Raises QueryError if the query has no text, or the collection's encoder does not weigh words by frequencies.
    """
    encoders = [field.encoder for field in view.fields] or [view.manifest.encoder]
    if not any(entry is not None and entry.queries == "idf" for entry in encoders) and not _weighs(view):
        raise QueryError(
            "idf_filter: the words of this collection's queries are not weighed by document frequencies, expected BM25 "
            "or a collection built with --query-encoder idf"
        )
    weighing = _Within(view, scope, count or document_frequency)
    resolved = resolve_query(view, query, weighing)
    if not weighing.used:
        raise QueryError("idf_filter: found no text in the query, expected one, whose words it weighs")
    return resolved


def _weighs(view: View) -> bool:
    """Return whether components of queries are weighed by frequencies."""
    return any(field.idf for field in view.fields)


class _Within(Weighing):
    """Weighs queries by frequencies within a scope. ``used``: whether it weighed anything."""

    def __init__(self, view: View, scope: Scope, count: Count) -> None:
        super().__init__(view)
        self._scope, self._count, self.used = scope, count, False

    def encode_plain(self, texts: Sequence[str]) -> Encoded:
        """Encode queries of a collection without fields."""
        every = np.arange(self.view.dimension, dtype=np.uint32)
        return self._encode(self.view.encoder, every, texts, self._scope.count)

    def encode(self, field: FieldEntry, texts: Sequence[str]) -> Encoded:
        """Encode queries of a field, with its own components."""
        encoder = self.view.field_encoder(field)
        if encoder.entry.queries != "idf":
            return encoder.encode_queries(texts)
        having = documents_with(self.view, self._scope, field)
        return self._encode(encoder, components_of(self.view, field), texts, having)

    def idf(self, field: FieldEntry, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
        """Return float32 [n]: the inverse document frequencies of components."""
        return self._idf(components, documents_with(self.view, self._scope, field))

    def _encode(
        self, encoder: Encoder, numbers: npt.NDArray[np.uint32], texts: Sequence[str], documents: int
    ) -> Encoded:
        """Encode texts by an encoder; `numbers` has the component of each of its own."""
        encoded = encoder.weigh(np.ones(len(numbers), np.float32))(texts)
        counts = encoded.vectors
        components, places = np.unique(counts.components, return_inverse=True)
        idf = self._idf(numbers[components], documents)
        values = np.maximum(counts.values * idf[places], np.float32(MIN_VALUE))
        vectors = SparseVectors.trusted(counts.indptr, counts.components, values, counts.dimension)
        return encoded._replace(vectors=vectors)

    def _idf(self, components: npt.NDArray[np.uint32], documents: int) -> npt.NDArray[np.float32]:
        self.used = True
        return inverse_document_frequency(self._count(self.view, self._scope, components), documents)


def document_frequency(view: View, scope: Scope, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Return int64 [n]: the number of documents of a scope that have each component. Components are ascending.

    Scans the components of every block with a document in the scope. Raises StoppedError if the time is up.
    """
    total = np.zeros(len(components), np.int64)
    for shard, part in zip(view.shards, scope.parts, strict=True):
        current().check()
        if part.count:
            total += count_in_shard(shard.shard, part.allowed, components)
    return total


def count_in_shard(
    shard: Shard, allowed: npt.NDArray[np.uint8], components: npt.NDArray[np.uint32]
) -> npt.NDArray[np.int64]:
    """Return int64 [n]: the number of allowed documents of a shard that have each component."""
    table, counts = make_query_table(shard.dimension), np.zeros(max(shard.dimension, 1 << 16), np.int64)
    rows, known = components.astype(np.int64), components < shard.dimension
    if shard.used is not None:
        rows, known = shard.used.rows(components)
    load_query(table, rows[known].astype(np.uint32), np.ones(int(known.sum()), np.float32))
    count_matches(shard.shared, table, allowed, counts)
    return np.where(known, counts[np.where(known, rows, 0)], 0)


def components_of(view: View, field: FieldEntry) -> npt.NDArray[np.uint32]:
    """Return the components of a field, in the order of its own."""
    if isinstance(view.vocabulary, JoinedVocabulary):
        return view.vocabulary.parts[field.name].joined
    return np.arange(view.dimension, dtype=np.uint32)


def documents_with(view: View, scope: Scope, field: FieldEntry) -> int:
    """Return the number of documents of a scope that have a field. Raises StoppedError if the time is up."""
    if view.field_documents[field.name] == view.live:
        return scope.count
    return sum(_having(shard.shard, part, view, field) for shard, part in zip(view.shards, scope.parts, strict=True))


def _having(shard: Shard, part: Part, view: View, field: FieldEntry) -> int:
    stop = current()
    stop.check()
    rows = np.arange(shard.dimension)
    if isinstance(view.vocabulary, JoinedVocabulary):
        rows = components_of(view, field).astype(np.int64)
        if shard.used is not None:
            rows, known = shard.used.rows(rows)
            rows = rows[known]
    table, scores = make_query_table(shard.dimension), np.zeros(len(shard), np.float32)
    load_query(table, rows.astype(np.uint32), np.ones(len(rows), np.float32))
    score_documents(shard.shared, table, scores, np.empty(BLOCK), stop.flag)
    stop.check()
    return int(np.count_nonzero(documents_of(shard, part) & (scores > 0)))
