"""Hooks of schemathesis: make generated requests obey the rules that JSON Schema cannot express."""

from itertools import cycle, islice
from typing import Any

import schemathesis

from tests.server import openapi_lifecycle

DIMENSION = 30_522
ID = "4983"
"""Id of a document in every collection."""

COLUMNS = {"text", "title", "n_sentences", "structured", "n_chars"}
NUMBER, WORDS, FLAG = "n_chars", "title", "structured"


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Choose a collection with every plan, integers without a point, one weight per component, existing documents and
    columns, and either a recall or explicit parameters."""
    if openapi_lifecycle.belongs(case):
        openapi_lifecycle.protect(case)
        if case.meta is not None and case.meta.generation.mode.is_positive:
            openapi_lifecycle.repair(case)
        return
    if case.method == "DELETE":  # other requests need the documents
        case.path_parameters = {"name": "scratch", "id": "never"}
    if case.operation.path.endswith("/export") and case.meta and case.meta.generation.mode.is_positive:
        case.path_parameters["name"] = "scratch"
        case.query = {"format": (case.query or {}).get("format", "jsonl")}  # the schema says nothing of filters
    _do_not_wait(case.body)
    if "min_sequence" in (case.query or {}):
        case.query["min_sequence"] = 0
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    body = case.body = _without_points(case.body)
    for part in body.get("searches", [body]):
        if part.get("filter") is not None:
            part["filter"] = _repair_filter(part["filter"])
    if case.operation.path.endswith("/count"):
        case.path_parameters["name"] = "lists"
    elif case.operation.path.endswith("/why"):
        case.path_parameters["name"] = "lists"
        body["ids"] = [str(one) for one in body["ids"]]
        body["limit"] = body.get("limit", 10) % 1000 + 1
        body["query"] = _repaired_query(body["query"])
    elif case.operation.path.endswith(("/get", "/scroll")):
        case.path_parameters["name"] = "lists"
        _repair_reading(body)
    elif case.operation.path.endswith(("/search", "/search/batch")):
        case.path_parameters["name"] = "lists"
        for search in body.get("searches", [body]):
            _repair_search(search)
    else:
        case.path_parameters["name"] = "scratch"
        (_repair_patch if case.method == "PATCH" else _repair_change)(body)


def _repair_search(body: dict[str, Any]) -> None:
    query = body.get("query")
    if query is None:
        body.pop("params", None)
        _repair_listing(body)
        return
    body.pop("order_by", None)
    body["query"] = _repaired_query(query)
    _repair_page(body)
    body.pop("idf_filter", None)  # needs an encoder
    body.pop("snippet", None)  # needs an encoder or tokens
    body.get("params", {}).pop("timeout_ms", None)  # a short one is answered with 504
    if body.get("params", {}).get("recall") is not None:
        body["params"] = {"recall": body["params"]["recall"]}  # excludes all other parameters
    _repair_rerank(body)
    for run in (body.get("fusion") or {}).get("runs", []):
        run["hits"] = [{"id": f"{at}", "score": hit["score"]} for at, hit in enumerate(run["hits"])]
    if body.get("group_by"):
        body["group_by"] = {"key": NUMBER, "limit": 3, "size": 2}
        for name in ("limit", "offset", "fusion", "rerank"):
            body.pop(name, None)
    if isinstance(body.get("with_payload"), list):
        body["with_payload"] = [name for name in body["with_payload"] if name in COLUMNS]


def _repair_rerank(body: dict[str, Any]) -> None:
    """Give scores of distinct ids, as there is no cross-encoder, and order the whole page."""
    rerank = body.get("rerank")
    if rerank is not None:
        scores = [{"id": f"{at}", "score": each["score"]} for at, each in enumerate(rerank.get("scores") or [])]
        body["rerank"] = {"scores": scores or [{"id": ID, "score": 1.0}], "depth": body["offset"] + body["limit"] or 1}


def _repair_reading(body: dict[str, Any]) -> None:
    """Use string ids, a short page, existing columns and no cursor, which only an answer can make."""
    if "ids" in body:
        body["ids"] = [str(one) for one in body["ids"]]
    if "limit" in body:
        body["limit"] = body["limit"] % 1000 + 1
    if body.get("order_by"):
        body["order_by"]["key"] = NUMBER
    body.pop("cursor", None)
    if isinstance(body.get("with_payload"), list):
        body["with_payload"] = [name for name in body["with_payload"] if name in COLUMNS]


def _repaired_query(query: Any) -> dict[str, Any]:
    """Use existing documents, and no texts, as the collections have no encoder."""
    if isinstance(query, str):
        return {"id": ID}
    if "fields" in query:  # no collection here has several
        return {"id": ID}
    if "id" in query:
        query["id"] = ID
    for kind in query.keys() & {"positive", "negative"}:
        query[kind] = [_repaired_vector(one) if isinstance(one, dict) else ID for one in query[kind]]
    return _repaired_vector(query)


def _repair_listing(body: dict[str, Any]) -> None:
    """Leave out what needs a query, and order by an existing column."""
    for name in ("score_threshold", "feedback", "fusion", "rerank", "group_by", "explain", "idf_filter", "snippet"):
        body.pop(name, None)
    if body.get("order_by"):
        body["order_by"]["key"] = NUMBER
    _repair_page(body)


def _repair_page(body: dict[str, Any]) -> None:
    body["offset"] = body.get("offset", 0) % 1000
    body["limit"] = body.get("limit", 10) % 100
    for facet, key in zip(body.get("facets") or [], [WORDS, NUMBER, FLAG] * 10, strict=False):
        facet["key"] = key
        facet["limit"] = (facet.get("limit") or 10) % 100 + 1  # a batch may ask for no more values than the setting
    if body.get("facets"):
        body["facets"] = body["facets"][:3]
    if isinstance(body.get("with_payload"), list):
        body["with_payload"] = [name for name in body["with_payload"] if name in COLUMNS]


def _repair_filter(part: dict[str, Any], levels: int = 5) -> dict[str, Any]:
    """Use existing columns of the right type, at least one bound, one kind per condition, and few levels."""
    if not levels:
        return {"exists": {"key": WORDS}}
    if "match" in part:
        kind, wanted = next(iter(part["match"].items()))
        if kind not in ("value", "any"):
            return {"key": WORDS, "match": {kind: f"a {wanted}"[:100] if kind != "text" else "some words"}}
        values = wanted if isinstance(wanted, list) else [wanted]
        key, small = _column_for(values)
        return {"key": key, "match": {kind: small if kind == "any" else small[0]}}
    if "range" in part:
        bounds = {name: bound for name, bound in part["range"].items() if isinstance(bound, int | float)}
        return {"key": NUMBER, "range": bounds or {"gte": 0}}
    for kind in ("exists", "is_null"):
        if kind in part:
            return {kind: {"key": WORDS}}
    if "ids" in part:
        return {"ids": [str(one) for one in part["ids"]]}
    if part.keys() & {"geo_radius", "geo_bounding_box"}:  # the collections have no points
        return {"exists": {"key": WORDS}}
    if part and not part.keys() & {"must", "should", "must_not"}:
        return _repair_short(next(iter(part.values())))
    clauses = {clause: [_repair_filter(inner, levels - 1) for inner in inners] for clause, inners in part.items()}
    return clauses or {"must": []}


def _repair_short(wanted: Any) -> dict[str, Any]:
    if wanted is None:
        return {WORDS: None}
    key, small = _column_for(wanted if isinstance(wanted, list) else [wanted])
    return {key: small if isinstance(wanted, list) else small[0]}


def _column_for(values: list[Any]) -> tuple[str, list[Any]]:
    """Return a column for values of a type, and the values as it takes them: small integers, not fractions."""
    key = {str: WORDS, bool: FLAG}.get(type(values[0]), NUMBER) if values else WORDS
    return key, [int(value) % 2**32 if key == NUMBER else value for value in values]


def _repaired_vector(query: dict[str, Any]) -> dict[str, Any]:
    if "text" in query:  # no collection here has an encoder
        query["tokens"] = {query.pop("text"): 1.0}
    if "indices" in query:
        query["values"] = _weights(query["values"], len(query["indices"]))
    return query


def _repair_change(body: dict[str, Any]) -> None:
    """Use distinct string ids, one vector per document, within the dimension, and no conditions or stored documents."""
    if "ids" in body:
        body["ids"] = [str(one) for one in body["ids"] or ["never"]]
    if not body.get("ids") and not body.get("documents"):
        body["filter"] = {"ids": ["never"]}
    if body.get("filter") is not None:
        body |= {"filter": {"ids": ["never"]}, "ids": None, "documents": None}
    body.pop("if_sequence", None)
    for number, document in enumerate(body.get("documents") or []):
        document["id"] = f"{document['id']}-{number}"
        for name in ("payload", "tokens", "text", "fields", "if_absent", "if_sequence", "unset"):
            document.pop(name, None)
        document["indices"] = sorted({one % DIMENSION for one in document.get("indices") or []})
        document["values"] = _weights(document.get("values") or [], len(document["indices"]))
    for name in [name for name, value in body.items() if value is None]:
        del body[name]


def _repair_patch(body: dict[str, Any]) -> None:
    """Repair a patch as any change; one by a filter sets a column that exists."""
    mode = body.get("mode", "merge")
    _repair_change(body)
    documents = body.get("documents")
    changed = {"documents": documents} if documents else {"filter": body["filter"], "payload": {NUMBER: 1}}
    body.clear()
    body |= {**changed, "mode": mode}


def _do_not_wait(given: Any) -> None:
    """Drop waits for changes that never come."""
    parts = given.get("searches") if isinstance(given, dict) and "searches" in given else [given]
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and isinstance(part.get("min_sequence"), int | float) and part["min_sequence"] > 0:
            part.pop("min_sequence")


def _weights(given: list[float], count: int) -> list[float]:
    return list(islice(cycle([*given, 1.0]), count))


def _without_points(value: Any) -> Any:
    """Return a value with 7.0 replaced by 7: an integer in JSON Schema, but not in the service."""
    if isinstance(value, dict):
        return {key: _without_points(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_points(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
