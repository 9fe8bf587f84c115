"""A collection in shards with documents replaced, deleted and added since, and a naive copy of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

import seismic
from seismic import BuildParams, Index
from tests import naive, samples
from tests.naive import Row

SOURCES = ["paper", "movie", "paper", "wordnet", None, "paper", "pypi"]


@dataclass(frozen=True)
class Changed:
    """A changed collection. ``rows``: id -> stored vector, ``payloads``: id -> payload, of its current documents."""

    index: Index
    rows: dict[str, Row]
    payloads: dict[str, dict[str, Any]]

    def number(self, id: str) -> int:
        return int(self.index.find([id])[0])

    def ranking(self, query: Row, without: frozenset[str] = frozenset()) -> list[tuple[str, float]]:
        """Return (id, score) of all matches, best first."""
        scores = {id: naive.dot(row, query) for id, row in self.rows.items() if row.keys() & query.keys()}
        hits = [(id, score) for id, score in scores.items() if id not in without]
        return sorted(hits, key=lambda hit: (-hit[1], self.number(hit[0])))


def changed(folder: Path, count: int = 300, layout: Any = "lists", vocabulary: Any = None) -> Changed:
    """Build a collection; then add a fifth of the documents, replace another fifth, and delete some of each kind."""
    vectors = samples.random_vectors(count, per_vector=12, seed=3, empty=0.05)
    old, new = vectors.slice(0, count * 4 // 5), vectors.slice(count * 3 // 5, count)
    params = BuildParams(layout=layout, postings_per_list=100_000, summary_energy=1.0)
    rows = naive.stored(naive.rows(vectors))
    table = documents(range(len(old)))
    seismic.build(old, folder / "index", documents=table, params=params, shards=3, vocabulary=vocabulary)
    first = count * 3 // 5
    replaced = range(first, count)  # the later ones are new
    seismic.upsert(folder / "index", new, documents(replaced, "new "))
    gone = [f"d{number}" for number in (*range(0, 40, 7), first + 1, count - 1)]
    seismic.delete(folder / "index", gone)
    payloads = {one["id"]: one for part in (table, documents(replaced, "new ")) for one in part.to_pylist()}
    for id in gone:
        del payloads[id]
    return Changed(seismic.open(folder / "index"), {id: rows[int(id[1:])] for id in payloads}, payloads)


def documents(numbers: range, prefix: str = "") -> pa.Table:
    return pa.table(
        {
            "id": [f"d{number}" for number in numbers],
            "title": [f"{prefix}{number}" for number in numbers],
            "source": [SOURCES[number % len(SOURCES)] for number in numbers],
            "year": pa.array([2000 + number % 5 if number % 11 else None for number in numbers], pa.int32()),
            "tags": [[f"t{tag}" for tag in (number % 3, number % 4, number % 3)] for number in numbers],
        }
    )


def query_rows(count: int = 8) -> list[Row]:
    vectors = samples.random_vectors(count, per_vector=10, seed=1, empty=0)
    return naive.rows(vectors)
