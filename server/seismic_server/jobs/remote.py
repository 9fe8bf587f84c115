"""Jobs that the supervisor runs, for the server processes; and a job as JSON."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from seismic_server.http.errors import Kind
from seismic_server.jobs.job import Job, JobProblem
from seismic_server.jobs.tasks import JobDesk, Task
from seismic_server.peers.channel import Handler
from seismic_server.peers.peers import Peers

_TIMES = ("created", "started", "ended")


class RemoteDesk:
    """Where a server process finds the jobs of its service."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def all(self) -> list[Job]:
        """Return all jobs that are remembered, oldest first."""
        return [job_of(one) for one in await self._peers.ask("jobs")]

    async def get(self, id: str) -> Job:
        """Return a job. Raises NotFoundError."""
        return job_of(await self._peers.ask("job", id=id))

    async def start(self, task: Task) -> Job:
        """Start a job, or return an equal one. Raises OverloadedError."""
        return job_of(await self._peers.ask("start_job", task=task._asdict()))

    async def cancel(self, id: str) -> Job:
        """Cancel a job, wait until it has ended, and return it. Raises NotFoundError."""
        return job_of(await self._peers.ask("cancel_job", id=id))

    async def cancel_all(self, folder: str | None = None) -> None:
        """Cancel the jobs of a collection's folder. Those of other processes go on when this one ends."""
        if folder is not None:
            await self._peers.ask("cancel_jobs", folder=folder)


def handlers(desk: JobDesk) -> dict[str, Handler]:
    """Return the supervisor's answers to a RemoteDesk."""

    async def all_jobs() -> list[Any]:
        return list(map(as_json, await desk.all()))

    async def get(id: str) -> Any:
        return as_json(await desk.get(id))

    async def start(task: dict[str, Any]) -> Any:
        return as_json(await desk.start(Task(**task)))

    async def cancel(id: str) -> Any:
        return as_json(await desk.cancel(id))

    async def cancel_all(folder: str) -> None:
        await desk.cancel_all(folder)

    return {"jobs": all_jobs, "job": get, "start_job": start, "cancel_job": cancel, "cancel_jobs": cancel_all}


def as_json(job: Job) -> dict[str, Any]:
    """Return a job as values that JSON can express."""
    found = {one.name: getattr(job, one.name) for one in fields(job)}
    if job.problem:
        found["problem"] = {"kind": job.problem.kind._asdict(), "detail": job.problem.detail}
    return found


def job_of(found: dict[str, Any]) -> Job:
    """Return a job of another process."""
    times = {name: found[name] and datetime.fromisoformat(found[name]) for name in _TIMES}
    problem = found["problem"] and JobProblem(Kind(**found["problem"]["kind"]), found["problem"]["detail"])
    return Job(**found | times | {"problem": problem})
