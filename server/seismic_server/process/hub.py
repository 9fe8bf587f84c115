"""What the supervisor knows of the server processes, and does for them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from seismic import SeismicError
from seismic_server.jobs import remote
from seismic_server.jobs.job import Job
from seismic_server.jobs.queue import Jobs
from seismic_server.jobs.tasks import LocalDesk
from seismic_server.observe.exposition import SUPERVISOR, Families, Totals, families_of
from seismic_server.observe.metrics import JobMetrics
from seismic_server.peers.channel import Channel, ChannelClosedError, Handler
from seismic_server.peers.peers import PATIENCE
from seismic_server.settings import Settings

MOST_REPORTS = 1000
"""Results of checks of generations that are kept for processes that start later."""

log = structlog.get_logger("server")


class Hub:
    """Runs the jobs, names the process that leads, passes calls on to all processes, and adds up their metrics.

    A process takes part once it is warm. Belongs to the event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._expected = settings.processes
        self._warm: dict[int, Channel] = {}
        self._leader: int | None = None
        self._all_started = False
        self._entries, self._holder = asyncio.Lock(), -1
        self._reports: dict[str, str | None] = {}
        self._totals = Totals()
        metrics = JobMetrics()
        self._registry = metrics.registry
        self.restarts = Counter(
            "seismic_process_restarts", "Server processes that ended by themselves", registry=self._registry
        )
        self.hangs = Counter(
            "seismic_process_hangs", "Server processes killed because they did not answer", registry=self._registry
        )
        serving = Gauge("seismic_processes", "Server processes that are warm", registry=self._registry)
        serving.set_function(lambda: len(self._warm))
        self.jobs = LocalDesk(Jobs(settings.jobs, settings.directory, metrics), self._take_up)

    @property
    def serves(self) -> bool:
        """Whether any process is warm."""
        return bool(self._warm)

    def handlers(self, number: int, channel: Channel) -> dict[str, Handler]:
        """Return the answers to the calls of a process."""

        async def warm() -> dict[str, Any]:
            self._warm[number] = channel
            self._all_started |= len(self._warm) == self._expected
            if self._leader is None:
                self._leader = number
            return {"leads": self._leader == number, "reports": self._reports}

        async def lock() -> None:
            await self._entries.acquire()
            self._holder = number

        async def unlock() -> None:
            if self._holder == number:
                self._holder = -1
                self._entries.release()

        async def everywhere(call: str, arguments: dict[str, Any], patience: float) -> list[Any]:
            return list((await self.ask(call, arguments, but=number, patience=patience)).values())

        async def scrubbed(generation: str, damage: str | None) -> None:
            self._reports[generation] = damage
            while len(self._reports) > MOST_REPORTS:
                self._reports.pop(next(iter(self._reports)))
            await self.ask("scrubbed", {"generation": generation, "damage": damage}, but=number)

        async def processes() -> dict[str, Any]:
            return {"warm": len(self._warm), "expected": self._expected, "started": self._all_started}

        mine: dict[str, Handler] = {
            "warm": warm,
            "lock": lock,
            "unlock": unlock,
            "everywhere": everywhere,
            "scrubbed": scrubbed,
            "processes": processes,
            "metrics": self._metrics,
        }
        return mine | remote.handlers(self.jobs)

    async def forget(self, number: int) -> None:
        """Note that a process has ended. Another one leads, and all look at what it was changing."""
        self._warm.pop(number, None)
        self._totals.end(str(number))
        if self._leader == number:
            self._leader = min(self._warm, default=None)
            if self._leader is not None:
                self._naming = asyncio.create_task(self._call(self._leader, "lead", {}))
        if self._holder == number:
            await self.ask("look", {})
            self._holder = -1
            self._entries.release()

    async def ask(
        self, call: str, arguments: Mapping[str, Any], *, but: int | None = None, patience: float = PATIENCE
    ) -> dict[int, Any]:
        """Return the answers of all processes except `but`, without those that fail or take longer than `patience`."""
        tasks = {
            number: asyncio.create_task(self._call(number, call, arguments)) for number in self._warm if number != but
        }
        if not tasks:
            return {}
        done, late = await asyncio.wait(tasks.values(), timeout=patience)
        for task in late:
            task.cancel()
        if late:
            log.warning("processes take long to follow", call=call, processes=len(late))
        answered = {number: task.result() for number, task in tasks.items() if task in done}
        return {number: answer[0] for number, answer in answered.items() if answer}

    async def _call(self, number: int, call: str, arguments: Mapping[str, Any]) -> tuple[Any] | None:
        try:
            return (await self._warm[number].call(call, **arguments),)
        except (KeyError, ChannelClosedError):  # it has just ended
            return None
        except SeismicError as error:
            log.error("a process did not follow", call=call, process=number, reason=str(error))
            return None

    async def _take_up(self, job: Job) -> None:
        await self.ask("take_up", {"kind": job.kind, "collection": job.collection, "folder": job.place})

    async def _metrics(self) -> list[tuple[str, Families]]:
        for number, found in (await self.ask("metrics", {})).items():
            self._totals.add(str(number), found)
        return [*self._totals.all(), (SUPERVISOR, families_of(self._registry))]
