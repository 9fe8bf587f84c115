"""Search."""

import time
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Response

from seismic import Answer, Index, ParameterError
from seismic.stop import current
from seismic_server.access.limits import begin_deadline, check_query, check_rerank
from seismic_server.access.values import check_values
from seismic_server.conversion import answers
from seismic_server.conversion.body import Body
from seismic_server.costs import Key, spent
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.parts import JsonParts
from seismic_server.observe import tracing
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.answers import BatchAnswer, SearchAnswer
from seismic_server.schemas.search import BatchRequest, SearchRequest
from seismic_server.service import Service, ServiceDep
from seismic_server.settings import Settings

LARGE_BATCH = 64
"""Fewest searches of a batch that gain from more than one thread (docs/benchmarks/decisions-server.md)."""

router = APIRouter(prefix="/v1/collections/{name}/search", tags=["search"], route_class=JsonRoute)

PROBLEMS = problems(400, 404, 413, 415, 422, 503)


@router.post("", response_model=SearchAnswer, responses=PROBLEMS)
async def search(name: Name, body: SearchRequest, service: ServiceDep) -> Response:
    """Return the documents with the largest inner products with the query, best first.

    Only documents that share a component with the query are hits, so there may be fewer than `limit`.
    """
    started, arrived = time.perf_counter(), time.monotonic()
    tracing.parsing_ends()
    begin_deadline([body.params], arrived)
    index = service.collections.ready(name)
    if body.min_sequence is not None:
        index = await service.ready(name, body.min_sequence)
    check_search(body, body.query, service.settings, index)
    check_rerank([body], service.settings)
    check_values([body], service.settings)
    key = service.costs.key_of(index, body)
    if service.costs.expects_short(key):
        return JsonParts(answer_search(service, index, body, key, started))
    return JsonParts(await service.pool.run(answer_search, service, index, body, key, started))


@router.post("/batch", response_model=BatchAnswer, responses=PROBLEMS)
async def search_batch(name: Name, body: BatchRequest, service: ServiceDep) -> Response:
    """Return the answers of several searches, in their order. If one search is invalid, none is answered."""
    started, arrived = time.perf_counter(), time.monotonic()
    tracing.parsing_ends()
    most = service.settings.max_batch
    service.collections.ready(name)
    if len(body.searches) > most:
        raise ParameterError(f"searches: found {len(body.searches)}, expected at most {most} (setting max_batch)")
    begin_deadline([one.params for one in body.searches], arrived)
    index = await service.ready(name, max(one.min_sequence or 0 for one in body.searches))
    for number, one in enumerate(body.searches):
        check_search(one, one.query, service.settings, index, f"searches[{number}]: ")
    hits, most = sum(one.depth for one in body.searches), service.settings.max_batch_hits
    if hits > most:
        raise ParameterError(f"searches: found {hits} hits requested, expected at most {most} (setting max_batch_hits)")
    check_rerank(body.searches, service.settings)
    check_values(body.searches, service.settings)
    return await service.pool.run(_search_batch, service, index, body.searches, started)


def answer_search(
    service: Service, index: Index, search: SearchRequest, key: Key | None, started: float
) -> list[bytes]:
    """Return a `SearchAnswer` in parts, and add what the search cost to the mean of `key`. Raises SeismicError."""
    index, body = index.frozen(), Body(service.settings.max_answer_bytes)  # frozen: hits and payloads from one view
    current().limit = body.reserve
    began = spent()
    (answer,) = _answers(service, index, [search], threads=1)
    service.costs.add(key, began)
    state, tracer = answers.state_of(index), tracing.current()
    answers.write_answer(body, index, search, answer, state, lambda: since(started), tracer)
    return body.parts


def _search_batch(service: Service, index: Index, searches: Sequence[SearchRequest], started: float) -> Response:
    """Return a `BatchAnswer`."""
    index, body = index.frozen(), Body(service.settings.max_answer_bytes)
    current().limit = body.reserve
    threads = 1 + service.pool.spare() if len(searches) >= LARGE_BATCH else 1
    found = _answers(service, index, searches, threads)
    state, took = answers.state_of(index), since(started)
    with tracing.current().span("payloads"):
        for at, (search, answer) in enumerate(zip(searches, found, strict=True)):
            body.add(b"," if at else b'{"answers":[')
            answers.write_answer(body, index, search, answer, state, lambda: took)
        body.add(b'],"took_ms":%b}' % orjson.dumps(since(started)))
    return JsonParts(body.parts)


def _answers(service: Service, index: Index, searches: Sequence[SearchRequest], threads: int) -> list[Answer]:
    """Search on up to `threads` threads. `index` must be frozen."""
    began = time.perf_counter()
    with tracing.current().span("search"):
        found = index.search_many(searches, threads, service.reranker)
    service.count_answers(index, searches, found, time.perf_counter() - began)
    return found


def check_search(body: SearchRequest, query: Any, settings: Settings, index: Index, where: str = "") -> None:
    """Raise ParameterError if a search for `query` exceeds a limit or asks for fields that the collection lacks."""
    most = settings.max_limit
    if body.group_by and body.depth > most:
        by = body.group_by
        raise ParameterError(
            f"{where}group_by: found {by.limit} groups of {by.size} hits, expected at most {most} hits"
        )
    if body.end > most:
        found = f"limit: found {body.limit}" + (f" after offset {body.offset}" if body.offset else "")
        raise ParameterError(f"{where}{found}, expected at most {most}" + (" together" if body.offset else ""))
    if body.depth > most:
        part = "fusion" if body.fusion else "rerank"
        raise ParameterError(f"{where}{part}.depth: found {body.depth}, expected at most {most}")
    if query is not None:
        check_query(query, settings, where)
    try:  # before the search, and while the error can still name the search that caused it
        if isinstance(body.with_payload, list):
            index.payloads([], body.with_payload)
        if body.with_vector == "tokens":
            answers.vectors(index, [], "tokens")
    except ParameterError as error:
        raise ParameterError(f"{where}{error}") from None


def since(started: float) -> float:
    """Return the milliseconds since `started` (`time.perf_counter`)."""
    return round((time.perf_counter() - started) * 1000, 3)
