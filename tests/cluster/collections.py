"""A collection with changes, opened as an index and in parts, and requests of every kind."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import seismic
from seismic import (
    Answer,
    BuildParams,
    FacetBy,
    Feedback,
    Fusion,
    GroupBy,
    Index,
    OrderBy,
    SearchParams,
    SearchRequest,
    SparseVectors,
    Vocabulary,
)
from seismic.search.request import Ranked, Run
from tests import samples
from tests.changed import documents

COUNT, SHARDS = 600, 5


def vectors(count: int, order: str) -> SparseVectors:
    """Return vectors with many equal scores, shuffled, or sorted so that similar ones are neighbours."""
    rng = np.random.default_rng(5)
    rows = [
        {int(component): float(rng.integers(1, 9)) / 8 for component in rng.choice(40, 8, replace=False)}
        for _ in range(count)
    ]
    if order == "sorted":
        rows.sort(key=lambda row: (-row.get(0, 0.0), -row.get(1, 0.0)))
    return SparseVectors.from_dicts(rows, 60)


def build(folder: Path, order: str = "shuffled", **options: Any) -> Index:
    """Build a collection of shards, and return its index, refreshed after each of several changes."""
    made = vectors(COUNT, order)
    params = BuildParams(postings_per_list=100_000, summary_energy=1.0, **options)
    table, words = documents(range(COUNT)), Vocabulary(f"w{number}" for number in range(60))
    seismic.build(made, folder, documents=table, params=params, shards=SHARDS, vocabulary=words)
    index = seismic.open(folder)
    for step in changes():
        step(folder)
        index.refresh()
    return index


def changes() -> list[Any]:
    """Return changes of all kinds, each of which appends to the log."""
    new = vectors(120, "shuffled")
    return [
        lambda folder: seismic.upsert(folder, new, documents(range(COUNT - 40, COUNT + 80), "new ")),
        lambda folder: seismic.delete(folder, [f"d{number}" for number in range(0, COUNT + 80, 17)]),
        lambda folder: seismic.patch(folder, [{"id": "d1", "title": "patched"}, {"id": "d601", "title": "again"}]),
        lambda folder: seismic.upsert(folder, new.slice(0, 5), documents(range(5, 10), "newest ")),
        lambda folder: seismic.upsert(
            folder, new.slice(0, 1), pa.table({"id": ["d2"], "price": [1.5], "year": pa.array([2001], pa.int32())})
        ),
    ]


QUERIES = [samples.as_query(row) for row in ({1: 1.0, 7: 0.5, 20: 2.0}, {3: 1.0}, dict.fromkeys(range(30), 0.5))]
FILTER = {"must": [{"year": 2001}], "must_not": [{"source": "movie"}]}
NARROW = {"ids": ["d1", "d3", "d250", "d601", "d599", "nothing"]}


def requests(lists: bool) -> list[SearchRequest]:
    """Return requests of every kind; `lists`: whether there are posting lists."""
    query, other, broad = QUERIES
    fused = Fusion(runs=[Run(hits=[Ranked(id=f"d{at}", score=float(-at)) for at in (1, 3, 250, 601, 17, 9999)])])
    params = SearchParams(plan="lists", query_cut=1000, heap_factor=1e-9) if lists else SearchParams()
    one = SearchRequest
    return [
        one(query=query),
        one(query=query, limit=1),
        one(query=broad, limit=700),
        one(query=broad, limit=20, offset=33),
        one(query=other, limit=0, facets=[FacetBy(key="source")]),
        one(query={"tokens": {"w1": 1.0, "unknown": 2.0}}),
        one(query={"indices": [59], "values": [1.0]}),
        one(query=query, filter=FILTER),
        one(query=query, filter=NARROW, limit=4),
        one(query=query, filter={"must": [{"key": "year", "range": {"gte": 1900}}]}, limit=50, offset=10),
        one(query=broad, score_threshold=3.5, limit=300),
        one(query=broad, facets=[FacetBy(key="source", limit=2), FacetBy(key="tags"), FacetBy(key="year")]),
        one(query=query, filter=FILTER, facets=[FacetBy(key="title", limit=5)]),
        one(query=query, group_by=GroupBy(key="year", limit=3, size=2)),
        one(query=broad, group_by=GroupBy(key="title", limit=40, size=3)),
        one(query=broad, group_by=GroupBy(key="source", limit=9, size=7), filter=FILTER),
        one(query={"id": "d3"}, group_by=GroupBy(key="source", limit=2, size=4)),
        one(query={"id": "d601"}),
        one(query={"positive": ["d3", "d604", {"indices": [4], "values": [1.0]}], "negative": ["d250"]}, limit=15),
        one(query=query, feedback=Feedback(documents=5, components=8), limit=25),
        one(query=query, fusion=fused, limit=12),
        one(query=query, fusion=fused, filter=FILTER, limit=12),
        one(query=query, explain=True),
        one(query=broad, explain=True, filter=FILTER, limit=60),
        one(query=query, params=params, explain=True),
        one(query=None, limit=13, offset=3),
        one(query=None, order_by=OrderBy(key="year", direction="desc"), limit=40, filter=FILTER),
        one(query=None, facets=[FacetBy(key="tags")], limit=0),
        one(query=other, filter={"ids": []}),
    ]


def comparable(answer: Answer) -> Answer:
    """Return an answer without the work, which depends on how shards are searched together."""
    none: Any = None
    explanation = answer.explanation
    if explanation is not None:
        certificate = explanation.certificate and replace(explanation.certificate, blocks_visited=0, blocks_skipped=0)
        explanation = replace(explanation, stats=none, certificate=certificate)
    return answer._replace(stats=none, explanation=explanation)


def assert_same(index: Index, cluster: Index) -> None:
    """Check that a cluster answers each request as the index does, alone and all at once."""
    asked = requests(index.manifest.layout == "lists")
    for request, local, remote in zip(asked, index.search_many(asked), cluster.search_many(asked), strict=True):
        assert comparable(remote) == comparable(local), request
    for request in asked:
        assert comparable(cluster.ask(request)) == comparable(index.ask(request)), request
