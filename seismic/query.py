"""Parse queries into the arrays that kernels take."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.conversion.matrices import is_matrix
from seismic.conversion.plain import excerpt
from seismic.conversion.tables import is_table
from seismic.encoders import Encode, encode_texts
from seismic.errors import InputError, QueryError, VectorError
from seismic.vectors import MAX_VALUE, MIN_VALUE, SparseVectors, as_vectors, as_weights
from seismic.vocabulary import Vocabulary

MAX_COMPONENTS = 1 << 15
"""Most components of a query: upper bounds have 16 bits, and each component may round them up by a unit."""

SAFE_MIN, SAFE_MAX = 2 * float(MIN_VALUE), float(MAX_VALUE) / 2
"""Weights that are valid however they are rounded."""

QUERY_DIMENSION = 1 << 32
"""Queries always have uint32 components, so that kernels are compiled once per kind of index."""

_PLAIN = {"indices", "values"}

QueryLike: TypeAlias = str | Mapping[Any, Any] | SparseVectors | Any
"""A text; {"indices", "values"}, {"tokens"}, {"text"}; a mapping from component to weight; pairs of token or component
and weight; or one row of anything that `as_vectors` converts."""


class Query(NamedTuple):
    """A query over the components of one index.

    ``components`` uint32, ascending, below the index's dimension; ``values`` float32. ``unknown``: components or tokens
    that the index lacks, which match nothing. ``cut``: number of word pieces cut off the end of a text too long for the
    encoder. ``examples``: numbers of the documents the query was made from, which are not hits. ``runs``: queries of
    fields with their weights, whose hits are fused by rank in place of a search with the whole query.
    """

    components: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]
    unknown: tuple[int | str, ...] = ()
    cut: int = 0
    examples: tuple[int, ...] = ()
    runs: "tuple[tuple[Query, float], ...]" = ()


NO_QUERY = Query(np.zeros(0, np.uint32), np.zeros(0, np.float32))
"""A query without components."""


def parse_query(
    query: QueryLike,
    dimension: int,
    vocabulary: Vocabulary | None = None,
    encode: Encode | None = None,
) -> Query:
    """Parse a query of any form, see `QueryLike`. `encode` encodes texts.

    Components may come in any order. Those beyond `dimension` are unknown rather than wrong, as a newer encoder may
    have more. Raises QueryError for duplicates and for weights outside 1e-15 to 1e15.
    """
    if (plain := plain_query(query, dimension)) is not None:
        return plain
    if isinstance(query, str):
        return _from_text(query, dimension, encode)
    if not isinstance(query, Mapping) or is_matrix(query):
        return _from_other(query, dimension, vocabulary)
    fields = set(query)
    if fields == _PLAIN:
        return _from_components(query["indices"], query["values"], dimension)
    if fields == {"tokens"}:
        return _from_tokens(query["tokens"], dimension, vocabulary)
    if fields == {"text"}:
        return _from_text(query["text"], dimension, encode)
    if fields and all(isinstance(field, int | np.integer) for field in fields):
        return _from_components(list(query), list(query.values()), dimension)
    if "fields" in fields:
        raise QueryError("fields: this collection has no named fields; give the query itself")
    found = ", ".join(sorted(excerpt(field) if not isinstance(field, str) else field for field in fields))[:100]
    raise QueryError(f"found {found or 'nothing'}, expected either 'indices' and 'values', or 'tokens', or 'text'")


def plain_query(query: QueryLike, dimension: int) -> Query | None:
    """Parse lists of ascending known components and of floats well inside the limits; None for any other query.

    Lists are checked as lists: for the few components of a query, each array operation takes longer than all checks.
    """
    if type(query) is not dict or len(query) != 2:
        return None
    indices, values = query.get("indices"), query.get("values")
    if type(indices) is not list or type(values) is not list or not 0 < len(indices) == len(values) <= MAX_COMPONENTS:
        return None
    if set(map(type, indices)) != {int} or set(map(type, values)) != {float}:
        return None
    if indices[0] < 0 or indices[-1] >= dimension or sorted(set(indices)) != indices:
        return None
    if not (min(values) > SAFE_MIN and max(values) < SAFE_MAX and sum(values) > 0):  # the sum may be NaN
        return None
    return Query(np.array(indices, np.uint32), np.array(values, np.float32))


def _from_other(query: Any, dimension: int, vocabulary: Vocabulary | None) -> Query:
    """Parse pairs, or one row of a matrix or table."""
    pairs = isinstance(query, list | tuple)
    try:
        weights = as_weights(query) if pairs else None
        if weights:
            tokens = any(isinstance(key, str) for key in weights)
            return parse_query({"tokens": weights} if tokens else weights, dimension, vocabulary)
        if pairs or not (isinstance(query, SparseVectors) or is_matrix(query) or is_table(query)):
            expected = "a text, indices and values, tokens, or one sparse vector; search_batch takes many"
            raise QueryError(f"found {excerpt(query)}, expected {expected}")
        vectors = as_vectors(query)
    except VectorError as error:
        raise QueryError(str(error)) from None
    if len(vectors) != 1:
        raise QueryError(f"found {len(vectors)} vectors, expected one; search_batch takes many")
    return _from_components(vectors.components, vectors.values, dimension)


def parse_batch(
    queries: Any, dimension: int, vocabulary: Vocabulary | None, encode: Encode, threads: int = 1
) -> SparseVectors:
    """Parse many queries for the kernels: a list of queries of any form, or anything that `as_vectors` converts."""
    if isinstance(queries, str | Mapping) and not is_matrix(queries):
        raise QueryError(f"found {excerpt(queries)}, expected a list of queries; search takes one")
    if not isinstance(queries, list | tuple):
        return known_components(as_vectors(queries), dimension)
    if queries and all(isinstance(one, str) for one in queries):
        try:
            return known_components(encode_texts(encode, queries, threads).vectors, dimension)
        except InputError as error:
            raise QueryError(f"queries: {error}") from None
    parsed = list(parse_plain(queries, dimension))
    for row, query in enumerate(queries):
        if parsed[row] is None:
            try:
                parsed[row] = parse_query(query, dimension, vocabulary, encode)
            except QueryError as error:
                raise QueryError(f"queries[{row}]: {error}") from None
    return as_rows([query for query in parsed if query is not None])


def parse_plain(queries: Sequence[QueryLike], dimension: int) -> list[Query | None]:
    """Parse many queries at once: those that are lists of `indices`, ascending and below `dimension`, and `values`.

    None for every other query, which `parse_query` has to parse or refuse.
    """
    found: list[Query | None] = [None] * len(queries)
    rows = [row for row, query in enumerate(queries) if _is_plain(query)]
    plain: list[Any] = [queries[row] for row in rows]
    indices, weights = (list(chain.from_iterable(query[field] for query in plain)) for field in ("indices", "values"))
    if not (set(map(type, indices)) <= {int} and set(map(type, weights)) <= {int, float}):
        return found
    try:
        numbers, exact = np.array(indices, np.int64), np.array(weights, np.float64)
    except OverflowError:
        return found
    with np.errstate(over="ignore"):
        values = exact.astype(np.float32)
    lengths = np.array([len(query["indices"]) for query in plain], np.int64)
    ends, rows_of = np.cumsum(lengths), np.repeat(np.arange(len(rows)), lengths)
    good = (numbers >= 0) & (numbers < dimension) & (values >= MIN_VALUE) & (values <= MAX_VALUE)  # False for NaN
    good[1:] &= (numbers[1:] > numbers[:-1]) | (rows_of[1:] != rows_of[:-1])
    suspects = set(rows_of[~good].tolist()) | set(np.flatnonzero(lengths > MAX_COMPONENTS).tolist())
    components, start = numbers.astype(np.uint32), 0
    for at, (row, end) in enumerate(zip(rows, ends.tolist(), strict=True)):
        if at not in suspects:
            found[row] = Query(components[start:end], values[start:end])
        start = end
    return found


def _is_plain(query: QueryLike) -> bool:
    if not isinstance(query, Mapping) or query.keys() != _PLAIN:
        return False
    indices, values = query["indices"], query["values"]
    return type(indices) is list and type(values) is list and len(indices) == len(values)


def _from_components(indices: Any, values: Any, dimension: int) -> Query:
    ids, weights = _flat("indices", indices), _check_weights(values)
    if len(ids) != len(weights):
        raise QueryError(f"found {len(ids)} indices and {len(weights)} values, expected equal numbers")
    _check_length(len(ids))
    if len(ids) == 0:
        return Query(np.zeros(0, np.uint32), np.zeros(0, np.float32))
    if ids.dtype.kind not in "iu":
        raise QueryError(f"indices: found {ids.dtype} numbers, expected integers")
    if not (ids[1:] > ids[:-1]).all():
        order = np.argsort(ids, kind="stable")
        ids, weights = ids[order], weights[order]
        repeated = np.flatnonzero(ids[1:] == ids[:-1])
        if len(repeated):
            raise QueryError(
                f"indices: found component {ids[repeated[0]]} twice, expected each once; add up its weights"
            )
    if ids[0] < 0:
        raise QueryError(f"indices: found {ids[0]}, expected components from 0")
    if ids[-1] < dimension:
        return Query(ids.astype(np.uint32), weights)
    known = ids < dimension
    return Query(ids[known].astype(np.uint32), weights[known], tuple(ids[~known].tolist()))


def _from_tokens(tokens: Any, dimension: int, vocabulary: Vocabulary | None) -> Query:
    if vocabulary is None:
        raise QueryError(
            "tokens: this index has no vocabulary; query it by indices and values, or build it with a vocabulary"
        )
    if not isinstance(tokens, Mapping) or not all(isinstance(token, str) for token in tokens):
        raise QueryError(f"tokens: found {excerpt(tokens)}, expected a mapping from token to weight")
    _check_weights(list(tokens.values()))
    components = {token: vocabulary.component(token) for token in tokens}
    unknown = tuple(token for token, component in components.items() if component is None)
    known = [token for token in tokens if components[token] is not None]
    query = _from_components([components[token] for token in known], [tokens[token] for token in known], dimension)
    return query._replace(unknown=unknown)


def _from_text(text: Any, dimension: int, encode: Encode | None) -> Query:
    if encode is None:
        raise QueryError("text: expected indices and values, or tokens; a text is encoded only as a whole query")
    try:
        (components, values), cut = (encoded := encode([text])).vectors[0], int(encoded.cut[0])
    except InputError as error:
        raise QueryError(f"text: {error}") from None
    if len(components) > MAX_COMPONENTS or (len(components) and components[-1] >= dimension):
        return _from_components(components, values, dimension)._replace(cut=cut, unknown=encoded.unknown)
    return Query(components.astype(np.uint32), values, encoded.unknown, cut)  # vectors of encoders are valid


def as_rows(queries: Sequence[Query]) -> SparseVectors:
    """Stack queries into the rows of one CSR matrix for the kernels."""
    if not queries:
        return SparseVectors.trusted(np.zeros(1), np.zeros(0), np.zeros(0), QUERY_DIMENSION)
    if len(queries) == 1:
        (query,) = queries
        return SparseVectors.trusted(np.array([0, len(query.values)]), query.components, query.values, QUERY_DIMENSION)
    lengths = [0, *(len(query.values) for query in queries)]
    components = np.concatenate([query.components for query in queries])
    values = np.concatenate([query.values for query in queries])
    return SparseVectors.trusted(np.cumsum(lengths), components, values, QUERY_DIMENSION)


def _check_length(components: int, where: str = "indices") -> None:
    if components > MAX_COMPONENTS:
        raise QueryError(f"{where}: found {components} components, expected at most {MAX_COMPONENTS}")


def _flat(field: str, numbers: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(numbers)
    except (ValueError, TypeError, OverflowError) as error:
        raise QueryError(f"{field}: expected a flat list of numbers ({error})") from None
    if array.ndim != 1:
        raise QueryError(f"{field}: found {array.ndim} axes, expected a flat list of numbers")
    return array


def _check_weights(values: Any) -> npt.NDArray[np.float32]:
    """Check weights by the rules of SparseVectors, which words the error."""
    weights = _flat("values", values)
    if weights.dtype.kind in "fiu" and len(weights):
        with np.errstate(over="ignore"):
            single = weights.astype(np.float32)
        if single.min() >= MIN_VALUE and single.max() <= MAX_VALUE:  # a NaN fails both
            return single
    try:
        return SparseVectors.from_arrays([0, len(weights)], np.arange(len(weights)), weights).values
    except VectorError as error:
        raise QueryError(f"values: {error.problem}") from None


def known_components(vectors: SparseVectors, dimension: int) -> SparseVectors:
    """Return queries as kernels take them: uint32 components, without those beyond `dimension`."""
    indptr, components, values = vectors.indptr, vectors.components, vectors.values
    if len(components) > MAX_COMPONENTS:
        for row in np.flatnonzero(np.diff(indptr) > MAX_COMPONENTS):
            _check_length(int(indptr[row + 1] - indptr[row]), f"query {row}")
    if vectors.dimension > dimension:
        known = components < dimension
        indptr = np.concatenate([[0], np.cumsum(known)])[indptr]
        components, values = components[known], values[known]
    return SparseVectors.trusted(indptr, components.astype(np.uint32, copy=False), values, QUERY_DIMENSION)
