"""The generations of a collection: list, compact, roll back."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

import seismic
from seismic import IndexNotFoundError
from seismic.errors import NotFoundError
from seismic.store.collection import generation_folder
from seismic.store.history import previous_generation
from seismic_server import lifecycle
from seismic_server.conversion.jobs import describe_job
from seismic_server.http.json_body import OptionalJsonRoute
from seismic_server.http.strict_route import StrictRoute
from seismic_server.observe.trail import record
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.lifecycle import CompactRequest, GenerationList, GenerationOut, JobOut, RollbackRequest
from seismic_server.service import Service, ServiceDep

reads = APIRouter(prefix="/v1/collections", tags=["generations"], route_class=StrictRoute)
jobs = APIRouter(prefix="/v1/collections", tags=["generations"], route_class=OptionalJsonRoute)
BARE: dict[str, Any] = {"response_model_exclude_none": True}
ACCEPTED: dict[str, Any] = {"status_code": 202, **BARE}


@reads.get("/{name}/generations", responses=problems(404, 422, 503), **BARE)
async def list_generations(name: Name, service: ServiceDep) -> GenerationList:
    """List the generations of a collection that are on disk, oldest first."""
    folder = service.collections[name].folder
    found = await service.threads.run(seismic.generations, folder)
    hidden = str(folder)  # of this machine
    listed = [{**asdict(one), "problem": one.problem and one.problem.replace(hidden, name)} for one in found]
    return GenerationList(generations=[GenerationOut(**one) for one in listed])


@jobs.post("/{name}:compact", responses=problems(400, 404, 413, 415, 422, 503), **ACCEPTED)
async def compact(name: Name, request: Request, service: ServiceDep, body: CompactRequest | None = None) -> JobOut:
    """Start a job that merges all changes into a new generation. Without changes, it does nothing.

    If such a job waits or runs already, that one is returned. Searches and changes continue meanwhile.
    """
    collection = service.collections[name]
    options = (body or CompactRequest()).model_dump()
    job = await service.refreshers[collection.name].compact(**options)
    record(request, "compact", collection=collection.name, job=job.id)
    return describe_job(job)


@jobs.post("/{name}:rollback", responses=problems(400, 404, 413, 415, 422, 503), **ACCEPTED)
async def rollback(name: Name, request: Request, service: ServiceDep, body: RollbackRequest | None = None) -> JobOut:
    """Start a job that serves another generation. It is verified first; later changes still apply to it."""
    wanted = await service.threads.run(_generation, service, name, body.generation if body else None)
    job = await lifecycle.rollback(service, service.collections[name], wanted)
    record(request, "rollback", collection=job.collection, job=job.id, generation=wanted)
    return describe_job(job)


def _generation(service: Service, name: str, wanted: str | None) -> str:
    """Return the generation to roll back to. Raises NotFoundError."""
    folder = service.collections[name].folder
    try:
        return previous_generation(folder) if wanted is None else generation_folder(folder, wanted).name
    except IndexNotFoundError:
        found = "generation older than the current one" if wanted is None else f"generation '{wanted}'"
        listed = f"GET /v1/collections/{name}/generations lists all"
        raise NotFoundError(f"collection '{name}': found no {found}; {listed}") from None
