"""The body of a search, checked."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic_server.compat.opensearch.bodies import flag, number
from seismic_server.compat.opensearch.conditions import to_filter
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import Fields
from seismic_server.compat.opensearch.leaves import EVERYTHING, parsing
from seismic_server.compat.opensearch.order import Order, parse_order
from seismic_server.compat.opensearch.query import Parsed, parse
from seismic_server.compat.opensearch.source import Source, parse_source

USUAL_SIZE = 10
MOST_MS = 3_600_000
"""Milliseconds beyond which a deadline has no effect: that of the service is earlier."""

PARAMETERS = (
    "size",
    "from",
    "sort",
    "_source",
    "_source_includes",
    "_source_excludes",
    "track_total_hits",
    "track_scores",
    "version",
    "seq_no_primary_term",
    "scroll",
    "explain",
)
"""Query parameters of a search; those in both places are taken from here."""

KNOWN = frozenset(
    {
        "query",
        "size",
        "from",
        "sort",
        "search_after",
        "_source",
        "min_score",
        "timeout",
        "track_total_hits",
        "track_scores",
        "version",
        "seq_no_primary_term",
        "post_filter",
        "pit",
    }
)

_UNSUPPORTED = {
    "aggs": "aggregations are not supported; the field `facets` of this service's own search counts values",
    "aggregations": "aggregations are not supported; the field `facets` of this service's own search counts values",
    "collapse": "collapsing is not supported; the field `group_by` of this service's own search groups hits",
    "knn": "dense vectors are not supported; use neural_sparse",
    "highlight": "highlighting is not supported",
    "suggest": "suggestions are not supported",
    "rescore": "rescoring is not supported: neural_sparse is exact",
    "script_fields": "scripts are not supported",
    "runtime_mappings": "scripts are not supported",
    "derived": "scripts are not supported",
    "fields": "fields are not supported; use _source",
    "docvalue_fields": "fields are not supported; use _source",
    "stored_fields": "fields are not supported; use _source",
    "slice": "slices are not supported; scroll without",
    "search_pipeline": "search pipelines are not supported",
    "terminate_after": "terminate_after is not supported: an answer is complete",
    "explain": "explain is not supported here; use _explain, or `explain` of this service's own search",
    "profile": "profile is not supported; `explain` of this service's own search shows the work",
    "indices_boost": "a search is of one index",
    "ext": "extensions are not supported",
}

_LISTS = ("_source_includes", "_source_excludes")
_TIME = re.compile(r"(\d{1,9})(nanos|micros|ms|s|m|h|d)")
_MILLISECONDS = {"nanos": 1e-6, "micros": 1e-3, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Wanted(NamedTuple):
    """What a search asks for. ``total``: whether to count all hits; None: where that is cheap."""

    query: Parsed
    size: int
    start: int
    order: Order
    after: Any
    source: Source
    least: float | None
    total: bool | None
    timeout_ms: int | None
    version: bool
    sequence: bool


def parse_body(body: Mapping[str, Any], parameters: Mapping[str, str], fields: Fields) -> Wanted:
    """Return what a search asks for. Raises RefusedError."""
    _check_names({**body, **{name: parameters[name] for name in ("explain",) if flag(parameters, name)}})
    given = {**body, **{name: value for name, value in parameters.items() if name in PARAMETERS}}
    if "sort" in parameters:
        given["sort"] = parameters["sort"].split(",")
    query = parse(body.get("query"), fields, scored=not _sorted_by_field(given.get("sort")))
    order = parse_order(given.get("sort"), fields, sparse=query.sparse is not None)
    if body.get("post_filter") is not None:
        query = query._replace(filter=_both(query.filter, to_filter(body["post_filter"], fields)))
    return Wanted(
        query,
        number("size", given.get("size", USUAL_SIZE)),
        number("from", given.get("from", 0)),
        order,
        _after(body, query),
        _source(body, parameters),
        _least(body.get("min_score")),
        _count(given.get("track_total_hits")),
        None if given.get("timeout") is None else min(MOST_MS, milliseconds("timeout", given["timeout"])),
        flag(given, "version"),
        flag(given, "seq_no_primary_term"),
    )


def milliseconds(name: str, text: Any) -> int:
    """Return a time such as `5m` in milliseconds, at least 1. Raises RefusedError."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise RefusedError(f"{name}: found {excerpt(text)}, expected a time such as 500ms or 5m")
    return max(1, int(int(match[1]) * _MILLISECONDS[match[2]]))


def _check_names(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name in KNOWN or (name in ("explain", "profile") and value is False):
            continue
        if name in _UNSUPPORTED:
            raise parsing(f"[{name}]: {_UNSUPPORTED[name]}")
        raise parsing(f"unknown key [{name}] in the body of a search, expected {', '.join(sorted(KNOWN))}")


def _sorted_by_field(sort: Any) -> bool:
    """Return whether hits are ordered by something else than their score."""
    listed = sort if isinstance(sort, list) else [sort] if sort is not None else []
    names = [next(iter(one), "") if isinstance(one, dict) else str(one).partition(":")[0] for one in listed]
    return bool(names) and "_score" not in names


def _both(first: dict[str, Any] | None, second: dict[str, Any]) -> dict[str, Any] | None:
    if first is None or second == EVERYTHING:
        return first if second == EVERYTHING else second
    return {"must": [first, second]}


def _after(body: Mapping[str, Any], query: Parsed) -> Any:
    after = body.get("search_after")
    if after is not None and query.sparse is not None:
        raise RefusedError("search_after: not supported with neural_sparse; use from and size, or scroll")
    if after is not None and body.get("from") not in (None, 0, -1):
        raise RefusedError("search_after: found from as well, expected only one of both")
    return after


def _source(body: Mapping[str, Any], parameters: Mapping[str, str]) -> Source:
    """Return what to show of documents: what the query string says, else the body."""
    wanted = body.get("_source")
    if "_source" in parameters:
        text = parameters["_source"]
        wanted = text == "true" if text in ("true", "false") else text.split(",")
    lists = [parameters[name].split(",") if name in parameters else None for name in _LISTS]
    return parse_source(wanted, *lists)


def source_of(parameters: Mapping[str, str]) -> Source:
    """Return what to show of documents, by the query string alone."""
    return _source({}, parameters)


def _least(score: Any) -> float | None:
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise RefusedError(f"min_score: found {excerpt(score)}, expected a number")
    return float(score)


def _count(wanted: Any) -> bool | None:
    if wanted in (None, "true", "false", True, False):
        return None if wanted is None else wanted in ("true", True)
    return None if number("track_total_hits", wanted) == 0 else True
