"""Search."""

import time

from fastapi import APIRouter, Response

from seismic import Index, ParameterError
from seismic_server.access.limits import begin_deadline, check_query
from seismic_server.conversion import answers
from seismic_server.http.json_route import DirectRoute
from seismic_server.observe import tracing
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.answers import BatchAnswer, SearchAnswer
from seismic_server.schemas.search import BatchRequest, SearchRequest
from seismic_server.service import ServiceDep
from seismic_server.settings import Settings

router = APIRouter(prefix="/v1/collections/{name}/search", tags=["search"], route_class=DirectRoute)

PROBLEMS = problems(400, 404, 413, 415, 422, 503)


@router.post("", response_model=SearchAnswer, responses=PROBLEMS)
async def search(name: Name, body: SearchRequest, service: ServiceDep) -> Response:
    """The documents with the largest inner products with the query, best first.

    Only documents that share a component with the query are hits; there may be fewer than `limit`.
    """
    started, arrived = time.perf_counter(), time.monotonic()
    tracing.parsing_ends()
    index = service.collections.ready(name)
    _check(body, service.settings, index)
    begin_deadline([body.params], arrived)
    content = await service.pool.run(answers.search, service, index, body, started)
    return Response(content, media_type="application/json")


@router.post("/batch", response_model=BatchAnswer, responses=PROBLEMS)
async def search_batch(name: Name, body: BatchRequest, service: ServiceDep) -> Response:
    """The answers of several searches, in their order; if one of them is wrong, none is made."""
    started, arrived = time.perf_counter(), time.monotonic()
    tracing.parsing_ends()
    most, index = service.settings.max_batch, service.collections.ready(name)
    if len(body.searches) > most:
        raise ParameterError(f"searches: found {len(body.searches)}, expected at most {most} (setting max_batch)")
    for at, one in enumerate(body.searches):
        _check(one, service.settings, index, f"searches[{at}]: ")
    hits, most = sum(one.depth for one in body.searches), service.settings.max_batch_hits
    if hits > most:
        raise ParameterError(f"searches: found {hits} hits asked for, expected at most {most} (setting max_batch_hits)")
    begin_deadline([one.params for one in body.searches], arrived)
    content = await service.pool.run(answers.search_batch, service, index, body, started)
    return Response(content, media_type="application/json")


def _check(body: SearchRequest, settings: Settings, index: Index, where: str = "") -> None:
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
        raise ParameterError(f"{where}fusion.depth: found {body.depth}, expected at most {most}")
    check_query(body.query, settings, where)
    try:  # before anything is searched, and while it is known whose fault it is
        if isinstance(body.with_payload, list):
            index.payloads([], body.with_payload)
        if body.with_vector == "tokens":
            answers.vectors(index, [], "tokens")
    except ParameterError as error:
        raise ParameterError(f"{where}{error}") from None
