"""Probes: does the process live, and may it get traffic."""

from fastapi import APIRouter

from seismic.errors import DrainingError
from seismic_server.openapi import problems
from seismic_server.schemas.bodies import Health, Readiness, Served
from seismic_server.service import ServiceDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems())
async def healthz() -> Health:
    """Whether the process lives."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(503))
async def readyz(service: ServiceDep) -> Readiness:
    """Whether every collection answers searches. One with a `problem` does: with what it had before.

    Collections are named if the service has no keys, as nobody needs one to ask.
    """
    if service.admission.closing:
        raise DrainingError("the service is about to end")
    service.collections.check_ready()
    if service.settings.keys_file:
        return Readiness(status="ready", collections=[])
    served = [
        Served(name=one.index.name, generation=one.index.generation, problem=one.problem) for one in service.collections
    ]
    return Readiness(status="ready", collections=served)
