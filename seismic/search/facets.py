"""Count the values of columns among the documents that match a query."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.documents.values import text_bytes, to_pylist
from seismic.kernels.matches import mark_matches
from seismic.kernels.score import load_query, make_query_table
from seismic.query import Query, as_rows
from seismic.search.codes import Columns, path_of
from seismic.search.request import FacetBy
from seismic.stop import current
from seismic.store.shard import Shard
from seismic.view.live import LiveShard
from seismic.view.scope import Part, Scope, documents_of
from seismic.view.view import View

I64s: TypeAlias = npt.NDArray[np.int64]

Counts: TypeAlias = list[tuple[Any, int]]
"""(value, number of documents), the most frequent first, then by value."""


def count_facets(
    view: View, columns: Columns, scope: Scope, query: Query | None, facets: Sequence[FacetBy]
) -> dict[str, Counts]:
    """Count, by column, the documents of the scope that share a component with the query, except its examples.

    Without a query, all documents of the scope count.

    Scans the components of every block with a document in the scope. Raises StoppedError if the time is up.
    """
    matched = matched_documents(view, scope, query)
    return {facet.key: _count_values(view, columns, facet, matched) for facet in facets}


def count_matches(view: View, scope: Scope, query: Query) -> int:
    """Return the number of documents of the scope that share a component with the query, except its examples."""
    matched = (_matched(*place, query) for place in zip(view.shards, scope.parts, view.firsts, strict=False))
    return sum(int(np.count_nonzero(which)) for which in matched if which is not None)


def matched_documents(view: View, scope: Scope, query: Query | None) -> list[npt.NDArray[np.bool_] | None]:
    """Return which documents of each shard count, bool [documents]; None if its scope is empty."""
    return [_matched(*place, query) for place in zip(view.shards, scope.parts, view.firsts, strict=False)]


def _matched(shard: LiveShard, part: Part, first: int, query: Query | None) -> npt.NDArray[np.bool_] | None:
    """Return which documents of a shard match, bool [documents]; None if its scope is empty."""
    current().check()
    if part.count == 0:
        return None
    if query is None:
        return documents_of(shard.shard, part)
    matched = matches(shard.shard, part.allowed, query)
    matched[[number - first for number in query.examples if first <= number < first + len(shard)]] = False
    return matched


def _count_values(
    view: View, columns: Columns, facet: FacetBy, matched: Sequence[npt.NDArray[np.bool_] | None]
) -> Counts:
    """Count codes first: only the values that are returned become Python objects."""
    values, ranks, totals = count_values(view, columns, facet.key, matched)
    return most_frequent(values, ranks, totals, facet)


def most_frequent(values: pa.Array, ranks: I64s, totals: I64s, facet: FacetBy) -> Counts:
    """Return the most frequent of the values of a facet."""
    best = _most_frequent(totals, ranks, facet.limit)
    current().check_bytes(text_bytes(values, best))
    return list(zip(to_pylist(values.take(best), facet.key), totals[best].tolist(), strict=True))


def count_values(
    view: View, columns: Columns, key: str, matched: Sequence[npt.NDArray[np.bool_] | None]
) -> tuple[pa.Array, I64s, I64s]:
    """Return the distinct values of a column, the rank of each in ascending order, and its number of matches."""
    path = path_of(view, key)
    unified = columns.unified(view, path)
    totals = np.zeros(len(unified.values), np.int64)
    for shard, of_shard, which in zip(view.shards, unified.of_shard, matched, strict=True):
        current().check()
        if which is not None:
            codes = columns.of(shard, path)
            chosen = codes.codes[which] if codes.documents is None else codes.codes[which[codes.documents]]
            totals[of_shard] += np.bincount(chosen[chosen >= 0], minlength=len(of_shard))
    return unified.values, unified.ranks, totals


def _most_frequent(totals: I64s, ranks: I64s, limit: int) -> I64s:
    """Return the indices of the largest totals above 0, ties by rank."""
    occurring = np.flatnonzero(totals)
    keys = ranks[occurring] - totals[occurring] * len(totals)
    if len(keys) > limit:
        some = np.argpartition(keys, limit - 1)[:limit]
        occurring, keys = occurring[some], keys[some]
    return occurring[np.argsort(keys)]


def matches(shard: Shard, allowed: npt.NDArray[np.uint8], query: Query) -> npt.NDArray[np.bool_]:
    """Return which documents of a shard match a query, bool [documents], by number."""
    shared, table = shard.shared, make_query_table(shard.dimension)
    load_query(table, *shard.local_queries(as_rows([query]))[0])
    marked = np.empty(len(shared.starts) - 1, np.uint8)
    mark_matches(shared, table, allowed, marked)
    matched = np.zeros(len(shared.numbers), bool)
    matched[shared.numbers] = np.unpackbits(marked, count=len(shared.numbers), bitorder="little")
    return matched
