"""Search."""

import base64
import time
from typing import Any

import orjson
from fastapi import APIRouter, Response
from pydantic_core import to_jsonable_python

from seismic import Answer, Index, ParameterError
from server.json_route import JsonRoute
from server.openapi import problems
from server.routes.collections import Name
from server.schemas import ChosenProfile, SearchAnswer, SearchRequest
from server.service import ServiceDep

router = APIRouter(prefix="/v1/collections/{name}", tags=["search"], route_class=JsonRoute)


@router.post(
    "/search",
    response_model=SearchAnswer,
    responses=problems(400, 404, 413, 415, 422, 503),
)
async def search(name: Name, body: SearchRequest, service: ServiceDep) -> Response:
    """The documents with the largest inner products with the query, best first.

    Only documents that share a component with the query are hits; there may be fewer than `limit`.
    """
    started = time.perf_counter()
    if body.limit > service.settings.max_limit:
        raise ParameterError(f"limit: found {body.limit}, expected at most {service.settings.max_limit}")
    index = service.collections.ready(name)
    content = await service.pool.run(_answer, index, body, started)
    # Encoded already: validating ten thousand hits once more would take longer than finding them.
    return Response(content, media_type="application/json")


def _answer(index: Index, body: SearchRequest, started: float) -> bytes:
    """A `SearchAnswer` as JSON."""
    index = index.frozen()  # hits and payloads are of one view, whatever changes meanwhile
    answer = index.answer(dict(body.query), body.limit, params=body.params, filter=body.filter)
    payloads = _payloads(index, answer, body.with_payload)
    shards = len(index.manifest.shards)
    content = {
        "hits": [
            {"id": hit.id, "score": hit.score, "payload": payload}
            for hit, payload in zip(answer.hits, payloads, strict=True)
        ],
        "took_ms": round((time.perf_counter() - started) * 1000, 3),
        "plan": answer.plan,
        "profile": answer.profile and answer.profile.model_dump(include=set(ChosenProfile.model_fields)),
        "generation": index.generation,
        "sequence": index.sequence,
        "warnings": _warnings(body, answer),
        "unknown_tokens": answer.unknown,
        "matched": None if answer.matched is None else {"value": answer.matched, "relation": "eq"},
        "shards": {"total": shards, "ok": shards},
    }
    return orjson.dumps(content, default=encode_value)


def _payloads(index: Index, answer: Answer, wanted: bool | list[str]) -> list[dict[str, Any]] | list[None]:
    if wanted is False:
        return [None] * len(answer.hits)
    columns = None if wanted is True else wanted
    payloads: list[dict[str, Any]] = index.payloads([hit.number for hit in answer.hits], columns)
    return payloads


def _warnings(body: SearchRequest, answer: Answer) -> list[str]:
    asked = sum(len(part) for name, part in body.query if name != "values")
    if not asked:
        return ["the query is empty, so nothing matches", *answer.warnings]
    if len(answer.unknown) == asked:
        return ["the collection knows none of the query's components, so nothing matches", *answer.warnings]
    return [*answer.warnings]


def encode_value(value: Any) -> Any:
    """JSON for the column types that have no JSON of their own."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else to_jsonable_python(value)
