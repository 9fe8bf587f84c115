"""Queries of the Qdrant API as searches of the engine."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple, NoReturn

import numpy as np
from pydantic import ValidationError

from seismic import Answer, Index, InputError, SearchRequest
from seismic.conversion.plain import excerpt
from seismic.errors import DocumentNotFoundError
from seismic.search.request import GroupBy
from seismic_server.compat.qdrant.filters import translated
from seismic_server.compat.qdrant.ids import stored
from seismic_server.compat.qdrant.points import order_column, ordered
from seismic_server.compat.qdrant.read_bodies import GroupQuery, OrderBy, Prefetch, Query
from seismic_server.compat.qdrant.vectors import Text, check_using, encoder_of, read_vector, shown_vectors

RRF_K = 2
"""Constant of reciprocal rank fusion, whose ranks begin with 0."""

_UNSUPPORTED = {
    "recommend": "recommendations are not supported; search by one point's id",
    "discover": "discovery is not supported; search by one point's id",
    "context": "context queries are not supported; search by one point's id",
    "sample": "random samples are not supported; scroll lists points",
    "formula": "formulas are not supported",
    "relevance_feedback": "relevance feedback is not supported",
    "mmr": "maximal marginal relevance is not supported",
}


class Found(NamedTuple):
    """Document numbers, best first, and what else to say of each."""

    numbers: list[int]
    more: list[dict[str, Any]]


class Plan(NamedTuple):
    """Searches, and what makes the points of their answers."""

    searches: list[SearchRequest]
    finish: Callable[[Sequence[Answer]], Found]


def plan_of(query: Query, index: Index) -> Plan:
    """Return the plan of a query. Raises InputError for what is not supported, DocumentNotFoundError for its id."""
    content = query.query
    if isinstance(content, dict):
        _refuse_unsupported(content, "query")
        if content.keys() & {"fusion", "rrf"}:
            return _fused(query, index, _rrf_constant(content))
    if query.prefetch is not None:
        found = "no query" if content is None else "a query"
        raise InputError(f'prefetch: found {found} that rescores it, expected {{"fusion": "rrf"}}')
    if content is None:
        return Plan([], lambda _: _listed(query, index))
    if isinstance(content, dict) and "order_by" in content:
        if content.keys() != {"order_by"}:
            raise InputError(f"query: found {excerpt(content)}, expected 'order_by' alone")
        order = _order(content["order_by"])
        return Plan([], lambda _: Found(*_scored(*ordered(index, order, query.limit, query.filter, query.offset))))
    return Plan([_search(query, index, query.limit, query.offset)], lambda answers: _hits(answers[0]))


def group_search(query: GroupQuery, index: Index) -> SearchRequest | None:
    """Return the search of a query of groups; None if no point has a value to group by. Raises InputError."""
    if query.prefetch is not None or query.query is None:
        raise InputError("query: groups of fusions and of points without a query are not supported")
    if isinstance(query.query, dict):
        _refuse_unsupported(query.query, "query")
        if query.query.keys() & {"fusion", "rrf", "order_by"}:
            raise InputError("query: groups of fusions and of orders are not supported")
    column = order_column(index, query.group_by, "group_by", texts=True)
    by = None if column is None else GroupBy(key=column, limit=query.limit, size=query.group_size)
    made = _search(query, index)
    return None if by is None else SearchRequest(**{**_given(made), "group_by": by})


def _search(
    query: Query | GroupQuery | Prefetch, index: Index, limit: int | None = None, offset: int = 0, filter: Any = None
) -> SearchRequest:
    """Return the search of a query by a vector, a text or an id. `filter`: one that must match as well."""
    options: dict[str, Any] = {} if limit is None else {"limit": limit, "offset": offset}
    asked, other_than = _engine_query(query.query, query.using, index)
    filters = [one for one in (translated(query.filter, index.view), filter, other_than) if one is not None]
    if filters:
        options["filter"] = filters[0] if len(filters) == 1 else {"must": filters}
    if (least := _least_score(query.score_threshold)) > 0:
        options["score_threshold"] = least
    return SearchRequest(query=asked, **options)


def _least_score(threshold: float | None) -> float:
    """Return the lowest score above a threshold, in single precision; 0 if every hit is above it."""
    if threshold is None or threshold < 0:
        return 0.0
    rounded = np.float32(threshold)
    return float(rounded if rounded > threshold else np.nextafter(rounded, np.float32(inf)))


def _given(search: SearchRequest) -> dict[str, Any]:
    return {name: getattr(search, name) for name in search.model_fields_set}


def _engine_query(content: Any, using: str | None, index: Index) -> tuple[Any, Any]:
    """Return a query by a vector, a text or an id for the engine, and a filter that leaves out the point of the id."""
    if isinstance(content, dict) and "nearest" in content:
        if others := [name for name in content if name != "nearest" and content[name] is not None]:
            raise InputError(f"query: found '{others[0]}' beside 'nearest', expected it alone")
        content = content["nearest"]
    name = check_using(using, index.view)
    if isinstance(content, str | int) and not isinstance(content, bool):
        (id,) = stored([content], index.view)
        number = int(index.find([id])[0])
        if number < 0:
            raise DocumentNotFoundError(f"Not found: No point with id {content} found")
        own = shown_vectors(index, [number], [name])[0].get(name, {"indices": [], "values": []})
        return _of_field(own, name, index), {"must_not": [{"ids": [id]}]}
    vector = read_vector(content, "query", encoder_of(index.view, name))
    return _of_field(vector.text if isinstance(vector, Text) else vector._asdict(), name, index), None


def _of_field(part: Any, name: str, index: Index) -> Any:
    """Return a query of a named vector. Its score is the inner product, without the weight of a field."""
    query = {"text": part} if isinstance(part, str) else part
    return {"fields": {name: query}, "weights": {name: 1.0}} if index.view.fields else query


def _order(by: Any) -> OrderBy:
    try:
        return OrderBy(key=by) if isinstance(by, str) else OrderBy.model_validate(by)
    except ValidationError:
        expected = "expected a key, or an object with 'key', 'direction' and 'start_from'"
        raise InputError(f"query.order_by: found {excerpt(by)}, {expected}") from None


def _refuse_unsupported(content: Mapping[str, Any], where: str) -> None:
    for name, words in _UNSUPPORTED.items():
        if content.get(name) is not None:
            raise InputError(f"{where}: {words}")


def _rrf_constant(content: Mapping[str, Any]) -> int:
    """Return the constant of a reciprocal rank fusion. Raises InputError for other fusions."""
    if content.keys() == {"fusion"}:
        if content["fusion"] != "rrf":
            raise InputError(f"query.fusion: found {excerpt(content['fusion'])}, expected 'rrf', the one supported")
        return RRF_K
    options = content.get("rrf")
    if content.keys() != {"rrf"} or not isinstance(options, dict) or options.keys() - {"k"}:
        raise InputError(f"query: found {excerpt(content)}, expected 'rrf' with the constant 'k' alone")
    k = options.get("k", RRF_K)
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= 1_000_000:
        raise InputError(f"query.rrf.k: found {excerpt(k)}, expected an integer from 1 to 1000000")
    return k


def _fused(query: Query, index: Index, k: int) -> Plan:
    """Return the plan of a reciprocal rank fusion of several searches, each with its own limit."""
    runs = [query.prefetch] if isinstance(query.prefetch, Prefetch) else query.prefetch or []
    if not runs:
        raise InputError("prefetch: found nothing to fuse, expected queries")
    outer, searches = translated(query.filter, index.view), []
    for at, run in enumerate(runs):
        try:
            if run.query is None:
                _refuse_missing()
            if isinstance(run.query, dict):
                _refuse_unsupported(run.query, "query")
            searches.append(_search(run, index, run.limit, 0, outer))
        except InputError as error:
            raise InputError(f"prefetch[{at}].{error}") from None
    return Plan(searches, lambda answers: _fusion(answers, query, k))


def _refuse_missing() -> NoReturn:
    raise InputError("query: found none, expected a sparse vector, a text or an id")


def _fusion(answers: Sequence[Answer], query: Query, k: int) -> Found:
    scores: dict[int, float] = {}
    for answer in answers:
        for rank, hit in enumerate(answer.hits):
            scores[hit.number] = scores.get(hit.number, 0.0) + 1 / (k + rank)
    above = -inf if query.score_threshold is None else query.score_threshold
    best = sorted((pair for pair in scores.items() if pair[1] > above), key=lambda pair: (-pair[1], pair[0]))
    page = best[query.offset : query.offset + query.limit]
    return Found([number for number, _ in page], [{"version": 0, "score": score} for _, score in page])


def _hits(answer: Answer) -> Found:
    return Found([hit.number for hit in answer.hits], [{"version": 0, "score": hit.score} for hit in answer.hits])


def _listed(query: Query, index: Index) -> Found:
    """Return points in the order of their ids, as a scroll does."""
    numbers, _ = index.browse_ids(translated(query.filter, index.view), query.limit + query.offset)
    numbers = numbers[query.offset :]
    return _scored(numbers, [{} for _ in numbers])


def _scored(numbers: list[int], more: list[dict[str, Any]]) -> Found:
    return Found(numbers, [{"version": 0, "score": 1.0, **one} for one in more])
