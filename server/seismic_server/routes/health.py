"""Probes: liveness and readiness."""

from fastapi import APIRouter

from seismic.errors import DrainingError
from seismic_server.collections.served import Collection
from seismic_server.openapi import problems
from seismic_server.schemas.bodies import Health, Readiness, Served
from seismic_server.service import ServiceDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems())
async def healthz() -> Health:
    """Report that the process is alive."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(503), response_model_exclude_none=True)
async def readyz(service: ServiceDep) -> Readiness:
    """Report whether the service answers searches: no collection is warming up, and not all are unavailable.

    A collection with a `problem` answers from its previous state, or from damaged files; one without a generation does
    not answer. Collections are listed only if the service has no keys, because this route needs none.
    """
    if service.admission.closing:
        raise DrainingError("the service is shutting down")
    named = service.settings.keys_file is None
    service.collections.check_ready(named=named)
    served = [_served(one) for one in service.collections]
    served += [Served(name=name, problem=problem) for name, problem in service.collections.unavailable.items()]
    ready = sum(one.generation is not None for one in served)
    return Readiness(
        status="ready",
        ready=ready,
        unavailable=len(served) - ready,
        collections=sorted(served, key=lambda one: one.name) if named else [],
    )


def _served(collection: Collection) -> Served:
    if collection.state == "failed":
        return Served(name=collection.name, problem="failed to warm up; the server's log has the cause")
    return Served(
        name=collection.name,
        generation=collection.index.generation,
        integrity=collection.integrity,
        problem=collection.problem,
    )
