"""Change documents: upsert and delete."""

import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from seismic import InputError
from seismic.changes.records import Change, Rules, check_delete
from seismic.weight_range import range_problem
from seismic_server.conversion.documents import to_upserts
from seismic_server.conversion.texts import encode_documents
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.strict_route import StrictRoute
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.routes.reading import PREFIX, Id, ids_of
from seismic_server.schemas.bodies import ChangeAnswer, DeleteRequest, UpsertRequest
from seismic_server.service import Service, ServiceDep

by_id = APIRouter(prefix=PREFIX, tags=["documents"], route_class=StrictRoute)
changes = APIRouter(prefix=PREFIX, tags=["documents"], route_class=JsonRoute)


@changes.put("", responses=problems(400, 404, 413, 415, 422, 503, 507))
async def upsert_documents(name: Name, body: UpsertRequest, service: ServiceDep) -> ChangeAnswer:
    """Insert documents, or replace those with the same ids. If one document is invalid, none is written.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    index = service.collections.ready(name).frozen()
    encoded = await service.pool.run(encode_documents, index, body.documents)
    warnings = list(encoded.warnings)

    def check(rules: Rules) -> list[Change]:
        encoded.check(rules)
        upserts, vectors = to_upserts(encoded.documents, rules)
        problem = range_problem(vectors, index.manifest.layout)
        warnings[:] = [*encoded.warnings, *([problem] if problem else [])]
        return upserts

    return await _commit(service, name, check, len(body.documents), started, warnings)


@changes.post("/delete", responses=problems(400, 404, 413, 415, 422, 503, 507))
async def delete_documents(name: Name, body: DeleteRequest, service: ServiceDep) -> ChangeAnswer:
    """Delete documents. Unknown ids are ignored.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    service.collections.ready(name)
    return await _commit(service, name, lambda rules: [check_delete(body.ids, rules)], len(body.ids), started)


@by_id.delete("/{id:any}", responses=problems(404, 422, 503, 507))
async def delete_document(name: Name, id: Id, service: ServiceDep) -> ChangeAnswer:
    """Delete a document. An unknown id is ignored.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    ids = ids_of(service.collections.ready(name), id)
    if not len(ids):
        raise InputError(f"id: found '{id}', expected {ids.type}, as ids of this collection are")
    return await _commit(service, name, lambda rules: [check_delete(ids, rules)], 1, started)


async def _commit(
    service: Service, name: str, check: Any, documents: int, started: float, warnings: Sequence[str] = ()
) -> ChangeAnswer:
    done = await service.committers[name].commit(check)
    took = round((time.perf_counter() - started) * 1000, 3)
    stale = service.collections[name].stale
    if stale:  # durable, but searches do not see it yet
        warnings = [*warnings, f"the change is durable, but not searched: {stale}"]
    return ChangeAnswer(
        sequence=done.sequence,
        generation=done.generation,
        documents=documents,
        warnings=list(warnings),
        took_ms=took,
    )
