"""Queries that name documents: more like this one, like these, unlike those.

The query is Rocchio's: the mean of the positive examples less half the mean of the negative ones. Weights are positive,
so what falls to 0 or below is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seismic.changes.records import check_delete
from seismic.errors import InputError, QueryError
from seismic.query import Query, QueryLike, parse_query
from seismic.vectors import MIN_VALUE, SparseVectors
from seismic.view import View

NEGATIVE = 0.5
"""The weight of negative examples: then the query points where 2 x positive - negative does."""

MAX_EXAMPLES = 1000
"""Of each kind, in one query."""


class Question(NamedTuple):
    """A query over the components of an index, and the documents (their numbers) that it was made of, which are no
    hits."""

    query: Query
    examples: tuple[int, ...] = ()


def understand(view: View, query: QueryLike) -> Question:
    """What a query of any kind asks of a view. Raises QueryError."""
    if isinstance(query, Mapping):
        if "id" in query and len(query) == 1:
            return _like(view, [query["id"]], [], "id")
        if query.keys() & {"positive", "negative"} and query.keys() <= {"positive", "negative"}:
            return _like(view, query.get("positive", []), query.get("negative", []), "positive")
    return Question(parse_query(query, view.manifest.dimension, view.vocabulary, view.encode_query))


def numbers_of(view: View, ids: Sequence[Any]) -> list[int]:
    """Document numbers of ids, -1 for those that are not there. InputError for ids of another type than the view's."""
    try:
        numbers: list[int] = view.find(check_delete(ids, view.rules).ids).tolist()
    except OverflowError:  # Arrow's, for integers beyond 64 bits
        raise InputError("ids: found an integer beyond 64 bits") from None
    return numbers


def _like(view: View, positive: Any, negative: Any, name: str) -> Question:
    total, examples, unknown = np.zeros(view.manifest.dimension), [], []
    for given, kind, weight in ((positive, name, 1.0), (negative, "negative", -NEGATIVE)):
        vectors, numbers, others = _examples(view, given, kind)
        if len(vectors):
            total += weight / len(vectors) * np.bincount(vectors.components, vectors.values, len(total))
        elif weight > 0:
            raise QueryError("positive: found no example, expected at least one")
        examples += numbers
        unknown += others
    components = np.flatnonzero(total >= MIN_VALUE)
    query = Query(components.astype(np.uint32), total[components].astype(np.float32), tuple(dict.fromkeys(unknown)))
    return Question(query, tuple(examples))


def _examples(view: View, given: Any, kind: str) -> tuple[SparseVectors, list[int], list[int | str]]:
    """Vectors of examples, the numbers of those that are documents, and what the index does not know of the others."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise QueryError(f"{kind}: found a {type(given).__name__}, expected a list of ids or of sparse vectors")
    if len(given) > MAX_EXAMPLES:
        raise QueryError(f"{kind}: found {len(given)} examples, expected at most {MAX_EXAMPLES}")
    ids = [one for one in given if not isinstance(one, Mapping)]
    try:
        numbers = numbers_of(view, ids)
    except InputError as error:
        raise QueryError(f"{kind}: {error}") from None
    if -1 in numbers:
        raise QueryError(f"{kind}: found no document {ids[numbers.index(-1)]!r}, expected one of the collection")
    dimension, parts = view.manifest.dimension, [view.vectors(numbers)]
    unknown: list[int | str] = []
    for at, vector in enumerate(given):
        if isinstance(vector, Mapping):
            try:
                query = parse_query(vector, dimension, view.vocabulary)
            except QueryError as error:
                raise QueryError(f"{kind} {at}: {error}") from None
            indptr = np.array([0, len(query.values)])
            parts.append(SparseVectors.trusted(indptr, query.components, query.values, dimension))
            unknown += query.unknown
    return SparseVectors.concatenate(parts), numbers, unknown
