"""Why documents are or are not found."""

import time

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from seismic import Index, ParameterError
from seismic.search.why import WhyNot
from seismic_server.access.limits import check_query
from seismic_server.access.values import check_why
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.parts import JsonParts
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.why import WhyAnswer, WhyRequest
from seismic_server.service import Service, ServiceDep

router = APIRouter(prefix="/v1/collections/{name}", tags=["search"], route_class=JsonRoute)

_DOCUMENTS = TypeAdapter(list[WhyNot])


@router.post("/why", response_model=WhyAnswer, responses=problems(400, 404, 413, 415, 422, 503))
async def why_not(name: Name, body: WhyRequest, service: ServiceDep) -> Response:
    """Say why documents are or are not among the hits of a search: their exact scores and ranks, the components that
    they share with the query, and the conditions that exclude them. Scores all documents."""
    started, index, most = time.perf_counter(), service.collections.ready(name), service.settings.max_limit
    if body.limit > most:
        raise ParameterError(f"limit: found {body.limit}, expected at most {most}")
    check_query(body.query, service.settings)
    check_why(body.query, len(body.ids), index.view.documents.count, service.settings)
    return await service.pool.run(_answer, service, index.frozen(), body, started)


def _answer(service: Service, index: Index, asked: WhyRequest, started: float) -> Response:
    """Return a `WhyAnswer`."""
    found = index.why_not(asked.query, asked.ids, asked.filter, asked.limit, score_threshold=asked.score_threshold)
    body = Body(service.settings.max_answer_bytes)
    content = {
        "documents": _DOCUMENTS.dump_python(found, mode="json", exclude_none=True),
        "generation": index.generation,
        "sequence": index.sequence,
        "took_ms": round((time.perf_counter() - started) * 1000, 3),
    }
    body.add(encode(content))
    return JsonParts(body.parts)
