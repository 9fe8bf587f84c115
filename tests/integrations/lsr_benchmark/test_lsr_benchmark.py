"""Embeddings of lsr-benchmark: what its own reader reads, built and searched by our commands."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lsr_benchmark.irds import embeddings

from tests.integrations.hits import assert_same_top
from tests.integrations.serving import Query, scifact_documents, seismic


def write(folder: Path, kind: str, ids: list[str], rows: list[tuple[list[int], list[float]]]) -> Path:
    """As its embedding approaches write them: `np.savez_compressed`, and a file of ids."""
    place = folder / kind
    place.mkdir(parents=True)
    np.savez_compressed(
        place / f"{kind}-embeddings.npz",
        data=np.array([value for _, values in rows for value in values], np.float32),
        indices=np.array([index for indices, _ in rows for index in indices], np.int32),
        indptr=np.cumsum([0, *(len(values) for _, values in rows)], dtype=np.int64),
    )
    (place / f"{kind}-ids.txt").write_text("\n".join(ids))
    return place / f"{kind}-embeddings.npz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, queries: list[Query]) -> Path:
    out, documents = tmp_path_factory.mktemp("embeddings"), scifact_documents()
    reversed_rows = [(one["indices"][::-1], one["values"][::-1]) for one in documents]  # in any order
    write(out, "doc", [one["id"] for one in documents], reversed_rows)
    write(out, "query", [one.id for one in queries], [(one.indices, one.values) for one in queries])
    return out


def test_its_own_reader_reads_the_same(folder: Path, queries: list[Query]) -> None:
    read: list[Any] = embeddings("scifact", str(folder), "query")
    assert [one[0] for one in read] == [one.id for one in queries]
    assert [int(token) for token in read[7][1]] == queries[7].indices


def test_scifact(folder: Path, queries: list[Query], tmp_path: Path) -> None:
    seismic("build", folder / "doc" / "doc-embeddings.npz", tmp_path / "scifact", "--dimension", "30522")
    out = tmp_path / "report"
    seismic(
        *("evaluate", tmp_path / "scifact", "--queries", folder / "query" / "query-embeddings.npz"),
        *("-k", "10", "--threads", "1", "--output", out),
    )
    assert json.loads((out / "report.json").read_text())["queries"] == len(queries)
    hits: dict[str, list[tuple[str, float]]] = {}
    for line in (out / "exact.trec").read_text().splitlines():
        query, _, document, _, score, _ = line.split()
        hits.setdefault(query, []).append((document, float(score)))
    for query in queries:
        assert_same_top(hits[query.id], query)
