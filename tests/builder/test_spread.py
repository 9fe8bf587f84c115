"""Documents cut into shards by hashes of their ids."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, ParameterError, SparseVectors
from seismic.builder.spread import spread, spread_order
from tests.samples import random_vectors

COUNT = 600
VECTORS = random_vectors(COUNT)
BY_HASH = BuildParams(shard_by="hash")


def documents() -> pa.Table:
    kinds = pa.chunked_array(
        [pa.array(["a", "b"] * 150).dictionary_encode(), pa.array(["c"] * 300).dictionary_encode()]
    )
    return pa.table({"id": [f"d{row:04d}" for row in range(COUNT)], "row": range(COUNT), "kind": kinds})


def test_rows_move_together(tmp_path: Path) -> None:
    order = spread_order(documents()["id"])
    assert sorted(order.tolist()) == list(range(COUNT))
    moved = spread(VECTORS, documents(), tmp_path)
    assert moved.documents.to_pylist() == documents().take(pa.array(order)).to_pylist()
    for row in (0, 7, COUNT - 1):
        for mine, given in zip(moved.vectors[row], VECTORS[int(order[row])], strict=True):
            assert np.array_equal(mine, given)
    assert moved.vectors.nnz == VECTORS.nnz
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ids", [pa.array(range(COUNT)), pa.array([f"{row:09d}" for row in range(COUNT)])])
def test_a_range_of_the_order_is_a_sample(ids: pa.Array) -> None:
    order = spread_order(pa.chunked_array([ids]))
    first = np.count_nonzero(order[: COUNT // 4] < COUNT // 4)
    assert 18 < first < 60  # 37.5 expected of a sample, 5.1 its standard deviation, 150 in order
    assert order.tolist() == spread_order(pa.chunked_array([ids[:100], ids[100:]])).tolist()


def shard_of_topic(folder: Path) -> set[int]:
    with seismic.open(folder) as index:
        hits = index.search({0: 1.0}, k=40)
        ends = np.cumsum([shard.documents for shard in index.manifest.shards])
        return {int(np.searchsorted(ends, hit.number, "right")) for hit in hits}


def test_sorted_documents_lie_in_every_shard(tmp_path: Path) -> None:
    sorted_by_topic = SparseVectors.from_dicts([{row * 10 // COUNT: 1.0 + row / 1024} for row in range(COUNT)], 10)
    for name, params in (("range", BuildParams()), ("hash", BY_HASH)):
        seismic.build(sorted_by_topic, tmp_path / name, documents=documents(), shards=4, params=params)
    assert shard_of_topic(tmp_path / "range") == {0}
    assert shard_of_topic(tmp_path / "hash") == {0, 1, 2, 3}
    with seismic.open(tmp_path / "range") as one, seismic.open(tmp_path / "hash") as other:
        for query in ({0: 1.0}, {3: 2.0}):
            found = [[(hit.id, hit.score) for hit in index.search(query, k=9)] for index in (one, other)]
            assert found[0] == found[1]
        assert one.manifest.build_params.shard_by == "range"
        assert "shard_by" not in one.manifest.build  # earlier releases refuse parameters that they do not know
        assert other.manifest.build_params.shard_by == "hash"


def test_the_same_bytes_at_any_number_of_threads_and_in_any_input_order(tmp_path: Path) -> None:
    hashes = []
    backwards = SparseVectors.concatenate([VECTORS.slice(row, row + 1) for row in range(COUNT - 1, -1, -1)])
    table = documents()
    inputs = [(VECTORS, table, 1), (VECTORS, table, 3), (backwards, table.take(pa.array(range(COUNT - 1, -1, -1))), 1)]
    for number, (vectors, rows, workers) in enumerate(inputs):
        out = tmp_path / str(number)
        seismic.build(vectors, out, documents=rows, shards=3, workers=workers, params=BY_HASH)
        with seismic.open(out) as index:
            hashes.append({name: file.xxh3_128 for name, file in index.manifest.files.items()})
    assert hashes[0] == hashes[1] == hashes[2]


def test_compaction_spreads_new_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seismic.maintenance.compaction.LEAST_DOCUMENTS", 100)
    out = tmp_path / "index"
    seismic.build(VECTORS, out, documents=documents(), shards=3, params=BY_HASH)
    new = documents().set_column(0, "id", [[f"new{row}" for row in range(COUNT)]])
    seismic.upsert(out, VECTORS, new)
    seismic.compact(out)
    with seismic.open(out) as index:
        assert len(index.manifest.shards) == 3
        ids = [id for shard in index.view.base for id in shard.shard.documents["id"].to_pylist()]
    assert sorted(ids) == sorted([*documents()["id"].to_pylist(), *new["id"].to_pylist()])
    assert 150 < sum(id.startswith("new") for id in ids[:400]) < 250


def test_other_words_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"shard_by.*'range' or 'hash'.*found 'id'"):
        BuildParams(shard_by="id")  # type: ignore[arg-type]
