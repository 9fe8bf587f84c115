"""Everything that can be done with a collection, each compared with a naive form of itself.

A verb returns if its answers follow from the stored vectors, raises AssertionError for a wrong answer, and otherwise
one of the project's errors.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import seismic
from seismic import FacetBy, Feedback, Fusion, GroupBy, Index, SearchParams, SearchRequest, SparseVectors
from seismic.export.formats import encode
from seismic.export.tables import read_tables
from seismic.params import Verify
from seismic.store.collection import GENERATIONS
from seismic_tools.commands.inspect import describe
from tests.naive import Row, assert_top_k, matches, rows

EXACT = SearchParams(plan="exact")
BOUNDS = SearchParams(plan="exact", heap_factor=1.0000001)
"""As good as exact, and a setting under which small shards are searched by upper bounds."""

FILTERS: tuple[dict[str, Any], ...] = (
    {"must": [{"key": "year", "range": {"lt": 40}}]},
    {"must": [{"key": "year", "range": {"gte": 3, "lt": 6}}]},
    {"should": [{"key": "tags", "match": {"any": ["a", "bc"]}}, {"key": "kind", "match": {"value": "x"}}]},
    {"must_not": [{"ids": ["d1", "d5"]}], "must": [{"key": "text", "match": {"value": "some text some text "}}]},
)


class Stored:
    """An open index with the vectors that it returns, as dicts. Queries are some of its documents."""

    def __init__(self, index: Index) -> None:
        self.index, view = index, index.view
        numbers = [part.numbers() + first for part, first in zip(view.shards, view.firsts, strict=False)]
        self.live = np.concatenate(numbers).tolist()
        every = rows(index.vectors(np.arange(view.documents.count)))
        live = set(self.live)
        self.rows: list[Row] = [row if number in live else {} for number, row in enumerate(every)]
        some = [every[number] for number in self.live[:: max(1, len(self.live) // 6)]]
        picked = [dict(sorted(row.items())[:12]) for row in some]
        self.queries = [row for row in picked if row] or [{0: 1.0}]

    def vectors(self) -> SparseVectors:
        return SparseVectors.from_dicts(self.queries, self.index.dimension)

    def forms(self) -> list[dict[str, Any]]:
        return [{"indices": list(query), "values": list(query.values())} for query in self.queries]

    def check(self, numbers: Any, scores: Any) -> None:
        for query, *found in zip(self.queries, numbers, scores, strict=True):
            assert set(found[0].tolist()) - {-1} <= matches(self.rows, query).keys()
            assert_top_k(*found, self.rows, query)

    def check_scores(self, numbers: Any, scores: Any) -> None:
        """Check the scores of hits, any of which may be missing."""
        for query, found, of in zip(self.queries, numbers, scores, strict=True):
            hits = [(number, score) for number, score in zip(found.tolist(), of.tolist(), strict=True) if number >= 0]
            assert len({number for number, _ in hits}) == len(hits)
            for number, score in hits:
                truth = sum(value * self.rows[number].get(component, 0) for component, value in query.items())
                assert abs(score - truth) <= 1e-4 * truth


def search(collection: Path) -> None:
    """Every plan and method, alone and in batches, on one thread and two."""
    with seismic.open(collection) as index:
        stored = Stored(index)
        for k in (1, 10, 1000):
            for params in (EXACT, BOUNDS):
                stored.check(*index.search_batch(stored.vectors(), k, params=params))
            index.search_batch(stored.vectors(), k, params=SearchParams(plan="exact", bound_share=0.8))
            if index.manifest.layout == "lists":
                params = SearchParams(plan="lists", query_cut=9)
                stored.check_scores(*index.search_batch(stored.vectors(), k, params=params))
        stored.check(*index.search_batch(stored.vectors(), 5, threads=2))


def narrow(collection: Path) -> None:
    """Filters, counts, facets and groups."""
    with seismic.open(collection) as index:
        stored = Stored(index)
        for filter in FILTERS:
            count = index.count(filter)
            assert 0 <= count <= len(index)
            for params in (EXACT, BOUNDS):
                numbers, scores = index.search_batch(stored.vectors(), 60, filter=filter, params=params)
                assert (numbers >= 0).sum(axis=1).max() <= count
                stored.check_scores(numbers, scores)
        for form, query in zip(stored.forms(), stored.queries, strict=True):
            facets = [FacetBy(key=key, limit=9) for key in ("kind", "tags", "year", "text")]
            answer = index.ask(SearchRequest(query=form, facets=facets, params=EXACT))
            counted = sum(facet.count for facet in (answer.facets or {})["kind"])
            assert counted == sum(bool(row.keys() & query.keys()) for row in stored.rows)
            for key in ("kind", "year"):
                index.ask(SearchRequest(query=form, group_by=GroupBy(key=key, limit=5, size=3)))


def expand(collection: Path) -> None:
    """Feedback, explanations, fusion and examples."""
    with seismic.open(collection) as index:
        stored = Stored(index)
        known = index.document_ids(stored.live)
        runs = [{"hits": [{"id": "d3", "score": 2.0}, {"id": "d9", "score": 1.0}]}]
        for form, query in zip(stored.forms(), stored.queries, strict=True):
            for params in (EXACT, BOUNDS):
                request = SearchRequest(query=form, explain=True, params=params)
                for hit in index.ask(request).hits:
                    row = stored.rows[index.find([hit.id])[0]]
                    truth = sum(value * row.get(component, 0) for component, value in query.items())
                    assert abs(hit.score - truth) <= 1e-4 * truth
            index.ask(SearchRequest(query=form, feedback=Feedback(documents=5, components=20), explain=True))
            index.ask(SearchRequest(query=form, fusion=Fusion.model_validate({"runs": runs}, strict=False)))
        index.ask(SearchRequest(query={"id": known[0]}, explain=True))
        index.ask(SearchRequest(query={"positive": known[1:4], "negative": known[4:5]}))
        if index.vocabulary:
            index.ask(SearchRequest(query={"tokens": {index.vocabulary.token(1) or "": 1.0, "t2": 2.0}}))


def read(collection: Path) -> None:
    """Vectors, ids, payloads, statistics and what `inspect` reports."""
    with seismic.open(collection) as index:
        stored, count = Stored(index), index.view.documents.count
        ids = index.document_ids(range(count))
        assert index.find([ids[number] for number in stored.live]).tolist() == stored.live
        index.payloads(range(count))
        frequency = index.document_frequency()
        truth = np.zeros(index.dimension, np.int64)
        for row in stored.rows:
            truth[list(row)] += 1
        assert frequency.tolist() == truth.tolist()
        index.pseudo_queries(20)
        index.warm_up(changes=True)
        assert all(index.vocabulary.token(component) for component in range(60)) if index.vocabulary else True
        describe(index, collection / GENERATIONS / index.generation)


def export(collection: Path) -> None:
    """Take everything out, as tables and in both formats."""
    with seismic.open(collection) as index:
        stored, selection = Stored(index), index.select()
        table = pa.concat_tables(list(read_tables(selection)) or [selection.schema.empty_table()])
        assert table["id"].to_pylist() == index.document_ids(stored.live)
        pairs = zip(table["indices"].to_pylist(), table["values"].to_pylist(), strict=True)
        assert [dict(zip(*pair, strict=True)) for pair in pairs] == [stored.rows[number] for number in stored.live]
        lines = b"".join(encode(read_tables(selection), selection.schema, "jsonl"))
        assert len(lines.splitlines()) == len(stored.live)
        parquet = b"".join(encode(read_tables(selection), selection.schema, "parquet"))
        assert pq.read_table(pa.BufferReader(parquet)).num_rows == len(stored.live)


def open_at(level: Verify) -> Callable[[Path], None]:
    def verb(collection: Path) -> None:
        seismic.open(collection, verify=level).close()

    return verb


def verify(collection: Path) -> None:
    """Raise the damage that a full verification reports."""
    for damage in seismic.verify(collection).damages:
        raise seismic.CorruptIndexError(str(damage))


def check_sound(collection: Path) -> None:
    """Check a collection that was just written: verified, readable and answering."""
    verify(collection)
    search(collection)


def compact(collection: Path) -> None:
    with seismic.open(collection) as before:
        truth = _by_id(before)
    seismic.compact(collection)
    check_sound(collection)
    with seismic.open(collection) as after:
        assert _by_id(after) == truth


def _by_id(index: Index) -> dict[str, Row]:
    stored = Stored(index)
    return {name: stored.rows[number] for name, number in _named(index, stored.live)}


def _named(index: Index, numbers: list[int]) -> Iterator[tuple[str, int]]:
    return zip(index.document_ids(numbers), numbers, strict=True)


def rollback(collection: Path) -> None:
    seismic.rollback(collection, "1")
    check_sound(collection)
    seismic.rollback(collection, "2")
    check_sound(collection)


def snapshot(collection: Path) -> None:
    """Restore a snapshot with changes, which compacts it, and one without."""
    file, copy = collection.parent / "snapshot", collection.parent / "restored"
    for _ in range(2):
        seismic.create_snapshot(collection, file)
        seismic.restore_snapshot(file, copy)
        check_sound(copy)
        file.unlink()
        shutil.rmtree(copy)
        shutil.rmtree(collection / "log", ignore_errors=True)
        (collection / "WATERMARK").unlink(missing_ok=True)


def change(collection: Path) -> None:
    """Upsert with and without payload, delete, and refresh again and again: delta shards are built and merged."""
    with seismic.open(collection) as index:
        rng = np.random.default_rng(5)
        for number in range(6):
            names = [f"d{n}" for n in rng.permutation(60)[:20].tolist()]
            vectors = [{int(c): 1.5 for c in rng.integers(0, 60, 5)} for _ in names]
            documents = pa.table({"id": names})
            if number % 2:
                documents = documents.append_column("year", pa.array(range(len(names)), pa.int16()))
            seismic.upsert(collection, SparseVectors.from_dicts(vectors, index.dimension), documents)
            seismic.delete(collection, [f"d{number}", "d40"])
            index.refresh()
            index.payloads(range(index.view.documents.count))
            index.document_frequency()
    search(collection)


def tune(collection: Path) -> None:
    seismic.tune(collection, depths=[5], targets=[0.9], sample=10)
    seismic.migrate(collection)
    seismic.collect_garbage(collection)
    check_sound(collection)


READING: dict[str, Callable[[Path], None]] = {
    "verify": verify,
    "open none": open_at("none"),
    "open sample": open_at("sample"),
    "open full": open_at("full"),
    "search": search,
    "narrow": narrow,
    "expand": expand,
    "read": read,
    "export": export,
}
"""Verbs that change nothing."""

WRITING: dict[str, Callable[[Path], None]] = {
    "compact": compact,
    "rollback": rollback,
    "snapshot": snapshot,
    "change": change,
    "tune": tune,
}
