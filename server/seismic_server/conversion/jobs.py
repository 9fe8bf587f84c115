"""Jobs as answers."""

from seismic_server.http.errors import type_of
from seismic_server.jobs.job import Job
from seismic_server.schemas.lifecycle import JobOut, JobProblemOut


def describe_job(job: Job) -> JobOut:
    """Return the state of a job."""
    problem = None
    if job.problem:
        kind = job.problem.kind
        problem = JobProblemOut(type=type_of(kind), title=kind.title, status=kind.status, detail=job.problem.detail)
    return JobOut(
        id=job.id,
        kind=job.kind,
        collection=job.collection,
        state=job.state,
        progress=job.progress,
        automatic=job.automatic,
        created=job.created,
        started=job.started,
        ended=job.ended,
        result=job.result,
        problem=problem,
    )
