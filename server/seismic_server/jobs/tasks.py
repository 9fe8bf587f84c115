"""What jobs do, described by values that can be sent to another process, and how it is done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from seismic.store.collection import current_generation
from seismic.store.history import remove_remains
from seismic_server.jobs.job import Job, JobKind, JobState
from seismic_server.jobs.process import run_worker
from seismic_server.jobs.queue import Jobs, Work
from seismic_server.jobs.worker import remove_parts

TakeUp: TypeAlias = Callable[[Job], Awaitable[None]]
"""Serves what a job has published."""


class Task(NamedTuple):
    """A job to start: its kind, collection and folder, and the file of a snapshot, which `uploaded` removes at the end.

    ``options`` are those of the engine's function, in the job's process.
    """

    kind: JobKind
    collection: str
    folder: str
    options: dict[str, Any]
    file: str | None = None
    uploaded: bool = False
    automatic: bool = False


class JobDesk(Protocol):
    """Where jobs are started, followed and cancelled, wherever they run."""

    async def all(self) -> list[Job]:
        """Return all jobs that are remembered, oldest first."""

    async def get(self, id: str) -> Job:
        """Return a job. Raises NotFoundError."""

    async def start(self, task: Task) -> Job:
        """Start a job, or return an equal one that has not begun, or a compaction that runs. Raises OverloadedError."""

    async def cancel(self, id: str) -> Job:
        """Cancel a job, wait until it has ended, and return it. Raises NotFoundError."""

    async def cancel_all(self, folder: str | None = None) -> None:
        """Cancel every job, or those of a collection's folder."""


class LocalDesk:
    """Runs jobs from this process. Belongs to the event loop."""

    def __init__(self, jobs: Jobs, take_up: TakeUp) -> None:
        self._jobs, self._take_up = jobs, take_up

    async def all(self) -> list[Job]:
        """Return all jobs that are remembered, oldest first."""
        return list(self._jobs)

    async def get(self, id: str) -> Job:
        """Return a job. Raises NotFoundError."""
        return self._jobs[id]

    async def start(self, task: Task) -> Job:
        """Start a job, or return an equal one. Raises OverloadedError."""
        if found := self._equal(task):
            return found
        work, clean = self._work(task), None
        if task.uploaded and task.file:
            file = Path(task.file)

            def clean() -> None:
                file.unlink(missing_ok=True)

        about = (task.kind, task.collection, task.folder)
        return self._jobs.submit(*about, work, clean=clean, automatic=task.automatic, **task.options)

    async def cancel(self, id: str) -> Job:
        """Cancel a job, wait until it has ended, and return it. Raises NotFoundError."""
        job = self._jobs[id]
        await self._jobs.cancel(job)
        return job

    async def cancel_all(self, folder: str | None = None) -> None:
        """Cancel every job, or those of a collection's folder."""
        await self._jobs.cancel_all(folder)

    def _equal(self, task: Task) -> Job | None:
        states: Mapping[JobKind, tuple[JobState, ...]] = {"compact": ("queued", "running"), "snapshot": ("queued",)}
        return self._jobs.active(task.kind, task.folder, states.get(task.kind, ()), **task.options)

    def _work(self, task: Task) -> Work:
        folder, file = Path(task.folder), None if task.file is None else Path(task.file)

        async def work(job: Job) -> dict[str, Any]:
            about = {"folder": task.folder, "options": task.options, "file": task.file}
            try:
                result = await run_worker(job, about)
            except BaseException:
                if task.kind in ("compact", "restore"):
                    await asyncio.to_thread(remove_remains, folder)
                raise
            finally:
                if task.kind == "snapshot" and file:
                    await asyncio.to_thread(remove_parts, file)
            if task.kind == "snapshot" and file:
                return {"file": file.name} | result
            await self._take_up(job)
            if task.kind == "compact":  # which may have had nothing to do
                return {"generation": await asyncio.to_thread(current_generation, folder)} | result
            return result

        return work
