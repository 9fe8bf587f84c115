"""Many changes and new generations while nodes are killed: `python -m tests.cluster.soak --changes 1000`."""

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa

import seismic
from seismic import Index, SearchRequest, Vocabulary
from seismic.cluster.index import ClusterIndex
from seismic.cluster.topology import open_cluster
from tests.cluster.collections import QUERIES, vectors
from tests.cluster.processes import PATIENCE, Process, replicas

DOCUMENTS = 400
MADE = vectors(DOCUMENTS, "shuffled")


def table(numbers: Any, version: int) -> pa.Table:
    """Return documents whose payload is a version of all of them."""
    ids = [f"d{number}" for number in numbers]
    return pa.table({"id": ids, "version": pa.array([version] * len(ids), pa.int32())})


def publish(folder: Path, version: int, *, replace: bool = False) -> None:
    """Build all documents in one version, as a generation."""
    words = Vocabulary(f"w{number}" for number in range(60))
    documents = table(range(DOCUMENTS), version)
    seismic.build(MADE, folder, documents=documents, vocabulary=words, shards=4, replace=replace)


def change_and_kill(folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Make `count` changes and look at each at its sequence, while a replica is killed and comes back.

    Asserts that each acknowledged change is visible, and in the end that no document is lost or doubled. Returns what
    was done, by kind.
    """
    draw, done = random.Random(seed), Counter[str]()
    publish(folder / "books", 0)
    current = dict.fromkeys(range(DOCUMENTS), 0)
    with ExitStack() as stack:
        nodes = stack.enter_context(replicas(folder))
        front = stack.enter_context(open_cluster(folder / "books", folder / "nodes.toml"))
        address = json.loads((folder / "nodes.toml").read_text().splitlines()[-1].removeprefix("nodes = "))[0]
        for step in range(1, count + 1):
            if step == count // 3:
                nodes[0].signal(signal.SIGKILL)
                done["killed"] += 1
            if step == 2 * count // 3:
                nodes[0].end()
                nodes[0] = Process(folder, address)
                assert nodes[0].listening() == address
            if step == 5 * count // 6:
                nodes[1].signal(signal.SIGKILL)  # the first one has to answer, which was away for a third of them
                done["killed"] += 1
            if draw.random() < 0.02:
                seismic.compact(folder / "books")
                done["compacted"] += 1
            touched = draw.sample(range(DOCUMENTS), draw.randint(1, 3))
            if draw.random() < 0.3:
                sequence = seismic.delete(folder / "books", [f"d{number}" for number in touched])
                for number in touched:
                    current.pop(number, None)
                done["deletes"] += 1
            else:
                sequence = upsert(folder / "books", touched, step)
                current.update(dict.fromkeys(touched, step))
                done["upserts"] += 1
            front.refresh(min_sequence=sequence, timeout=PATIENCE)
            for number in touched:
                wanted = [current[number]] if number in current else []
                assert versions(front, number) == wanted, (step, number)
            assert len(front) == len(current)
        with seismic.open(folder / "books") as index:
            assert stored(index) == stored(front) == current
            for query in QUERIES:
                hits, exact = front.search(query, DOCUMENTS), index.search(query, DOCUMENTS)
                assert [(hit.id, hit.score) for hit in hits] == [(hit.id, hit.score) for hit in exact]
    return done


def upsert(folder: Path, numbers: list[int], version: int) -> int:
    rows = [MADE.slice(number, number + 1) for number in numbers]
    dicts = [dict(zip(row.components.tolist(), row.values.tolist(), strict=True)) for row in rows]
    made = seismic.SparseVectors.from_dicts(dicts, MADE.dimension)
    return int(seismic.upsert(folder, made, table(numbers, version)))


def versions(index: Index, number: int) -> list[int]:
    """Return the versions of a document that a search by its vector finds."""
    row = MADE.slice(number, number + 1)
    query = dict(zip(row.components.tolist(), row.values.tolist(), strict=True))
    request = SearchRequest(query=query, limit=3, filter={"ids": [f"d{number}"]})
    answer = index.ask(request, with_payload=True)
    return [hit.payload["version"] for hit in answer.hits]


def stored(index: Index) -> dict[int, int]:
    """Return the version of each document. Asserts that none is there twice."""
    answer = index.ask(SearchRequest(limit=DOCUMENTS * 2), with_payload=True)
    found = {int(hit.id[1:]): hit.payload["version"] for hit in answer.hits}
    assert len(found) == len(answer.hits)
    return found


def publish_and_search(folder: Path, generations: int) -> Counter[str]:
    """Publish generations while four threads search and reload; each answer must be of one generation."""
    publish(folder / "books", 1)
    ending, done = threading.Event(), Counter[str]()
    with ExitStack() as stack:
        stack.enter_context(replicas(folder))
        front = stack.enter_context(open_cluster(folder / "books", folder / "nodes.toml"))

        def search(at: int) -> int:
            count = 0
            while not ending.is_set():
                front.refresh()
                count += 1
                check_one_generation(front, at + count)
            return count

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(search, at) for at in range(4)]
            try:
                for version in range(2, generations + 1):
                    publish(folder / "books", version, replace=True)
                    done["published"] += 1
            finally:
                ending.set()
            done["searches"] = sum(one.result(PATIENCE) for one in running)
        front.refresh()
        check_one_generation(front, 0)
        assert front.generation == f"{generations:06}"
    return done


def check_one_generation(front: ClusterIndex, at: int) -> None:
    index = front.frozen()
    answer = index.ask(SearchRequest(query=QUERIES[at % len(QUERIES)], limit=60), with_payload=True)
    assert {hit.payload["version"] for hit in answer.hits} == {int(index.generation)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--generations", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name, run in (
        ("changes", lambda at: change_and_kill(at, options.changes, options.seed)),
        ("generations", lambda at: publish_and_search(at, options.generations)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            print(name, dict(run(Path(folder))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
