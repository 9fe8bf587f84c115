"""A worker in the environment of an engine: it builds, opens and searches as commands on standard input request.

Run `python -m engines.worker ENGINE FOLDER`. Commands and answers are JSON lines; output of the engine goes to standard
error.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from . import load_engine
from .base import Engine, Knobs, Shape, Vectors

Passed: TypeAlias = tuple[list[float], float, list[list[int]]]
"""Seconds, CPU seconds and document numbers of one pass over the queries."""

WARM_UP = 20
"""Searches before the timed ones, because another engine may have displaced the caches."""


class Worker:
    """The commands as methods. Arguments and answers are JSON."""

    def __init__(self, engine: Engine, collection: Path) -> None:
        self.engine, self.collection = engine, collection
        self.shape = Shape(**json.loads((collection / "shape.json").read_text()))
        self.prepared: dict[tuple[str, int], tuple[Vectors, list[Any]]] = {}

    def versions(self) -> dict[str, str]:
        """Return the versions of the package of the engine and of numpy."""
        packages = [(self.engine.requirement or "seismic-search").partition("==")[0], "numpy"]
        return {package: version(package) for package in packages}

    def build(self, vectors: str, folder: str, knobs: Knobs, threads: int) -> dict[str, float]:
        """Build into an empty folder; return the seconds, including saving, and the bytes on disk."""
        self.engine.prepare(self.shape)
        documents = Vectors(*map(np.array, Vectors.load(self.collection / vectors)))
        began = time.perf_counter()
        self.engine.build(documents, self.shape, Path(folder), knobs, threads)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "bytes": sum(file.stat().st_size for file in Path(folder).rglob("*"))}

    def open(self, folder: str, knobs: Knobs) -> None:
        """Open an index."""
        self.engine.open(self.shape, Path(folder), knobs)

    def search(self, queries: str, count: int, k: int, knobs: Knobs, call: str) -> dict[str, Any]:
        """Search the first `count` queries; return seconds per query (for a batch their mean), mean CPU seconds, and
        document numbers."""
        vectors, prepared = self._prepared(queries, count)
        passed = self._batch(vectors, k, knobs) if call == "batch" else self._one_by_one(prepared, k, knobs)
        return dict(zip(("seconds", "cpu", "numbers"), passed, strict=True))

    def _batch(self, vectors: Vectors, k: int, knobs: Knobs) -> Passed:
        search = self.engine.batch_searcher(vectors, k, knobs)
        self.engine.batch_searcher(vectors.first(WARM_UP), k, knobs)()
        cpu, began = time.process_time(), time.perf_counter()
        found = search()
        seconds = time.perf_counter() - began
        cpu = time.process_time() - cpu
        return [seconds / len(found)], cpu / len(found), found.tolist()

    def _one_by_one(self, queries: list[Any], k: int, knobs: Knobs) -> Passed:
        search, seconds, answers = self.engine.searcher(k, knobs), [], []
        for query in queries[:WARM_UP]:
            search(query)
        cpu = time.process_time()
        for query in queries:
            began = time.perf_counter()
            answer = search(query)
            seconds.append(time.perf_counter() - began)
            answers.append(answer)
        cpu = time.process_time() - cpu
        return seconds, cpu / len(queries), [self.engine.numbers(answer) for answer in answers]

    def _prepared(self, name: str, count: int) -> tuple[Vectors, list[Any]]:
        if (name, count) not in self.prepared:
            vectors = Vectors(*map(np.array, Vectors.load(self.collection / name).first(count)))
            self.prepared[name, count] = vectors, [self.engine.query(*row) for row in vectors.rows()]
        return self.prepared[name, count]


def answers(worker: Worker, commands: Iterable[str]) -> Iterator[str]:
    """Yield a JSON line per command: {"answer": ...}, or {"error": "..."} if the engine raises."""
    for line in commands:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command)
        except BaseException as error:  # panics of Rust derive from BaseException
            if isinstance(error, KeyboardInterrupt):
                raise
            yield json.dumps({"error": f"{type(error).__name__}: {error}"})
        else:
            yield json.dumps({"answer": answer})


def main(name: str, folder: str) -> None:
    """Answer commands until standard input ends."""
    gc.disable()  # like timeit
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        for line in answers(Worker(load_engine(name), Path(folder)), sys.stdin):
            print(line, file=output, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
