"""The calls of the HTTP API: method, path, body and answer type. Independent of connections."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

import orjson

from seismic.client.batching import Batching, split
from seismic.client.models import (
    Change,
    CollectionInfo,
    Count,
    Document,
    NewDocument,
    Page,
    PatchOptions,
    ScrollOptions,
    SearchAnswer,
    SearchOptions,
    WhyNot,
)
from seismic.conversion.plain import excerpt, to_json
from seismic.errors import InputError, QueryError

T = TypeVar("T")

AsVector = bool | Literal["tokens"]
"""Whether to return stored vectors: True as `indices` and `values`, "tokens" as `tokens`."""

Query = str | Mapping[str, Any] | Mapping[int, float]
"""A text, {"indices", "values"}, {component: weight}, {"tokens"}, {"text"}, {"id"}, {"fields"} or examples."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request and the reader of its answer."""

    method: str
    path: str
    read: Callable[[Any], T]
    body: Any = None
    repeatable: bool = True
    """Whether the call may be repeated if it may already have been carried out."""

    @property
    def content(self) -> bytes | None:
        """The body as JSON.

        NumPy arrays and scalars become numbers, bytes base64, decimals text. Raises InputError for other values that
        JSON cannot represent.
        """
        return None if self.body is None else _encode(self.body)


