"""Reload and change a collection while clients search without pause. Run by hand; takes minutes.

`python -m tests.faults.under_load [--reloads 50] [--upserts 5000]` serves SciFact's documents, counts failed and mixed
answers, and prints latencies, file handles and mappings before, during and after, as JSON.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

import seismic
from seismic import SparseVectors
from tests.conftest import DATA
from tests.server.conftest import Server, start, wait_for

NAME = "load"
CHANGED = 0
"""The generation in the payload of changed documents."""


class Client:
    """Client that searches until it is stopped. Every document names its generation: an answer is mixed if its hits
    disagree with its own generation."""

    def __init__(self, url: str, queries: list[dict[str, Any]]) -> None:
        self._url, self._queries = url, queries
        self._seconds: list[float] = []
        self._failed = self._mixed = 0

    def run(self, ready: Event, stop: Event, answers: "Queue[dict[str, Any]]") -> None:
        """Run in a separate process, which the parent cannot delay."""
        with httpx2.Client(base_url=self._url, timeout=30) as client:
            while not stop.is_set():
                for query in self._queries:
                    self._search(client, query)
                    ready.set()
        p50, p95, p99, most = np.percentile(np.array(self._seconds) * 1000, (50, 95, 99, 100)).round(2).tolist()
        answers.put(
            {
                "searches": len(self._seconds),
                "failed": self._failed,
                "mixed": self._mixed,
                "p50_ms": p50,
                "p95_ms": p95,
                "p99_ms": p99,
                "max_ms": most,
            }
        )

    def _search(self, client: httpx2.Client, query: dict[str, Any]) -> None:
        began = time.perf_counter()
        try:
            response = client.post(f"/v1/collections/{NAME}/search", json={"query": query, "limit": 10})
            response.raise_for_status()
        except httpx2.HTTPError:
            self._failed += 1
            return
        self._seconds.append(time.perf_counter() - began)
        answer = response.json()
        hits = answer["hits"]
        scores = [hit["score"] for hit in hits]
        sound = len(hits) == len({hit["id"] for hit in hits}) == 10 and scores == sorted(scores, reverse=True)
        sound &= all(hit["payload"]["generation"] in (CHANGED, int(answer["generation"])) for hit in hits)
        self._mixed += not sound


def held(server: Server) -> dict[str, int]:
    """Return the open handles, mappings and memory of the process."""
    process = psutil.Process(server.process.pid)
    maps = [one for one in process.memory_maps(grouped=False) if f"/{NAME}/" in one.path]
    return {"handles": process.num_fds(), "mappings": len(maps), "rss_mb": process.memory_info().rss >> 20}


def searching(url: str, queries: list[dict[str, Any]], work: Any) -> dict[str, Any]:
    """Return the measurements of a client while `work` ran."""
    context = multiprocessing.get_context("spawn")
    ready, stop, answers = context.Event(), context.Event(), context.Queue()
    process = context.Process(target=Client(url, queries).run, args=(ready, stop, answers))
    process.start()
    ready.wait(60)
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    stop.set()
    found = answers.get(timeout=300)
    process.join()
    return {"seconds": round(seconds, 1), **found}


def publish(folder: Path, table: pa.Table, vectors: SparseVectors, generation: int) -> None:
    documents = pa.table({"id": table["id"], "generation": pa.array([generation] * len(table), pa.int32())})
    seismic.build(vectors, folder, documents=documents, replace=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--upserts", type=int, default=5000)
    options = parser.parse_args()
    table = pq.read_table(DATA / "documents.parquet")
    vectors = SparseVectors.from_arrow(table, 30_522)
    asked = pq.read_table(DATA / "queries.parquet").slice(0, 200)
    queries = [{"indices": row["indices"], "values": row["values"]} for row in asked.to_pylist()]
    with tempfile.TemporaryDirectory(prefix="seismic-load-") as temporary:
        folder = Path(temporary) / NAME
        publish(folder, table, vectors, 1)
        # Without compaction, which would carry documents into the next generation.
        server = start(Path(temporary), Path(temporary) / "log.jsonl", "--log-level", "info", "--compact-percent", "0")
        try:
            wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=300).is_success)
            print(json.dumps(measure(server, folder, table, vectors, queries, options), indent=1))
        finally:
            server.process.terminate()
            server.process.wait(60)


def measure(
    server: Server, folder: Path, table: pa.Table, vectors: SparseVectors, queries: list[dict[str, Any]], options: Any
) -> dict[str, Any]:
    url, name = server.url, f"/v1/collections/{NAME}"
    searching(url, queries, lambda: time.sleep(5))  # warm
    report: dict[str, Any] = {"at_start": held(server), "normal": searching(url, queries, lambda: time.sleep(10))}

    def build_beside() -> None:
        publish(folder.with_name("beside"), table, vectors, 1)

    def reload_often() -> None:
        for generation in range(2, 2 + options.reloads):
            publish(folder, table, vectors, generation)
            wait_for(lambda wanted=f"{generation:06d}": httpx2.get(url + name).json()["generation"] == wanted)

    report["while_building_elsewhere"] = searching(url, queries, build_beside)
    report["reloads"] = {"count": options.reloads, **searching(url, queries, reload_often)}
    time.sleep(1)
    report["after_reloads"] = held(server)

    def upsert_often() -> None:
        with httpx2.Client(base_url=url, timeout=30) as client:
            for number in range(options.upserts):
                components, values = vectors[number % len(vectors)]
                document = {"id": table["id"][(7 * number) % len(table)].as_py(), "indices": components.tolist()}
                document |= {"values": values.tolist(), "payload": {"generation": CHANGED}}
                client.put(f"{name}/documents", json={"documents": [document]}).raise_for_status()

    report["upserts"] = {"count": options.upserts, **searching(url, queries, upsert_often)}
    report["upserts"]["per_second"] = round(options.upserts / report["upserts"]["seconds"])
    seismic.compact(folder)
    wait_for(lambda: httpx2.get(url + name).json()["changed"] == 0)
    time.sleep(1)
    report["after_compaction"] = held(server)
    return report


if __name__ == "__main__":
    main()
