"""The queue of jobs: a few run at once, others wait, and ended ones are remembered for a while."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Container, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from seismic import SeismicError
from seismic.errors import FullDiskError, LockedError, NotFoundError, OverloadedError, ReadOnlyError, TooManyFilesError
from seismic_server.http.errors import KINDS, Kind, kind_of
from seismic_server.jobs.job import Job, JobKind, JobProblem, JobState, now
from seismic_server.observe.metrics import JobMetrics

MOST_WAITING = 64
"""Jobs that may wait; more are refused."""

MOST_ENDED = 256
"""Ended jobs that are remembered."""

Work: TypeAlias = Callable[[Job], Awaitable[dict[str, Any]]]
"""Does the work of a job and returns its result. Raises an error, or is cancelled."""

_PATH = re.compile(r"(?<![\w.])/[\w.]")
"""Where the path of a file begins."""

log = structlog.get_logger("server")


class Jobs:
    """Runs at most `slots` jobs at once, one at a time for each place, in the order of their requests.

    Jobs end with the service; nothing of them is kept on disk. `root`: the folder that problems must not name.
    """

    def __init__(self, slots: int, root: Path, metrics: JobMetrics) -> None:
        self._slots, self._metrics = slots, metrics
        self._roots = {str(folder) for folder in (root.absolute(), root.resolve())}
        self._jobs: dict[str, Job] = {}
        self._work: dict[Job, tuple[Work, Callable[[], None] | None]] = {}  # of jobs that have not ended
        self._running: dict[Job, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def __getitem__(self, id: str) -> Job:
        if id not in self._jobs:
            raise NotFoundError(f"found no job '{id}'; the last {MOST_ENDED} are remembered until the service ends")
        return self._jobs[id]

    def submit(
        self,
        kind: JobKind,
        collection: str,
        place: str,
        work: Work,
        *,
        clean: Callable[[], None] | None = None,
        automatic: bool = False,
        **options: Any,
    ) -> Job:
        """Queue a job and return it. `clean` removes temporary files at its end, on a thread.

        Raises OverloadedError if too many wait.
        """
        if sum(job.state == "queued" for job in self) >= MOST_WAITING:
            raise OverloadedError(f"{MOST_WAITING} jobs are waiting; try again later")
        job = Job(kind, collection, place, options, automatic)
        self._jobs[job.id], self._work[job] = job, (work, clean)
        self._count(job, 1)
        log.info("job is queued", **_named(job))
        self._start_next()
        return job

    def active(
        self, kind: JobKind, place: str, states: Container[JobState] = ("queued", "running"), **options: Any
    ) -> Job | None:
        """Return the job of this kind that is in one of `states` at a place, with these options, or None."""
        found = (one for one in self if (one.kind, one.place) == (kind, place) and one.state in states)
        return next((one for one in found if options.items() <= one.options.items()), None)

    async def cancel(self, job: Job) -> None:
        """End a job that waits or runs, without a trace of its work, and wait until it has ended."""
        if job.state == "queued":
            self._end(job, "cancelled")
        elif task := self._running.get(job):
            if not task.cancelling():  # twice would cancel its tidying up
                task.cancel()
            await asyncio.wait([task])
            if job.active:  # its task had not begun, so that nothing has ended it
                self._end(job, "cancelled")

    async def cancel_all(self, place: str | None = None) -> None:
        """Cancel every job, or those of a place."""
        active = [job for job in self if job.active and place in (None, job.place)]
        for job in sorted(active, key=lambda job: job.state != "queued"):  # running ones last, so that none starts
            await self.cancel(job)

    def _start_next(self) -> None:
        for job in self:
            if len(self._running) >= self._slots:
                return
            if job.state == "queued" and all(job.place != other.place for other in self._running):
                self._move(job, "running")
                job.started = now()
                self._running[job] = asyncio.create_task(self._run(job))

    async def _run(self, job: Job) -> None:
        try:
            job.result = await self._work[job][0](job)
        except asyncio.CancelledError:
            self._end(job, "cancelled")
            raise
        except Exception as error:
            job.problem = self._problem(job, error)
            self._end(job, "failed", reason=str(error))
        else:
            job.progress = 1.0
            self._end(job, "done")

    def _end(self, job: Job, state: JobState, **about: Any) -> None:
        self._move(job, state)
        job.ended = now()
        self._running.pop(job, None)
        level = log.warning if state == "failed" else log.info
        seconds = round((job.ended - (job.started or job.created)).total_seconds(), 3)
        level(f"job is {state}" if state != "failed" else "job failed", **_named(job), seconds=seconds, **about)
        ended = [one for one in self if not one.active]
        for old in ended[: max(0, len(ended) - MOST_ENDED)]:
            self._count(old, -1)
            del self._jobs[old.id]
        _, clean = self._work.pop(job)
        if clean:
            asyncio.get_running_loop().run_in_executor(None, clean)
        self._start_next()

    def _move(self, job: Job, state: JobState) -> None:
        self._count(job, -1)
        job.state = state
        self._count(job, 1)

    def _count(self, job: Job, change: int) -> None:
        self._metrics.jobs.labels(job.kind, job.state).inc(change)

    def _problem(self, job: Job, error: Exception) -> JobProblem:
        """Return what the client may know of a failure: no paths of this machine."""
        kind = kind_of(error) if isinstance(error, SeismicError) else KINDS[SeismicError]
        detail = str(error)
        for root in self._roots:
            detail = detail.replace(f"{root}/", "")
        hidden = isinstance(error, LockedError | FullDiskError | ReadOnlyError | TooManyFilesError)
        if hidden or not isinstance(error, SeismicError) or _PATH.search(detail):
            detail = f"{_title(kind)}; the server's log has the cause under job {job.id}"
        return JobProblem(kind, detail)


def _title(kind: Kind) -> str:
    return "the job failed" if kind.slug is None else kind.title


def _named(job: Job) -> dict[str, Any]:
    return {"job": job.id, "kind": job.kind, "collection": job.collection, "automatic": job.automatic}
