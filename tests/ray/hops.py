"""Cost of a hop over TCP and of a call of Ray, and of a search by two actors: `python -m tests.ray.hops`.

The documents are SciFact's, in 8 shards, of which each actor has 4. All figures are of one run, taken in turns.
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import seismic
from seismic import SparseVectors
from seismic.cluster import ray_nodes, ray_session
from seismic.cluster.connection import Address, connect
from seismic.cluster.front import FrontView
from seismic.cluster.ray_actors import PartName
from seismic.cluster.ray_placement import Wanted
from seismic.cluster.topology import open_cluster
from seismic.cluster.wire import ANSWER, Message
from tests.ray.cluster import RayCluster
from tests.reader import ROOT

SHARDS, ROUNDS, CALLS, HITS = 8, 15, 100, 10
DATA = ROOT / "tests/data/scifact"


def build(folder: Path) -> list[Any]:
    """Build SciFact in shards, and return its queries."""
    documents, queries = (pq.read_table(DATA / f"{name}.parquet") for name in ("documents", "queries"))
    words = (DATA / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    vectors, asked = (SparseVectors.from_arrow(table, len(words)) for table in (documents, queries))
    table = documents.drop(["indices", "values"])
    seismic.build(vectors, folder, documents=table, shards=SHARDS, vocabulary=seismic.Vocabulary(words))
    rows = [asked[row] for row in range(CALLS)]
    return [{"indices": components.tolist(), "values": values.tolist()} for components, values in rows]


def measure(calls: Mapping[str, Callable[[int], Any]]) -> dict[str, tuple[float, float]]:
    """Return microseconds of wall clock (median of the best round) and of this process's CPU (least mean) a call."""
    wall: dict[str, list[float]] = {name: [] for name in calls}
    busy: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times, began = [], time.process_time()
            for at in range(CALLS):
                start = time.perf_counter()
                call(at)
                times.append(time.perf_counter() - start)
            busy[name].append((time.process_time() - began) / CALLS)
            wall[name].append(float(np.median(times)))
    return {name: (1e6 * min(wall[name]), 1e6 * min(busy[name])) for name in calls}


def main() -> None:
    """Measure, and print a table."""
    cluster = RayCluster()
    os.environ.update(cluster.environment)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve() / "scifact"
            queries = build(folder)
            ray = ray_session.connect(cluster.address)
            _, problems = ray_nodes.placed(folder, cluster.address, Wanted(1, 2), 300.0, print)
            assert not problems, problems
            topology, _ = ray_nodes.running(folder, cluster.address)
            actor = ray.get_actor(str(PartName(str(folder), "1/2", 0)), ray_session.NAMESPACE)
            with seismic.open(folder) as index, open_cluster(folder, topology) as front:
                view = front.view
                assert isinstance(view, FrontView)
                hop = {0: Message({"filter": None})}
                address = topology.collections["scifact"][0].nodes[0]
                secret = topology.secrets[address].encode()
                pin = {"generation": index.generation, "sequence": index.sequence, "part": "1/2"}
                frame = Message({"verb": "count", "filter": None, **pin})
                socket = connect(Address.parse(address), secret, ANSWER, None, 60.0)
                socket.block()

                def framed(_: int) -> Message:
                    socket.answer(frame)
                    return socket.wait()

                found = measure(
                    {
                        "frame and answer over TCP": framed,
                        "one part, by the fan": lambda _: view.ask("count", hop),
                        "one call of Ray": lambda _: ray.get(actor.endpoint.remote()),
                        f"Index.search, {SHARDS} shards": lambda at: index.search(queries[at], HITS),
                        "search by 2 actors": lambda at: front.search(queries[at], HITS),
                    }
                )
                socket.close()
        for what, (wall, busy) in found.items():
            print(f"{what:<28}{wall:8.0f} us  {busy:8.0f} us of CPU at the front")
    finally:
        ray_session.disconnect()
        cluster.close()


if __name__ == "__main__":
    main()
