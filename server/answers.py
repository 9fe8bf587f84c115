"""Answers of the engine as JSON. They are encoded by hand: to validate ten thousand hits once more would take longer
than to find them."""

import base64
import time
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic_core import to_jsonable_python

from seismic import Answer, Hit, Index, ParameterError
from server.observe import tracing
from server.schemas.answers import ChosenProfile
from server.schemas.search import BatchRequest, SearchRequest
from server.service import Service

_PROFILE = set(ChosenProfile.model_fields)


def search(service: Service, index: Index, body: SearchRequest, started: float) -> bytes:
    """A `SearchAnswer`."""
    (content,) = _answer(service, index, [body])
    return encode(content | {"took_ms": _since(started)})


def search_batch(service: Service, index: Index, body: BatchRequest, started: float) -> bytes:
    """A `BatchAnswer`."""
    contents = _answer(service, index, body.searches)
    took = _since(started)
    return encode({"answers": [content | {"took_ms": took} for content in contents], "took_ms": took})


def _answer(service: Service, index: Index, searches: Sequence[SearchRequest]) -> list[dict[str, Any]]:
    """Answers without the time they took; counted."""
    index, tracer = index.frozen(), tracing.current()  # hits and payloads are of one view, whatever changes meanwhile
    began = time.perf_counter()
    with tracer.span("search"):
        answers = index.ask_batch(searches)
    service.answered(index, searches, answers, time.perf_counter() - began)
    with tracer.span("payloads"):
        return [_content(index, search, answer) for search, answer in zip(searches, answers, strict=True)]


def encode(content: Any) -> bytes:
    """JSON of anything that a column can hold."""
    with tracing.current().span("encode"):
        return orjson.dumps(content, default=_plain)


def _content(index: Index, body: SearchRequest, answer: Answer) -> dict[str, Any]:
    shards, groups = len(index.manifest.shards), answer.groups
    return {
        "hits": _hits(index, body, answer.hits),
        "plan": answer.plan,
        "profile": answer.profile and answer.profile.model_dump(include=_PROFILE),
        "generation": index.generation,
        "sequence": index.sequence,
        "warnings": answer.warnings,
        "unknown_tokens": answer.unknown,
        "matched": None if answer.matched is None else {"value": answer.matched, "relation": "eq"},
        "shards": {"total": shards, "ok": shards},
        "groups": groups and [{"value": one.value, "hits": _hits(index, body, one.hits)} for one in groups],
        "facets": answer.facets,
        "explanation": answer.explanation,
    }


def _hits(index: Index, body: SearchRequest, hits: list[Hit]) -> list[dict[str, Any]]:
    numbers = [hit.number for hit in hits]
    payloads, vectors = _payloads(index, numbers, body.with_payload), _vectors(index, numbers, body.with_vector)
    return [
        {"id": hit.id, "score": hit.score, "payload": payload, "vector": vector, "explanation": hit.explanation}
        for hit, payload, vector in zip(hits, payloads, vectors, strict=True)
    ]


def _payloads(index: Index, numbers: list[int], wanted: bool | list[str]) -> list[dict[str, Any]] | list[None]:
    if wanted is False:
        return [None] * len(numbers)
    payloads: list[dict[str, Any]] = index.payloads(numbers, None if wanted is True else wanted)
    return payloads


def _vectors(index: Index, numbers: list[int], wanted: bool | str) -> list[dict[str, Any]] | list[None]:
    if wanted is False:
        return [None] * len(numbers)
    vectors, vocabulary = index.vectors(numbers), index.vocabulary
    pairs = [tuple(array.tolist() for array in vectors[row]) for row in range(len(vectors))]
    if wanted is True:
        return [{"indices": components, "values": values} for components, values in pairs]
    if vocabulary is None:
        raise ParameterError("with_vector: this collection has no vocabulary, so no tokens; ask for true or false")
    return [
        {"tokens": dict(zip(map(vocabulary.token, components), values, strict=True))} for components, values in pairs
    ]


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)


def _plain(value: Any) -> Any:
    """What JSON has no type for."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else to_jsonable_python(value)
