"""Count the values of columns among the documents that match a query."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.documents.values import to_pylist
from seismic.kernels.matches import mark_matches
from seismic.kernels.score import load_query, make_query_table
from seismic.query import Query, as_rows
from seismic.search.codes import Columns
from seismic.search.request import FacetBy
from seismic.stop import current
from seismic.store.shard import Shard
from seismic.view.scope import Scope
from seismic.view.view import View

Counts: TypeAlias = list[tuple[Any, int]]
"""(value, number of documents), the most frequent first, then by value."""


def count_facets(
    view: View, columns: Columns, scope: Scope, query: Query, facets: Sequence[FacetBy]
) -> dict[str, Counts]:
    """Count, by column, the documents of the scope that share a component with the query, except its examples.

    Scans the components of every block with a document in the scope.
    """
    totals: dict[str, Counter[Any]] = {facet.key: Counter() for facet in facets}
    for shard, part, first in zip(view.shards, scope.parts, view.firsts, strict=False):
        current().check()
        if part.count == 0:
            continue
        matched = matches(shard.shard, part.allowed, query)
        here = [number - first for number in query.examples if first <= number < first + len(shard)]
        matched[here] = False
        for key, total in totals.items():
            codes = columns.of(shard, key)
            chosen = codes.codes[matched] if codes.documents is None else codes.codes[matched[codes.documents]]
            counts = np.bincount(chosen[chosen >= 0], minlength=len(codes.values))
            occurring = np.flatnonzero(counts)
            values = to_pylist(codes.values.take(occurring))
            total.update(dict(zip(values, counts[occurring].tolist(), strict=True)))
    return {facet.key: sorted(totals[facet.key].items(), key=_order)[: facet.limit] for facet in facets}


def _order(entry: tuple[Any, int]) -> tuple[int, bool, Any]:
    value, count = entry
    return -count, isinstance(value, str), value  # text sorts after other values


def matches(shard: Shard, allowed: npt.NDArray[np.uint8], query: Query) -> npt.NDArray[np.bool_]:
    """Return which documents of a shard match a query, bool [documents], by number."""
    shared, table = shard.shared, make_query_table(shard.dimension)
    load_query(table, *shard.local_queries(as_rows([query]))[0])
    marked = np.empty(len(shared.starts) - 1, np.uint8)
    mark_matches(shared, table, allowed, marked)
    matched = np.zeros(len(shared.numbers), bool)
    matched[shared.numbers] = np.unpackbits(marked, count=len(shared.numbers), bitorder="little")
    return matched
