"""A process in an engine's own environment: it builds, or opens and searches, as JSON lines on standard input ask.

python -m engines.worker ENGINE FOLDER: an answer per command, a line each, on what was standard output; whatever the
engine prints goes to standard error.
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
"""Searches before those that are timed: another engine may have used the caches."""


class Worker:
    """Commands are methods; their arguments and answers are JSON."""

    def __init__(self, engine: Engine, collection: Path) -> None:
        self.engine, self.collection = engine, collection
        self.shape = Shape(**json.loads((collection / "shape.json").read_text()))
        self.prepared: dict[tuple[str, int], tuple[Vectors, list[Any]]] = {}

    def versions(self) -> dict[str, str]:
        """Of the engine's package and of numpy."""
        packages = [(self.engine.requirement or "seismic-search").partition("==")[0], "numpy"]
        return {package: version(package) for package in packages}

    def build(self, vectors: str, folder: str, knobs: Knobs, threads: int) -> dict[str, float]:
        """Build from the vectors of that name into an empty folder: seconds, saving included, and bytes on disk."""
        self.engine.prepare(self.shape)
        documents = Vectors(*map(np.array, Vectors.load(self.collection / vectors)))
        began = time.perf_counter()
        self.engine.build(documents, self.shape, Path(folder), knobs, threads)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "bytes": sum(file.stat().st_size for file in Path(folder).rglob("*"))}

    def open(self, folder: str, knobs: Knobs) -> None:
        """Open an index for searches."""
        self.engine.open(self.shape, Path(folder), knobs)

    def search(self, queries: str, count: int, k: int, knobs: Knobs, call: str) -> dict[str, Any]:
        """The first `count` queries of that name: seconds of every query (of a batch: their mean), CPU seconds per
        query, and document numbers of every query."""
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
    """One JSON line per JSON line: {"answer": ...} or, for whatever the engine raises, {"error": "..."}."""
    for line in commands:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command)
        except BaseException as error:  # panics of Rust are no Exceptions
            if isinstance(error, KeyboardInterrupt):
                raise
            yield json.dumps({"error": f"{type(error).__name__}: {error}"})
        else:
            yield json.dumps({"answer": answer})


def main(name: str, folder: str) -> None:
    """Answer until standard input ends."""
    gc.disable()  # as timeit does
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        for line in answers(Worker(load_engine(name), Path(folder)), sys.stdin):
            print(line, file=output, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
