"""Jobs: list, follow and cancel them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from seismic.errors import NotFoundError
from seismic_server.conversion.jobs import describe_job
from seismic_server.http.strict_route import StrictRoute
from seismic_server.jobs.job import Job
from seismic_server.observe.trail import record
from seismic_server.openapi import problems
from seismic_server.schemas.lifecycle import JobList, JobOut
from seismic_server.service import Service, ServiceDep

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)
BARE: dict[str, Any] = {"response_model_exclude_none": True}

Id = Annotated[str, Path(description="Id of the job", examples=["3f2a9c0d11e4b7a6"])]


@router.get("", responses=problems(422), **BARE)
async def list_jobs(request: Request, service: ServiceDep) -> JobList:
    """List the jobs that wait, run or have ended, newest first, of the collections that the key permits.

    The last 256 ended ones are remembered until the service ends.
    """
    permitted = [job for job in await service.jobs.all() if _permits(request, job)]
    return JobList(jobs=[describe_job(job) for job in reversed(permitted)])


@router.get("/{id}", responses=problems(404, 422), **BARE)
async def get_job(id: Id, request: Request, service: ServiceDep) -> JobOut:
    """Return the state of a job."""
    return describe_job(await _find(service, request, id))


@router.post("/{id}:cancel", responses=problems(404, 422), **BARE)
async def cancel_job(id: Id, request: Request, service: ServiceDep) -> JobOut:
    """Cancel a job that waits or runs, and return its state. Its work is undone; a job that has ended stays as it is.

    A job that publishes its work at that moment is `done`.
    """
    job = await service.jobs.cancel((await _find(service, request, id)).id)
    record(request, "cancel", job=job.id, collection=job.collection, state=job.state)
    return describe_job(job)


async def _find(service: Service, request: Request, id: str) -> Job:
    job = await service.jobs.get(id)
    if not _permits(request, job):
        raise NotFoundError(f"found no job '{id}' of a collection that the key permits")
    return job


def _permits(request: Request, job: Job) -> bool:
    key = request.state.key
    return key is None or key.collections is None or job.collection in key.collections
