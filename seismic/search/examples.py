"""Queries by example: documents like this one, like these and unlike those.

The query is Rocchio's: the mean of the positive examples minus half the mean of the negative ones, without the
components whose weight is not positive.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.changes.records import check_delete
from seismic.components import add_up
from seismic.conversion.plain import excerpt
from seismic.errors import InputError, QueryError
from seismic.query import Query, QueryLike, as_rows, parse_batch, parse_query, plain_query
from seismic.search.fielded import FieldParser, Weighing
from seismic.stop import current
from seismic.threads import in_order
from seismic.vectors import MIN_VALUE, SparseVectors
from seismic.view.view import View

NEGATIVE = 0.5
"""Weight of negative examples; the query points in the direction of 2 x positive - negative."""

Parse: TypeAlias = Callable[[QueryLike], Query]
"""Parses a query that is no example."""

MAX_EXAMPLES, MAX_TEXTS = 1000, 16
"""Most examples of a kind in one query, and most of them that are texts, which take far longer."""


def resolve_query(view: View, query: QueryLike | Query, weighing: Weighing | None = None) -> Query:
    """Return the query that a request asks of a view, encoding texts and fetching examples. Raises QueryError.

    `weighing`: weighs it; None by all documents. A query that was parsed for this view stays as it is.
    """
    if isinstance(query, Query):
        return query
    if view.fields:
        if isinstance(query, SparseVectors) and len(view.fields) > 1:  # of joined components, such as pseudo-queries
            return parse_query(query, view.dimension)
        parser = FieldParser(view, weighing or Weighing(view))
        return parser.weighed(_resolved(view, query, parser.parse))
    if (plain := plain_query(query, view.dimension)) is not None:
        return plain
    encode = view.encode_query if weighing is None else weighing.encode_plain
    return _resolved(view, query, lambda one: parse_query(one, view.dimension, view.vocabulary, encode))


def resolve_batch(view: View, queries: Any, threads: int = 1) -> SparseVectors:
    """Return many queries for the kernels: a list of queries of any form, or anything that `as_vectors` converts.

    SparseVectors of a collection with several fields have joined components, and are weighed already.
    """
    if not view.fields or (isinstance(queries, SparseVectors) and len(view.fields) > 1):
        return parse_batch(queries, view.dimension, view.vocabulary, view.encode_query, threads)
    if not isinstance(queries, list | tuple):
        if len(view.fields) > 1:
            raise QueryError(f"found {excerpt(queries)}, expected a list of queries, each a text or with fields")
        vectors = parse_batch(queries, view.dimension, None, view.encode_query)
        queries = [{"indices": row[0], "values": row[1]} for row in map(vectors.__getitem__, range(len(vectors)))]

    def resolved(numbered: tuple[int, QueryLike]) -> Query:
        try:
            query = resolve_query(view, numbered[1])
            if query.runs:
                raise QueryError("fusion: found 'rrf', expected 'sum'; search_many fuses fields by rank")
        except QueryError as error:
            raise QueryError(f"queries[{numbered[0]}]: {error}") from None
        return query

    return as_rows(list(in_order(resolved, list(enumerate(queries)), threads)))


def _resolved(view: View, query: QueryLike, parse: Parse) -> Query:
    if isinstance(query, Mapping) and "indices" not in query:
        if "id" in query and len(query) == 1:
            return _by_example(view, parse, [query["id"]], [], "id")
        if query.keys() & {"positive", "negative"} and query.keys() <= {"positive", "negative"}:
            return _by_example(view, parse, query.get("positive", []), query.get("negative", []), "positive")
    return parse(query)


def numbers_of(view: View, ids: Sequence[Any]) -> list[int]:
    """Return the document numbers of ids, -1 for missing ones. Raises InputError for ids of the wrong type."""
    numbers: list[int] = view.find(check_delete(ids, view.rules).ids).tolist()
    return numbers


def _by_example(view: View, parse: Parse, positive: Any, negative: Any, name: str) -> Query:
    examples, unknown, cut = [], [], 0
    parts: list[npt.NDArray[np.uint32]] = []
    shares: list[npt.NDArray[np.float64]] = []
    for given, kind, weight in ((positive, name, 1.0), (negative, "negative", -NEGATIVE)):
        vectors, numbers, queries = _examples(view, parse, given, kind)
        if len(vectors):
            components, sums = add_up(vectors.components, vectors.values)
            parts.append(components)
            shares.append(weight / len(vectors) * sums)
        elif weight > 0:
            raise QueryError("positive: found no example, expected at least one")
        examples += numbers
        unknown += [one for query in queries for one in query.unknown]
        cut += sum(query.cut for query in queries)
    components, total = add_up(np.concatenate(parts), np.concatenate(shares))
    enough, missing = total >= MIN_VALUE, tuple(dict.fromkeys(unknown))
    return Query(components[enough], total[enough].astype(np.float32), missing, cut, tuple(examples))


def _examples(view: View, parse: Parse, given: Any, kind: str) -> tuple[SparseVectors, list[int], list[Query]]:
    """Return the vectors of all examples, the numbers of those that are documents, and the others as queries."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise QueryError(f"{kind}: found a {type(given).__name__}, expected a list of ids, sparse vectors or texts")
    if len(given) > MAX_EXAMPLES:
        raise QueryError(f"{kind}: found {len(given)} examples, expected at most {MAX_EXAMPLES}")
    texts = sum(isinstance(one, Mapping) and "text" in one for one in given)
    if texts > MAX_TEXTS:
        raise QueryError(f"{kind}: found {texts} texts, expected at most {MAX_TEXTS}")
    ids = [one for one in given if not isinstance(one, Mapping)]
    try:
        numbers = numbers_of(view, ids)
    except InputError as error:
        raise QueryError(f"{kind}: {error}") from None
    if -1 in numbers:
        raise QueryError(f"{kind}: found no document {ids[numbers.index(-1)]!r}, expected one of the collection")
    queries = [_parsed(parse, one, f"{kind} {at}") for at, one in enumerate(given) if isinstance(one, Mapping)]
    rows = [as_rows(queries)] if queries else []
    return SparseVectors.concatenate([view.vectors(numbers), *rows]), numbers, queries


def _parsed(parse: Parse, example: Mapping[str, Any], where: str) -> Query:
    current().check()  # encoding a text takes long
    try:
        return parse(example)
    except QueryError as error:
        raise QueryError(f"{where}: {error}") from None
