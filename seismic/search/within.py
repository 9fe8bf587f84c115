"""Queries whose words weigh by their document frequencies within a scope, such as a tenant."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from seismic.encoders import Encoded
from seismic.errors import QueryError
from seismic.kernels.matches import count_matches
from seismic.kernels.score import load_query, make_query_table
from seismic.query import Query, QueryLike
from seismic.search.examples import resolve_query
from seismic.stop import current
from seismic.store.shard import Shard
from seismic.vectors import MIN_VALUE, SparseVectors
from seismic.view.scope import Scope
from seismic.view.view import View
from seismic.vocabulary import inverse_document_frequency


def resolve_within(view: View, scope: Scope, query: QueryLike) -> Query:
    """Return the query that a request asks, with words of texts weighed by the documents of `scope`.

    Raises QueryError if the query has no text, or the collection's encoder does not weigh words by frequencies.
    """
    entry = view.manifest.encoder
    if entry is None or entry.queries != "idf":
        raise QueryError(
            "idf_filter: the words of this collection's queries are not weighed by document frequencies, expected BM25 "
            "or a collection built with --query-encoder idf"
        )
    encode = _Within(view, scope)
    resolved = resolve_query(view, query, encode)
    if not encode.used:
        raise QueryError("idf_filter: found no text in the query, expected one, whose words it weighs")
    return resolved


class _Within:
    """Encodes texts by frequencies within a scope. ``used``: whether it was called."""

    def __init__(self, view: View, scope: Scope) -> None:
        self._view, self._scope, self.used = view, scope, False

    def __call__(self, texts: Sequence[str]) -> Encoded:
        self.used = True
        dimension = self._view.dimension
        encoded = self._view.encoder.weigh(np.ones(dimension, np.float32))(texts)
        counts = encoded.vectors
        components, places = np.unique(counts.components, return_inverse=True)
        frequency = document_frequency(self._view, self._scope, components.astype(np.uint32))
        idf = inverse_document_frequency(frequency, self._scope.count)
        values = np.maximum(counts.values * idf[places], np.float32(MIN_VALUE))
        return encoded._replace(vectors=SparseVectors.trusted(counts.indptr, counts.components, values, dimension))


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
