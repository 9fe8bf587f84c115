"""Run searches, and write their answers."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seismic import Index, QueryError, SearchParams, SearchRequest
from seismic.stop import current
from seismic_server.access.limits import check_query
from seismic_server.access.values import VALUE_BYTES
from seismic_server.compat.opensearch.documents import component_of, shortest, sources_of
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import Fields
from seismic_server.compat.opensearch.order import cursor_of
from seismic_server.compat.opensearch.query import Parsed
from seismic_server.compat.opensearch.search_body import Wanted
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body
from seismic_server.memory import budget as memory
from seismic_server.service import Service

SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
COUNTED = 10_000
"""Documents of the largest index in which all hits are counted unasked; OpenSearch counts up to that many hits."""

PART = 64
"""Hits that are written together."""


class Found(NamedTuple):
    """The hits of a page. ``total``: the number of all hits and `eq`, or a lower bound and `gte`; None: not asked for.
    ``cursor``: of the next page of documents without a query; None after the last one."""

    numbers: list[int]
    scores: list[float | None]
    total: tuple[int, str] | None
    cursor: str | None = None


def query_of(parsed: Parsed, fields: Fields, service: Service) -> dict[str, Any]:
    """Return the query of the engine. Raises RefusedError, ParameterError and QueryError."""
    assert parsed.sparse is not None
    parts = {name: _part(name, query, fields, service) for name, query in parsed.sparse.items()}
    if len(fields.vectors) == 1 and fields.weights == {}:
        return next(iter(parts.values()))
    return {"fields": parts, "weights": dict.fromkeys(parts, 1.0)}


def _part(name: str, query: dict[str, Any], fields: Fields, service: Service) -> dict[str, Any]:
    """Return the query of a field."""
    if "text" in query:
        return query
    weights = query["tokens"]
    if fields.vectors[name] == "rank_features":
        made: dict[str, Any] = {"tokens": weights}
    else:
        components: dict[int, float] = {}
        for token, weight in weights.items():
            component = component_of(token, f"[neural_sparse]: field [{name}]")
            components[component] = components.get(component, 0.0) + weight
        made = {"indices": list(components), "values": list(components.values())}
    check_query(made, service.settings)
    return made


def check_window(wanted: Wanted, service: Service) -> None:
    """Raise RefusedError if a page is too deep, and lease the memory of its hits."""
    most, end = service.settings.max_limit, wanted.start + wanted.size
    if end > most:
        raise RefusedError(
            f"Result window is too large, from + size must be less than or equal to: [{most}] but was [{end}]; see the "
            "scroll API (setting max_limit)"
        )
    memory.current().grow(end * VALUE_BYTES)


def find(service: Service, index: Index, fields: Fields, wanted: Wanted, cursor: str | None = None) -> Found:
    """Return the page of a search. `index` must be frozen. `cursor`: where the page before ended."""
    if wanted.query.sparse is None:
        return _browsed(index, fields, wanted, cursor)
    query, scale = query_of(wanted.query, fields, service), wanted.query.scale
    least = None if wanted.least is None or wanted.least <= 0 else wanted.least / scale
    request = SearchRequest(
        query=query,
        limit=wanted.size,
        offset=wanted.start,
        filter=wanted.query.filter,
        score_threshold=least,
        params=SearchParams(timeout_ms=wanted.timeout_ms),
    )
    started = time.perf_counter()
    (answer,) = index.search_many([request])
    service.count_answers(index, [request], [answer], time.perf_counter() - started)
    scores: list[float | None] = [None] * len(answer.hits)
    if wanted.order.scored:
        scores[:] = [score * scale for score in shortest(np.array([hit.score for hit in answer.hits], np.float32))]
    return Found([hit.number for hit in answer.hits], scores, _total(service, index, wanted, request, len(scores)))


def _total(
    service: Service, index: Index, wanted: Wanted, request: SearchRequest, found: int
) -> tuple[int, str] | None:
    """Return the number of all hits, which takes a pass over all documents unless they end on the page."""
    if wanted.total is False:
        return None
    if found < wanted.size and (found or not wanted.start):
        return wanted.start + found, "eq"
    if not wanted.total and len(index) > COUNTED and (found or not wanted.start):
        return wanted.start + found, "gte"
    if request.score_threshold is None:
        return index.count_matches(request.query, request.filter), "eq"
    most = service.settings.max_limit
    memory.current().grow(most * VALUE_BYTES)
    (answer,) = index.search_many([request.replace(limit=most, offset=0)])
    return len(answer.hits), "gte" if len(answer.hits) == most else "eq"


def _browsed(index: Index, fields: Fields, wanted: Wanted, cursor: str | None) -> Found:
    score = wanted.query.score
    if wanted.least is not None and score < wanted.least:
        return Found([], [], None if wanted.total is False else (0, "eq"))
    filter = wanted.query.filter
    if cursor is None and wanted.after is not None:
        cursor = cursor_of(wanted.order, wanted.after, index, fields)
    total = None if wanted.total is False else (index.count(filter), "eq")
    if wanted.size == 0:
        return Found([], [], total)
    start = 0 if cursor else wanted.start
    page = index.browse(filter, start + wanted.size, cursor, wanted.order.by)
    numbers = page.numbers[start:]
    return Found(numbers, [score if wanted.order.scored else None] * len(numbers), total, page.cursor)


def write(
    body: Body,
    index: Index,
    fields: Fields,
    wanted: Wanted,
    found: Found,
    name: str,
    started: float,
    first: dict[str, Any],
) -> None:
    """Write the answer to a search after the fields `first`. Raises ParameterError and OverloadedError."""
    scores = [score for score in found.scores if score is not None]
    took = int((time.perf_counter() - started) * 1000)
    head: dict[str, Any] = {**first, "took": took, "timed_out": False, "_shards": SHARDS}
    hits: dict[str, Any] = {}
    if found.total is not None:
        hits["total"] = {"value": found.total[0], "relation": found.total[1]}
    hits["max_score"] = max(scores, default=None)
    body.add(encode(head)[:-1] + b',"hits":' + encode(hits)[:-1] + b',"hits":[')
    for at in range(0, len(found.numbers), PART):
        part = encode(_hits(index, fields, wanted, found, name, slice(at, at + PART)))[1:-1]
        body.add(b"," + part if at else part)
    body.add(b"]}}")


def _hits(
    index: Index, fields: Fields, wanted: Wanted, found: Found, name: str, part: slice
) -> Sequence[dict[str, Any]]:
    current().check()
    numbers, scores = found.numbers[part], found.scores[part]
    ids = index.document_ids(numbers)
    shown: list[dict[str, Any]] = [
        {"_index": name, "_id": str(id), "_score": score} for id, score in zip(ids, scores, strict=True)
    ]
    if wanted.version:
        for hit in shown:
            hit["_version"] = index.sequence
    if wanted.sequence:
        for hit in shown:
            hit |= {"_seq_no": index.sequence, "_primary_term": 1}
    if wanted.source.shown:
        for hit, source in zip(shown, sources_of(index, numbers, wanted.source, fields), strict=True):
            hit["_source"] = source
    if wanted.order.keys:
        column = wanted.order.column
        values = [row[column] for row in index.payloads(numbers, [column])] if column else [None] * len(numbers)
        for hit, value in zip(shown, values, strict=True):
            hit["sort"] = wanted.order.values(hit["_id"], value, hit["_score"])
    return shown


def explained(index: Index, query: Any, filter: Any, id: Any, scale: float, name: str) -> dict[str, Any]:
    """Return why a document is a hit of a query, and its score; `name`: the field that is searched.

    Raises QueryError and FilterError.
    """
    (why,) = index.why_not(query, [id], filter, 1)
    if why.state in ("missing", "deleted"):
        raise QueryError(why.reason)
    matched = why.score is not None and why.state not in ("no_match", "excluded")
    details = [
        {
            "value": one.product * scale,
            "description": f"weight of {one.token or one.component} in {one.field or name}",
            "details": [],
        }
        for one in why.components
    ]
    value = (why.score or 0.0) * scale if matched else 0.0
    explanation = {"value": value, "description": "inner product of", "details": details if matched else []}
    return {"matched": matched, "explanation": explanation if matched else {**explanation, "description": why.reason}}
