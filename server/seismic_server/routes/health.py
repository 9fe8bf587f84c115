"""Probes: liveness and readiness."""

from fastapi import APIRouter

from seismic.errors import DrainingError
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
    """Report whether every collection answers searches. One with a `problem` does, from its previous state.

    Collections are listed only if the service has no keys, because this route needs none.
    """
    if service.admission.closing:
        raise DrainingError("the service is shutting down")
    service.collections.check_ready()
    if service.settings.keys_file:
        return Readiness(status="ready", collections=[])
    served = [
        Served(name=one.index.name, generation=one.index.generation, problem=one.problem) for one in service.collections
    ]
    return Readiness(status="ready", collections=served)
