"""Answers of the engine as JSON. They are encoded by hand: to validate ten thousand hits once more would take longer
than to find them."""

import base64
import itertools
import time
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from pydantic_core import to_jsonable_python

from seismic import Answer, Hit, Index, ParameterError
from seismic_server.observe import tracing
from seismic_server.schemas.answers import ChosenProfile
from seismic_server.schemas.search import BatchRequest, SearchRequest
from seismic_server.service import Service

_PROFILE = set(ChosenProfile.model_fields)
_NOTHING = itertools.repeat(None)  # for every hit

MANY = 64
"""So many searches of a batch gain more by another thread than it costs: 64 take 8.9 ms for 11.6, 32 gain nothing."""


def search(service: Service, index: Index, body: SearchRequest, started: float) -> bytes:
    """A `SearchAnswer`."""
    (content,) = _answer(service, index, [body], threads=1)
    return encode(content | {"took_ms": _since(started)})


def search_batch(service: Service, index: Index, body: BatchRequest, started: float) -> bytes:
    """A `BatchAnswer`."""
    threads = 1 + service.pool.spare() if len(body.searches) >= MANY else 1
    contents = _answer(service, index, body.searches, threads)
    took = _since(started)
    return encode({"answers": [content | {"took_ms": took} for content in contents], "took_ms": took})


def _answer(service: Service, index: Index, searches: Sequence[SearchRequest], threads: int) -> list[dict[str, Any]]:
    """Answers without the time they took; counted. Searched on up to so many threads."""
    index, tracer = index.frozen(), tracing.current()  # hits and payloads are of one view, whatever changes meanwhile
    began = time.perf_counter()
    with tracer.span("search"):
        answers = index.search_many(searches, threads)
    service.answered(index, searches, answers, time.perf_counter() - began)
    with tracer.span("payloads"):
        state = _state(index)
        return [_content(index, search, answer, state) for search, answer in zip(searches, answers, strict=True)]


def encode(content: Any) -> bytes:
    """JSON of anything that a column can hold."""
    with tracing.current().span("encode"):
        return orjson.dumps(content, default=_plain)


def _content(index: Index, body: SearchRequest, answer: Answer, state: dict[str, Any]) -> dict[str, Any]:
    groups = answer.groups
    hits = orjson.dumps(_hits(index, body, answer.hits), default=_plain)  # now, while they are in the CPU's cache
    return {
        "hits": orjson.Fragment(hits),
        "plan": answer.plan,
        "profile": answer.profile and answer.profile.model_dump(include=_PROFILE),
        **state,
        "warnings": answer.warnings,
        "unknown_tokens": answer.unknown,
        "matched": None if answer.matched is None else {"value": answer.matched, "relation": "eq"},
        "groups": groups and [{"value": one.value, "hits": _hits(index, body, one.hits)} for one in groups],
        "facets": answer.facets,
        "explanation": answer.explanation,
    }


def _state(index: Index) -> dict[str, Any]:
    """What all answers of a request say of the collection."""
    shards = len(index.manifest.shards)
    return {
        "generation": index.generation,
        "sequence": index.sequence,
        "shards": {"total": shards, "ok": shards},
    }


def _hits(index: Index, body: SearchRequest, hits: list[Hit]) -> list[dict[str, Any]]:
    payloads, vectors = _payloads(index, hits, body.with_payload), _vectors(index, hits, body.with_vector)
    return [
        {"id": id, "score": score, "payload": payload, "vector": vector, "explanation": explanation}
        for (id, score, _, explanation), payload, vector in zip(hits, payloads, vectors, strict=False)
    ]


def _payloads(index: Index, hits: list[Hit], wanted: bool | list[str]) -> Iterable[dict[str, Any] | None]:
    if wanted is False:
        return _NOTHING
    payloads: list[dict[str, Any]] = index.payloads([hit.number for hit in hits], None if wanted is True else wanted)
    return payloads


def _vectors(index: Index, hits: list[Hit], wanted: bool | str) -> Iterable[dict[str, Any] | None]:
    return _NOTHING if wanted is False else vectors(index, [hit.number for hit in hits], wanted)


def vectors(index: Index, numbers: list[int], wanted: bool | str) -> list[dict[str, Any]]:
    """Stored vectors of document numbers; `wanted`: True, or "tokens". Raises ParameterError."""
    stored, vocabulary = index.vectors(numbers), index.vocabulary
    pairs = [tuple(array.tolist() for array in stored[row]) for row in range(len(stored))]
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
