"""Counting documents."""

import time

from fastapi import APIRouter

from seismic import Index
from seismic_server.http.json_body import JsonRoute
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.bodies import CountAnswer, CountRequest
from seismic_server.service import ServiceDep

router = APIRouter(prefix="/v1/collections/{name}", tags=["search"], route_class=JsonRoute)


@router.post("/count", responses=problems(400, 404, 413, 415, 422, 503, 504))
async def count_documents(name: Name, body: CountRequest, service: ServiceDep) -> CountAnswer:
    """Count the documents that match a filter; without one, all documents."""
    started = time.perf_counter()
    return await service.pool.run(_count, (await service.ready(name, body.min_sequence)).frozen(), body, started)


def _count(index: Index, body: CountRequest, started: float) -> CountAnswer:
    count = index.count(body.filter)
    took = round((time.perf_counter() - started) * 1000, 3)
    return CountAnswer(count=count, generation=index.generation, sequence=index.sequence, took_ms=took)
