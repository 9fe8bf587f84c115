"""Prometheus metrics of requests, searches, the queue and the collections."""

import resource
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import NamedTuple, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, Summary
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from seismic import Answer, Index

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DOCUMENTS = tuple(10.0**power for power in range(2, 9))
BLOCKS = tuple(4.0**power for power in range(1, 12))

MOST_WAITING = 256
"""Searches that are counted at once: single ones find the processor's caches cold."""

T = TypeVar("T")


def popped(waiting: deque[T]) -> Iterator[T]:
    """Yield and remove the elements of a deque, to which other threads may append and from which they may pop."""
    with suppress(IndexError):
        while True:
            yield waiting.popleft()


class Searched(NamedTuple):
    """A search to be counted, and the seconds that it took on its thread."""

    collection: str
    plan: str
    seconds: float
    blocks: int
    documents: int


class CollectionState(Protocol):
    """What metrics read of a served collection."""

    @property
    def index(self) -> Index:
        """The opened index."""

    @property
    def state(self) -> str:
        """`ready` if it answers searches."""

    @property
    def problem(self) -> str | None:
        """Why it is not as it should be."""

    @property
    def integrity(self) -> str:
        """`sound` or `damaged` once all hashes have been checked."""


class CollectionStates(Protocol):
    """What metrics read of all collections."""

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Collections that cannot be opened: name to reason."""

    def __iter__(self) -> Iterator[CollectionState]: ...


class JobMetrics:
    """The metrics of the process that runs the jobs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.jobs = Gauge("seismic_jobs", "Jobs that the service remembers", ["kind", "state"], registry=self.registry)


class Metrics(JobMetrics):
    """The metrics of one service, or of one of its server processes. Thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self._searched: deque[Searched] = deque()
        self._before_reading: list[Callable[[], None]] = [self.flush]
        self.registry.register(_First(self._before_reading))
        self.registry.register(_Faults())
        own = self.registry
        self.requests = Histogram(
            "seismic_request_seconds",
            "Duration of requests, from the head to the end of the answer",
            ["route", "status"],
            buckets=SECONDS,
            registry=own,
        )
        self.in_flight = Gauge("seismic_requests_in_flight", "Requests in progress", registry=own)
        self.rejections = Counter(
            "seismic_rejections", "Requests refused or given up, by type of problem", ["reason"], registry=own
        )
        self.searches = Histogram(
            "seismic_search_seconds",
            "Duration of searches on their thread",
            ["collection", "plan"],
            buckets=SECONDS,
            registry=own,
        )
        self.blocks = Histogram(
            "seismic_blocks_visited", "Blocks visited by a search", ["plan"], buckets=BLOCKS, registry=own
        )
        self.scored = Histogram(
            "seismic_documents_scored", "Documents scored by a search", ["plan"], buckets=DOCUMENTS, registry=own
        )
        self.queued = Gauge("seismic_queue_depth", "Calls waiting for a thread", registry=own)
        self.waiting = Histogram(
            "seismic_queue_wait_seconds", "Time spent waiting for a thread", buckets=SECONDS, registry=own
        )
        self.reloads = Counter(
            "seismic_reloads", "Refreshes that found a new generation or change", ["collection", "result"], registry=own
        )
        self.scrubbed = Counter(
            "seismic_scrubbed_bytes", "Bytes of served generations checked against their hashes", registry=own
        )
        self.recall = Summary(
            "seismic_audited_recall",
            "Share of the exact top k in sampled answers that are not exact, by target and k of their profile",
            ["collection", "target", "k"],
            registry=own,
        )
        self.audits_dropped = Counter(
            "seismic_audits_dropped", "Answers not audited because too many audits were waiting", registry=own
        )

        # Looking a label up takes as long as counting.
        self.requests_of = cache(self.requests.labels)
        self._by_plan = cache(self._labelled)

    def watch_collections(self, collections: CollectionStates) -> None:
        """Export the state of collections."""
        self.registry.register(_States(collections))

    def before_reading(self, flush: Callable[[], None]) -> None:
        """Call `flush` before the metrics are read, on the thread that reads them."""
        self._before_reading.append(flush)

    def count_request(self, route: str, status: int, seconds: float, problem: str | None) -> None:
        """Count a finished request."""
        self.requests_of(route, status).observe(seconds)
        if problem:
            self.rejections.labels(problem).inc()

    def count_answers(self, collection: str, answers: Sequence[Answer], seconds: float) -> None:
        """Count answers that took `seconds` together on their thread."""
        each = seconds / len(answers)
        for answer in answers:
            stats = answer.stats
            self.count_search(Searched(collection, answer.plan, each, stats.blocks_visited, stats.documents_scored))

    def count_search(self, search: Searched) -> None:
        """Count a search."""
        self._searched.append(search)
        if len(self._searched) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Count all searches that wait for it."""
        for one in popped(self._searched):
            searches, blocks, scored = self._by_plan(one.collection, one.plan)
            searches.observe(one.seconds)
            blocks.observe(one.blocks)
            scored.observe(one.documents)

    def _labelled(self, collection: str, plan: str) -> tuple[Histogram, Histogram, Histogram]:
        return self.searches.labels(collection, plan), self.blocks.labels(plan), self.scored.labels(plan)


class _First(Collector):
    """What is read first: it yields nothing, and calls functions that bring the others up to date."""

    def __init__(self, functions: Sequence[Callable[[], None]]) -> None:
        self._functions = functions

    def describe(self) -> Iterator[Metric]:
        """Yield nothing. Registering would call `collect` otherwise."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        for function in self._functions:
            function()
        return iter(())


class _Faults(Collector):
    """Page faults. Major ones read from disk, a sign of too little memory."""

    def collect(self) -> Iterator[Metric]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        faults = CounterMetricFamily("seismic_page_faults", "Page faults of the process", labels=["kind"])
        faults.add_metric(["minor"], used.ru_minflt)
        faults.add_metric(["major"], used.ru_majflt)
        yield faults


class _States(Collector):
    """The state of the served collections at the time of the request."""

    def __init__(self, collections: CollectionStates) -> None:
        self._collections = collections

    def collect(self) -> Iterator[Metric]:
        names = {
            "seismic_collection_ready": "Whether the collection answers searches",
            "seismic_collection_problem": "Whether something cannot be served, or is damaged",
            "seismic_collection_sound": "Whether all hashes of the served generation were checked and match",
            "seismic_collection_damaged": "Whether the served generation is damaged",
            "seismic_collection_generation": "Served generation",
            "seismic_collection_sequence": "Last change served",
            "seismic_collection_documents": "Documents, except deleted ones",
            "seismic_collection_changed": "Documents changed since the generation was published",
            "seismic_collection_free_bytes": "Free space for changes on the collection's file system",
        }
        families = {name: GaugeMetricFamily(name, help, labels=["collection"]) for name, help in names.items()}
        for collection in self._collections:
            index = collection.index.frozen()
            values = (
                collection.state == "ready",
                collection.problem is not None,
                collection.integrity == "sound",
                collection.integrity == "damaged",
                int(index.generation),
                index.sequence,
                len(index),
                index.view.changed,
            )
            for family, value in zip(families.values(), values, strict=False):
                family.add_metric([index.name], value)
            with suppress(OSError):  # the folder is gone
                free = shutil.disk_usage(index.view.collection).free
                families["seismic_collection_free_bytes"].add_metric([index.name], free)
        for name in self._collections.unavailable:
            families["seismic_collection_ready"].add_metric([name], False)
            families["seismic_collection_problem"].add_metric([name], True)
        yield from families.values()
