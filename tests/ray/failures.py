"""Long forms of the failure tests: `python -m tests.ray.failures`. Takes some minutes, and prints a table.

Two replicas of two parts on three Ray nodes, under load through `open_cluster`: a node killed within 20,000
requests, a node that hangs, and the control store killed for 90 seconds. Every answer is compared with the index's.
"""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from seismic import Index
from seismic.cluster import ray_session
from seismic.cluster.index import ClusterIndex
from seismic.cluster.ray_keeper import HURRY_SECONDS, LOOK_SECONDS
from seismic.cluster.ray_placement import Placement, Wanted, nodes_content
from seismic.cluster.topology import open_cluster
from tests.cluster.collections import QUERIES, build
from tests.ray.cluster import RayCluster

THREADS, REQUESTS, GCS_SECONDS = 2, 20_000, 90.0
HEDGE_MS = 50.0
HEALTH = {"period_ms": "1000", "timeout_ms": "2000", "failure_threshold": "3"}


class Outcome(NamedTuple):
    """What a load saw: requests, those that failed or were wrong, and milliseconds of each."""

    requests: int
    failed: list[str]
    wrong: int
    milliseconds: list[float]

    def line(self, event: str, note: str = "") -> str:
        p50, p99 = np.percentile(self.milliseconds, [50, 99])
        counts = f"{self.requests:>7,} requests  {len(self.failed)} failed  {self.wrong} wrong"
        return f"{event:<34}{counts}  p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  {note}"


class Load:
    """Searches on threads until it is ended."""

    def __init__(self, cluster: Index, index: Index) -> None:
        self._cluster, self._ending = cluster, threading.Event()
        self._wanted = [index.search(query, 50) for query in QUERIES]
        self._failed: list[str] = []
        self._wrong, self._milliseconds = 0, list[float]()
        self._threads = [threading.Thread(target=self._run, args=(at,)) for at in range(THREADS)]
        for thread in self._threads:
            thread.start()

    @property
    def count(self) -> int:
        return len(self._milliseconds)

    def _run(self, at: int) -> None:
        while not self._ending.is_set():
            at = (at + 1) % len(QUERIES)
            began = time.perf_counter()
            try:
                self._wrong += self._cluster.search(QUERIES[at], 50) != self._wanted[at]
            except Exception as error:
                self._failed.append(f"{type(error).__name__}: {error}")
            self._milliseconds.append(1000 * (time.perf_counter() - began))

    def end(self) -> Outcome:
        self._ending.set()
        for thread in self._threads:
            thread.join()
        return Outcome(self.count, self._failed, self._wrong, self._milliseconds)


class Nodes:
    """The actors, and the nodes file, which a thread keeps up to date as the process beside a front does."""

    def __init__(self, cluster: RayCluster, folder: Path) -> None:
        self._placement = Placement(ray_session.connect(cluster.address), Wanted(2, 2))
        self._folder, self.file = folder, folder.parent / "nodes.json"
        self._ending = threading.Event()
        self._placement.add(folder)
        self._step()
        while not self._healthy():
            self._step()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            pause = HURRY_SECONDS if self._placement.starting(self._folder) else LOOK_SECONDS
            self._step(pause)
            self._ending.wait(pause)

    def _healthy(self) -> bool:
        return not self._placement.problems(self._folder)

    def _step(self, seconds: float = HURRY_SECONDS) -> None:
        self._placement.look(seconds)
        content = nodes_content(self._placement, {"books": self._folder}) | {"hedge_ms": HEDGE_MS}
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(content))
        os.replace(partial, self.file)

    def end(self) -> None:
        self._ending.set()
        self._thread.join()


def healthy(cluster: ClusterIndex) -> bool:
    """Return whether both replicas of both parts answer."""
    reports = cluster.nodes()
    return len(reports) == 4 and all(one.problem is None for one in reports)


def killed_node(cluster: RayCluster, front: ClusterIndex, index: Index) -> str:
    load = Load(front, index)
    while load.count < REQUESTS // 4:
        time.sleep(0.05)
    victim = next(one for one in cluster.nodes[1:] if one.workers("PartActor"))
    cluster.kill_node(victim)
    began = time.monotonic()
    time.sleep(0.5)
    while not healthy(front):
        time.sleep(0.2)
    seconds = time.monotonic() - began
    while load.count < REQUESTS:
        time.sleep(0.05)
    outcome = load.end()
    cluster.add_node()
    return outcome.line("node killed", f"health back after {seconds:.1f} s") + "".join(outcome.failed[:1])


def hung_node(cluster: RayCluster, front: ClusterIndex, index: Index) -> str:
    load = Load(front, index)
    while load.count < 500:
        time.sleep(0.05)
    victim = next(one for one in cluster.nodes[1:] if one.workers("PartActor"))
    stopped: list[psutil.Process] = victim.workers("PartActor")
    for one in stopped:
        one.send_signal(signal.SIGSTOP)
    began = load.count
    while load.count < began + REQUESTS // 4:
        time.sleep(0.05)
    outcome = load.end()
    for one in stopped:
        one.send_signal(signal.SIGCONT)
    return outcome.line("node hangs", f"hedge {HEDGE_MS:g} ms") + "".join(outcome.failed[:1])


def killed_gcs(cluster: RayCluster, front: ClusterIndex, index: Index) -> str:
    load = Load(front, index)
    cluster.kill_gcs()
    time.sleep(GCS_SECONDS)
    outcome = load.end()
    return outcome.line("control store killed", f"{GCS_SECONDS:g} s") + "".join(outcome.failed[:1])


def main() -> None:
    """Run all, and print a line for each."""
    cluster = RayCluster(**{f"RAY_health_check_{name}": value for name, value in HEALTH.items()})
    os.environ.update(cluster.environment)
    events: list[Callable[[RayCluster, ClusterIndex, Index], Any]] = [killed_node, hung_node, killed_gcs]
    try:
        with tempfile.TemporaryDirectory() as folder, build(Path(folder) / "books", "sorted") as index:
            nodes = Nodes(cluster, Path(folder) / "books")
            try:
                with open_cluster(Path(folder) / "books", nodes.file, name="books") as front:
                    for event in events:
                        print(event(cluster, front, index), flush=True)
            finally:
                nodes.end()
    finally:
        ray_session.disconnect()
        cluster.close()


if __name__ == "__main__":
    main()
