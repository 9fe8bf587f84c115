"""Queries by example: documents like this one, like these and unlike those.

The query is Rocchio's: the mean of the positive examples minus half the mean of the negative ones, without the
components whose weight is not positive.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.changes.records import check_delete
from seismic.components import add_up
from seismic.encoders import Encode
from seismic.errors import InputError, QueryError
from seismic.query import Query, QueryLike, as_rows, parse_query
from seismic.stop import current
from seismic.vectors import MIN_VALUE, SparseVectors
from seismic.view.view import View

NEGATIVE = 0.5
"""Weight of negative examples; the query points in the direction of 2 x positive - negative."""

MAX_EXAMPLES, MAX_TEXTS = 1000, 16
"""Most examples of a kind in one query, and most of them that are texts, which take far longer."""


def resolve_query(view: View, query: QueryLike, encode: Encode | None = None) -> Query:
    """Return the query that a request asks of a view, encoding texts and fetching examples. Raises QueryError.

    `encode`: encodes texts; None is the collection's encoder.
    """
    encode = encode or view.encode_query
    if isinstance(query, Mapping):
        if "id" in query and len(query) == 1:
            return _by_example(view, encode, [query["id"]], [], "id")
        if query.keys() & {"positive", "negative"} and query.keys() <= {"positive", "negative"}:
            return _by_example(view, encode, query.get("positive", []), query.get("negative", []), "positive")
    return parse_query(query, view.dimension, view.vocabulary, encode)


def numbers_of(view: View, ids: Sequence[Any]) -> list[int]:
    """Return the document numbers of ids, -1 for missing ones. Raises InputError for ids of the wrong type."""
    numbers: list[int] = view.find(check_delete(ids, view.rules).ids).tolist()
    return numbers


def _by_example(view: View, encode: Encode, positive: Any, negative: Any, name: str) -> Query:
    examples, unknown, cut = [], [], 0
    parts: list[npt.NDArray[np.uint32]] = []
    shares: list[npt.NDArray[np.float64]] = []
    for given, kind, weight in ((positive, name, 1.0), (negative, "negative", -NEGATIVE)):
        vectors, numbers, queries = _examples(view, encode, given, kind)
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


def _examples(view: View, encode: Encode, given: Any, kind: str) -> tuple[SparseVectors, list[int], list[Query]]:
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
    queries = [_parsed(view, encode, one, f"{kind} {at}") for at, one in enumerate(given) if isinstance(one, Mapping)]
    rows = [as_rows(queries)] if queries else []
    return SparseVectors.concatenate([view.vectors(numbers), *rows]), numbers, queries


def _parsed(view: View, encode: Encode, example: Mapping[str, Any], where: str) -> Query:
    current().check()  # encoding a text takes long
    try:
        return parse_query(example, view.dimension, view.vocabulary, encode)
    except QueryError as error:
        raise QueryError(f"{where}: {error}") from None