def _encode(value: Any) -> bytes:
    try:
        return orjson.dumps(value, to_json, orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise InputError(f"cannot encode the request as JSON: {error}") from None


def search(collection: str, query: Query | None, options: SearchOptions) -> Call[SearchAnswer]:
    """Search with one query."""
    return Call("POST", path_of(collection, "search"), SearchAnswer.model_validate, _search_body(query, options))


def search_batch(
    collection: str, queries: Sequence[Query | None], options: SearchOptions, batching: Batching
) -> list[Call[list[SearchAnswer]]]:
    """Search with many queries and the same options, in as few requests as the service accepts."""
    if isinstance(queries, str | Mapping):
        raise InputError(f"found {excerpt(queries)}, expected a list of queries; search takes one")
    searches = []
    for number, query in enumerate(queries):
        try:
            searches.append(_encode(_search_body(query, options)))
        except QueryError as error:
            raise QueryError(f"queries[{number}]: {error}") from None
    return [
        Call("POST", path_of(collection, "search/batch"), _read_batch, {"searches": list(map(orjson.Fragment, part))})
        for part in split(searches, batching.search_bytes, batching.searches)
    ]


def why_not(
    collection: str,
    query: Query,
    ids: Sequence[str] | Sequence[int],
    filter: Mapping[str, Any] | None,
    limit: int,
    score_threshold: float | None,
) -> Call[list[WhyNot]]:
    """Ask why documents are or are not found."""
    body = _search_body(query, {"limit": limit}) | {"ids": ids}
    body |= {} if filter is None else {"filter": filter}
    body |= {} if score_threshold is None else {"score_threshold": score_threshold}
    return Call("POST", path_of(collection, "why"), _read_whys, body)


def count(collection: str, filter: Mapping[str, Any] | None, min_sequence: int | None = None) -> Call[Count]:
    """Count the documents that match a filter."""
    body = {"filter": filter} if filter else {}
    return Call("POST", path_of(collection, "count"), Count.model_validate, body | _at_least(min_sequence))


def document(collection: str, id: str | int, with_vector: AsVector, min_sequence: int | None = None) -> Call[Document]:
    """Get one document."""
    given = {"with_vector": str(with_vector).lower()} if with_vector else {}
    parameters = urlencode(given | _at_least(min_sequence))
    parameters = f"?{parameters}" if parameters else ""
    return Call("GET", path_of(collection, f"documents/{segment(str(id))}{parameters}"), Document.model_validate)


def documents(
    collection: str,
    ids: Sequence[str] | Sequence[int],
    with_payload: bool | Sequence[str],
    with_vector: AsVector,
    min_sequence: int | None,
    batching: Batching,
) -> list[Call[Page]]:
    """Get many documents, in as few requests as the service accepts."""
    if isinstance(ids, str | Mapping):
        raise InputError(f"found {excerpt(ids)}, expected a list of ids")
    options = {"with_payload": with_payload, "with_vector": with_vector, **_at_least(min_sequence)}
    encoded = [_encode(id) for id in ids]
    return [
        Call(
            "POST",
            path_of(collection, "documents/get"),
            _read_page,
            {"ids": list(map(orjson.Fragment, part)), **options},
        )
        for part in split(encoded, batching.search_bytes, batching.documents)
        if part
    ]


def in_order(ids: Sequence[str] | Sequence[int], pages: Iterable[Page]) -> list[Document | None]:
    """Return the document of each id; None for ids without one."""
    known = {document.id: document for page in pages for document in page.documents}
    return [known.get(id) for id in ids]


def scroll(collection: str, cursor: str | None, options: ScrollOptions) -> Call[Page]:
    """Get a page of documents."""
    body: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if isinstance(options.get("order_by"), str):
        body["order_by"] = {"key": options["order_by"]}
    if cursor is not None:
        body["cursor"] = cursor
    return Call("POST", path_of(collection, "documents/scroll"), _read_page, body)


def upsert(collection: str, documents: Sequence[NewDocument], batching: Batching) -> list[Call[Change]]:
    """Insert or replace documents, in as few requests as the service accepts. All are encoded before one is sent."""
    if isinstance(documents, str | Mapping):
        raise InputError(f"found {excerpt(documents)}, expected a list of documents")
    encoded = [_encode(document) for document in documents]
    repeatable = not any(document.get("if_absent") or "if_sequence" in document for document in documents)
    return [
        Call(
            "PUT",
            path_of(collection, "documents"),
            Change.model_validate,
            {"documents": list(map(orjson.Fragment, part))},
            repeatable=repeatable,
        )
        for part in split(encoded, batching.upsert_bytes)
    ]


def patch(collection: str, options: PatchOptions, batching: Batching) -> list[Call[Change]]:
    """Patch documents, in as few requests as the service accepts."""
    documents = options.get("documents")
    if documents is None:
        return [Call("PATCH", path_of(collection, "documents"), Change.model_validate, options)]
    if isinstance(documents, str | Mapping):
        raise InputError(f"found {excerpt(documents)}, expected a list of documents")
    repeatable = not any("if_sequence" in document for document in documents)
    parts = split(map(_encode, documents), batching.upsert_bytes)
    path, bodies = path_of(collection, "documents"), ({"documents": list(map(orjson.Fragment, part))} for part in parts)
    return [Call("PATCH", path, Change.model_validate, {**options, **body}, repeatable) for body in bodies]


def together(changes: Sequence[Change]) -> Change:
    """Return the changes of several requests as one: the last sequence, all documents and all warnings."""
    warnings = dict.fromkeys(warning for change in changes for warning in change.warnings)
    counts = {name: [getattr(change, name) for change in changes] for name in ("created", "updated", "deleted")}
    return changes[-1].model_copy(
        update={
            **{name: None if None in parts else sum(parts) for name, parts in counts.items()},
            "documents": sum(change.documents for change in changes),
            "took_ms": sum(change.took_ms for change in changes),
            "warnings": list(warnings),
        }
    )


def delete(
    collection: str,
    ids: Sequence[str] | Sequence[int] | None,
    filter: Mapping[str, Any] | None,
    if_sequence: int | None,
) -> Call[Change]:
    """Delete documents by id or by a filter."""
    given = {"ids": ids, "filter": filter, "if_sequence": if_sequence}
    body = {name: value for name, value in given.items() if value is not None}
    return Call(
        "POST", path_of(collection, "documents/delete"), Change.model_validate, body, repeatable=if_sequence is None
    )


def collection_info(collection: str) -> Call[CollectionInfo]:
    """Describe one collection."""
    return Call("GET", path_of(collection), CollectionInfo.model_validate)


def collections() -> Call[list[CollectionInfo]]:
    """Describe every collection."""
    return Call("GET", "/v1/collections", _read_collections)


def ready() -> Call[bool]:
    """Check that every collection answers searches."""
    return Call("GET", "/readyz", lambda answer: bool(answer["status"] == "ready"))


def _search_body(query: Query | None, options: SearchOptions) -> dict[str, Any]:
    body: dict[str, Any] = {} if query is None else {"query": _query_body(query)}
    body |= options
    return body | ({"order_by": {"key": by}} if isinstance(by := body.get("order_by"), str) else {})


def _query_body(query: Query) -> Mapping[Any, Any]:
    """Return a query as the service takes it. Raises QueryError."""
    if isinstance(query, str):
        return {"text": query}
    if not isinstance(query, Mapping):
        raise QueryError(f"found {excerpt(query)}, expected a text, or an object such as {{'indices', 'values'}}")
    body: Mapping[Any, Any] = query
    if body and all(isinstance(key, Integral) for key in body):
        body = {"indices": list(map(int, body)), "values": list(map(float, body.values()))}
    fields = body.get("fields")
    for part in (body, *(fields.values() if isinstance(fields, Mapping) else ())):
        _check_weights(part)
    return body


def _check_weights(query: Any) -> None:
    """Raise QueryError for weights that JSON has no numbers for."""
    if not isinstance(query, Mapping):
        return
    values, tokens = query.get("values"), query.get("tokens")
    weights: Any = tokens.values() if isinstance(tokens, Mapping) else values if hasattr(values, "__len__") else ()
    for weight in weights:
        if isinstance(weight, Real) and not math.isfinite(weight):
            name = "values" if tokens is None else "tokens"
            raise QueryError(f"{name}: found {float(weight)}, expected finite numbers")


def _at_least(min_sequence: int | None) -> dict[str, int]:
    return {} if min_sequence is None else {"min_sequence": min_sequence}


def export(collection: str, query: str) -> str:
    """Return the path and query of an export."""
    return f"{path_of(collection, 'export')}?{query}"


def path_of(collection: str, below: str = "") -> str:
    """Return the path of a collection, or of something below it."""
    return f"/v1/collections/{segment(collection)}" + (f"/{below}" if below else "")


def segment(text: str) -> str:
    """Encode a text as one segment of a path. Unencoded, `.` and `..` would lead to other routes."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def _read_page(answer: Any) -> Page:
    state = {"generation": answer["generation"], "sequence": answer["sequence"]}
    return Page.model_validate({**answer, "documents": [{**one, **state} for one in answer["documents"]]})


def _read_batch(answer: Any) -> list[SearchAnswer]:
    return [SearchAnswer.model_validate(one) for one in answer["answers"]]


def _read_whys(answer: Any) -> list[WhyNot]:
    return [WhyNot.model_validate(one) for one in answer["documents"]]


def _read_collections(answer: Any) -> list[CollectionInfo]:
    return [CollectionInfo.model_validate(one) for one in answer["collections"]]
