"""Probes: liveness and readiness."""

from collections.abc import Mapping

from fastapi import APIRouter

from seismic.errors import DrainingError, NotReadyError
from seismic_server.collections.served import Collection
from seismic_server.openapi import problems
from seismic_server.schemas.bodies import Health, Processes, Readiness, Served
from seismic_server.service import Service, ServiceDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems())
async def healthz() -> Health:
    """Report that the process is alive."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(503), response_model_exclude_none=True)
async def readyz(service: ServiceDep) -> Readiness:
    """Report whether the service answers searches: no collection is warming up, and not all are unavailable.

    Of several server processes, all must have started; later, one that is restarted does not keep the others from
    answering.

    A collection with a `problem` answers from its previous state, or from damaged files; one without a generation does
    not answer. Collections are listed only if the service has no keys, because this route needs none.
    """
    if service.admission.closing:
        raise DrainingError("the service is shutting down")
    named = service.settings.keys_file is None
    service.collections.check_ready(named=named)
    processes, problems_of_others = await _of_processes(service)
    served = [_served(one, problems_of_others) for one in service.collections]
    served += [Served(name=name, problem=problem) for name, problem in service.collections.unavailable.items()]
    ready = sum(one.generation is not None for one in served)
    return Readiness(
        status="ready",
        ready=ready,
        unavailable=len(served) - ready,
        processes=processes,
        collections=sorted(served, key=lambda one: one.name) if named else [],
    )


async def _of_processes(service: Service) -> tuple[Processes | None, dict[str, str]]:
    """Return the number of server processes, and problems of collections in others. Raises NotReadyError at the start.

    None, and no problems: this is the only one.
    """
    if not service.peers.member:
        return None, {}
    found = await service.peers.ask("processes")
    if not found["started"]:
        raise NotReadyError(f"{found['warm']} of {found['expected']} server processes are ready; retry shortly")
    answers: list[dict[str, str]] = await service.peers.everywhere("problems")
    named = {name: problem for answer in answers for name, problem in answer.items()}
    return Processes(ready=found["warm"], expected=found["expected"]), named


def _served(collection: Collection, problems_of_others: Mapping[str, str]) -> Served:
    if collection.state == "failed":
        return Served(name=collection.name, problem="failed to warm up; the server's log has the cause")
    return Served(
        name=collection.name,
        generation=collection.index.generation,
        integrity=collection.integrity,
        problem=collection.problem or problems_of_others.get(collection.name),
    )
