"""Probes: does the process live, and may it get traffic."""

from fastapi import APIRouter

from server.openapi import problems
from server.schemas import Health, Readiness, Served
from server.service import ServiceDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems())
async def healthz() -> Health:
    """Whether the process lives."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(503))
async def readyz(service: ServiceDep) -> Readiness:
    """Whether every collection answers searches."""
    indexes = service.collections.all_ready()
    served = [Served(name=index.name, generation=index.generation) for index in indexes]
    return Readiness(status="ready", collections=served)
