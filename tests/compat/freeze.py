"""Freezes small indexes of this release's format, for later releases to open: `python -m tests.compat.freeze`.

Run it once for each format, when it is released; what is frozen is never changed again.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

import seismic
from seismic import BuildParams, SearchParams, SparseVectors, Vocabulary
from seismic.layouts import Layout
from seismic.maintenance.migrate import FORMAT

FROZEN = Path(__file__).parent
LAYOUTS: tuple[Layout, ...] = ("shared", "small", "full", "lists")
DIMENSION, DOCUMENTS, QUERIES = 50, 100, 8


def vectors(count: int, seed: int) -> SparseVectors:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        components = rng.choice(DIMENSION, 7, replace=False)
        rows.append({int(component): int(rng.integers(1, 80)) / 8 for component in sorted(components)})
    return SparseVectors.from_dicts(rows, DIMENSION)


def freeze(folder: Path, layout: Layout) -> None:
    """Build a collection of two shards with a vocabulary, payloads of several types, and changes in its log."""
    shutil.rmtree(folder, ignore_errors=True)
    numbers = range(DOCUMENTS)
    documents = pa.table(
        {
            "id": [f"d{number}" for number in numbers],
            "title": [f"title {number}" for number in numbers],
            "year": pa.array(numbers, pa.int32()),
            "tags": [["a", "b"][: number % 3] for number in numbers],
        }
    )
    vocabulary = Vocabulary([f"token {component}" for component in range(DIMENSION)])
    params = BuildParams(layout=layout)
    seismic.build(vectors(DOCUMENTS, 0), folder, documents=documents, vocabulary=vocabulary, params=params, shards=2)
    new = pa.table({"id": ["d3", "new"], "title": ["changed", "new"], "year": pa.array([1, 2], pa.int32())})
    seismic.upsert(folder, vectors(2, 1), new)
    seismic.delete(folder, ["d5", "d80"])
    (folder / "answers.json").write_text(json.dumps(answers(folder, layout), indent=1) + "\n")


def answers(folder: Path, layout: Layout) -> dict[str, list[list[tuple[str, float]]]]:
    """Plan -> query -> id and score of its hits."""
    plans = {"exact": SearchParams(plan="exact")}
    if layout == "lists":
        plans["lists"] = SearchParams(plan="lists", query_cut=DIMENSION, heap_factor=0.01)
    queries = vectors(QUERIES, 2)
    with seismic.open(folder) as index:
        return {
            name: [
                [(str(hit.id), round(hit.score, 3)) for hit in index.search(queries.slice(row, row + 1), params=params)]
                for row in range(QUERIES)
            ]
            for name, params in plans.items()
        }


if __name__ == "__main__":
    for each in LAYOUTS:
        freeze(FROZEN / FORMAT / each, each)
