"""The running service: everything that routes share."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from seismic import Answer, DeadlineError, Index, IndexNotFoundError, Reranker, SearchRequest, load_reranker
from seismic.edits.editor import Editor
from seismic.stop import Stop, current
from seismic_server.access.admission import AdmissionControl
from seismic_server.access.keys import Keyring
from seismic_server.access.limits import Rates
from seismic_server.collections.committer import SHOW_SECONDS, Committer
from seismic_server.collections.opening import open_warm
from seismic_server.collections.refresher import Refresher
from seismic_server.collections.scrubber import Scrubber
from seismic_server.collections.served import Collection, Collections
from seismic_server.collections.snapshots import Snapshots
from seismic_server.costs import Costs
from seismic_server.jobs.job import Job
from seismic_server.jobs.queue import Jobs
from seismic_server.jobs.remote import RemoteDesk
from seismic_server.jobs.tasks import JobDesk, LocalDesk
from seismic_server.memory.budget import MemoryBudget
from seismic_server.observe.access_log import AccessLog
from seismic_server.observe.audit import Auditor
from seismic_server.observe.metrics import Metrics
from seismic_server.observe.nodes import NodeMetrics
from seismic_server.observe.throttle import LogThrottle
from seismic_server.observe.tracing import OpenTelemetryTracer, Tracer
from seismic_server.peers.peers import Alone, Peers
from seismic_server.pool import SearchPool, Threads
from seismic_server.settings import Settings

EXPORT_THREADS = 2
"""Exports that are read at the same time; others wait between two of their parts."""
T = TypeVar("T")

HIDDEN = ".snapshots"
"""Folder of snapshots in the served folder. Hidden entries are no collections."""
WAIT_SECONDS = 0.02
"""Interval between two looks for a change that a request waits for."""

CHANGE_THREADS = 4
"""Threads that write and refresh; changes of one collection are written one after another."""


class ByName(dict[str, T]):
    """What belongs to a collection, by the name of the collection or an alias."""

    def __missing__(self, name: str) -> T:
        """Raise IndexNotFoundError: the collection is gone since the request found it."""
        raise IndexNotFoundError(f"found no collection '{name}'; GET /v1/collections lists those served")


@dataclass(frozen=True, slots=True)
class Service:
    """Settings, collections and threads of one running service.

    `refreshers` and `committers` by name of the collection, or alias; `running` holds the Stop of every request in
    progress. Whoever changes entries of the served folder, or takes up changes of them, holds `entries`.
    """

    settings: Settings
    collections: Collections
    pool: SearchPool
    threads: Threads
    refreshers: ByName[Refresher]
    committers: ByName[Committer]
    metrics: Metrics
    admission: AdmissionControl
    auditor: Auditor
    tracer: Tracer
    throttle: LogThrottle
    access_log: AccessLog
    maintenance: Threads
    exports: Threads
    running: set[Stop]
    memory: MemoryBudget
    scrubber: Scrubber
    costs: Costs
    jobs: JobDesk
    peers: Peers
    snapshots: Snapshots
    reranker: Reranker | None = None
    entries: asyncio.Lock = field(default_factory=asyncio.Lock)
    following: set[asyncio.Task[None]] = field(default_factory=set)
    """The tasks of refreshers that were started after the service."""

    @classmethod
    def start(cls, settings: Settings, peers: Peers | None = None) -> "Service":
        """Open all collections. Raises StorageError, ParameterError for an invalid setting, and EncoderError for
        the folder of the reranker.

        `settings` are those of this process, one of `peers`.
        """
        peers = peers or Alone()
        reranker = load_reranker(settings.reranker) if settings.reranker else None
        keyring = Keyring(settings.keys_file) if settings.keys_file else None
        tracer, metrics = OpenTelemetryTracer() if settings.tracing else Tracer(), Metrics()
        pool, auditor = SearchPool(settings.threads, settings.queue, metrics), Auditor(settings.audit_every, metrics)
        memory = MemoryBudget(settings.request_memory_bytes, peers.others)
        rates = Rates(settings.rate_limit, settings.rate_burst, peers.member and peers.member.shared)
        admission = AdmissionControl(keyring, rates, pool, memory)

        async def take_up(job: Job) -> None:
            await service.take_up(job.kind, job.collection, job.place)

        collections, threads = Collections.open(settings), Threads(CHANGE_THREADS, "change")
        metrics.watch_collections(collections)
        metrics.registry.register(NodeMetrics(collections))
        service = cls(
            settings,
            collections,
            pool,
            threads,
            ByName(),
            ByName(),
            metrics,
            admission,
            auditor,
            tracer,
            throttle := LogThrottle(),
            AccessLog(metrics, throttle),
            maintenance=Threads(1, "maintenance"),
            exports=Threads(EXPORT_THREADS, "export"),
            running=set(),
            memory=memory,
            scrubber=Scrubber(collections, settings.scrub_mb_per_second, settings.verify, metrics, peers),
            costs=Costs(settings.inline_us),
            jobs=RemoteDesk(peers)
            if peers.member
            else LocalDesk(Jobs(settings.jobs, settings.directory, metrics), take_up),
            peers=peers,
            snapshots=Snapshots(settings.snapshots or settings.directory / HIDDEN),
            reranker=reranker,
        )
        for collection in collections:
            service.serve(collection)
        return service

    async def take_up(self, kind: str, collection: str, folder: str) -> None:
        """Serve what a job has published."""
        if self.collections.get(collection):
            await self.threads.run(self.refreshers[collection].refresh)
        elif kind == "restore":
            async with self.entries:
                if self.collections.get(collection) is None:
                    await self.open(collection, Path(folder))

    async def open(self, name: str, folder: Path) -> Collection:
        """Open the collection in a folder, and serve it. The caller holds `entries`."""
        index = await self.threads.run(open_warm, name, folder, self.settings, self.is_closing)
        collection = Collection(index, "ready")
        self.follow(collection)
        return collection

    def is_closing(self) -> bool:
        """Return whether the service refuses new requests because it ends."""
        return self.admission.closing

    def serve(self, collection: Collection) -> Refresher:
        """Add or replace a collection, and return its refresher, which the caller runs."""
        name = collection.name
        if self.collections.get(name) and name in self.refreshers:
            self.refreshers[name].retire()
        refresher = Refresher(collection, self.settings, self.threads, self.metrics, self.jobs, self.peers)
        self.refreshers[name] = refresher
        view = (lambda: collection.index.view) if collection.index.has_shards else None
        editor = partial(Editor, collection.folder, view)
        show = (
            partial(self.peers.everywhere, "refresh", patience=SHOW_SECONDS, name=name) if self.peers.member else None
        )
        self.committers[name] = Committer(editor, refresher, self.threads, self.settings.queue, show)
        self.collections.add(collection)
        self.set_aliases(self.collections.aliases)
        return refresher

    def follow(self, collection: Collection) -> None:
        """Serve a collection while the service runs, and keep it up to date."""
        task = asyncio.create_task(self.serve(collection).run())
        self.following.add(task)
        task.add_done_callback(self.following.discard)

    def forget(self, name: str) -> None:
        """Serve a collection no more, if it is served. Searches that run still answer."""
        if self.collections.get(name):
            self.refreshers.pop(name).retire()
            self.committers.pop(name, None)
            self.collections.remove(name)
            self.set_aliases(self.collections.aliases)

    async def leave(self, name: str) -> None:
        """Refuse changes of a collection that is being dropped or renamed, after those that were accepted."""
        if collection := self.collections.get(name):
            collection.leaving = True
            self.refreshers[name].retire()
            await self.committers[name].close()

    def stay(self, name: str) -> None:
        """Accept changes again: a collection is neither dropped nor renamed."""
        if collection := self.collections.get(name):
            collection.leaving = False
            self.follow(collection)

    def set_aliases(self, aliases: Mapping[str, str]) -> None:
        """Replace all aliases at once: alias -> collection."""
        for alias in self.collections.aliases:
            if self.collections.get(alias) is None:
                self.refreshers.pop(alias, None)
                self.committers.pop(alias, None)
        for alias, name in aliases.items():
            if name in self.refreshers:
                self.refreshers[alias], self.committers[alias] = self.refreshers[name], self.committers[name]
        self.collections.set_aliases(aliases)

    async def ready(self, name: str, min_sequence: int | None = None) -> Index:
        """Return the index of a ready collection, once it includes a change.

        Raises IndexNotFoundError and NotReadyError, and DeadlineError if it does not include the change in time.
        """
        index = self.collections.ready(name)
        if min_sequence is not None and index.sequence < min_sequence:  # perhaps another process has written it
            await self.threads.run(self.refreshers[name].refresh)
            index = self.collections.ready(name)
        while min_sequence is not None and index.sequence < min_sequence:
            try:
                current().check()
            except DeadlineError:
                served = f"collection '{name}' is served up to change {index.sequence}"
                raise DeadlineError(f"min_sequence: {served}, expected {min_sequence} before the deadline") from None
            await asyncio.sleep(WAIT_SECONDS)
            index = self.collections.ready(name)
        return index

    def count_answers(
        self, index: Index, searches: Sequence[SearchRequest], answers: Sequence[Answer], seconds: float
    ) -> None:
        """Count answers that took `seconds` together, and offer them for auditing. `index` must be frozen."""
        self.metrics.count_answers(index.name, answers, seconds)
        for search, answer in zip(searches, answers, strict=True):
            self.auditor.offer(index, search, answer)

    def close(self) -> None:
        """End all threads, then close the collections."""
        self.auditor.stop()
        self.scrubber.close()
        self.pool.shutdown()
        self.threads.shutdown()
        self.maintenance.shutdown()
        self.exports.shutdown()
        self.collections.close()
        self.access_log.flush()
        self.throttle.close()
        self.tracer.close()


async def _of_request(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_of_request)]
