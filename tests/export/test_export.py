"""Exports: what is taken out builds an index that answers alike."""

import gzip
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seismic
from seismic import BuildParams, Index, InputError, OutputExistsError, ParameterError, SparseVectors, Vocabulary
from seismic.errors import CorruptIndexError, StorageError
from seismic.export import tables
from seismic_tools.readers import Reading, Tokens, read_collection
from tests.naive import rows

DIMENSION = 30
ROWS = st.lists(
    st.dictionaries(st.integers(0, DIMENSION - 1), st.integers(1, 255), max_size=6), min_size=1, max_size=40
)
QUERY = {"indices": [*range(DIMENSION)], "values": [1.0 + c / 7 for c in range(DIMENSION)]}


def payload(numbers: Sequence[int]) -> pa.Table:
    """Return documents with every type of column."""
    inner = pa.struct([("a", pa.int16()), ("b", pa.list_(pa.struct([("c", pa.string())])))])
    at = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)

    def maybe(make: Any, kind: pa.DataType) -> pa.Array:
        return pa.array([None if number % 5 == 4 else make(number) for number in numbers], kind)

    return pa.table(
        {
            "id": [f"d{number}" for number in numbers],
            "text": maybe(lambda n: f"naïve \u2028 {n}", pa.string()),
            "long": maybe(lambda n: "x" * n, pa.large_string()),
            "small": maybe(lambda n: n - 3, pa.int8()),
            "big": maybe(lambda n: 2**63 + n, pa.uint64()),
            "share": maybe(lambda n: n / 7, pa.float32()),
            "exact": maybe(lambda n: n / 3, pa.float64()),
            "flag": maybe(lambda n: n % 2 == 0, pa.bool_()),
            "kind": maybe(lambda n: "xyz"[n % 3], pa.string()).dictionary_encode(),
            "day": maybe(lambda n: date(2020, 1, 1) + timedelta(n), pa.date32()),
            "when": maybe(lambda n: at + timedelta(seconds=n), pa.timestamp("ns", "UTC")),
            "lasts": maybe(lambda n: timedelta(milliseconds=n), pa.duration("ms")),
            "price": maybe(lambda n: Decimal(n) / 4, pa.decimal128(12, 2)),
            "raw": maybe(lambda n: bytes([n % 256, 255]), pa.binary()),
            "tags": maybe(lambda n: ["a", "b", None][: n % 4], pa.list_(pa.string())),
            "inner": maybe(lambda n: {"a": n, "b": [{"c": f"{n}"}]}, inner),
            "none": pa.nulls(len(numbers), pa.int32()),
        }
    )


def collection(folder: Path, given: list[dict[int, int]], **options: Any) -> Path:
    """Build an index of two shards, if it has enough rows, then change and delete some."""
    vectors = SparseVectors.from_dicts([{c: float(v) for c, v in sorted(row.items())} for row in given], DIMENSION)
    options.setdefault("documents", payload(range(len(given))))
    seismic.build(vectors, folder, shards=min(2, len(given)), **options)
    return folder


def change(folder: Path, given: list[dict[int, int]]) -> None:
    """Replace a document and add one, which makes a delta shard, and delete one of the base."""
    moved = [{c: float(v) for c, v in sorted(row.items())} for row in (given[0], given[-1])]
    seismic.upsert(folder, SparseVectors.from_dicts(moved, DIMENSION), payload([0, 100]))
    seismic.delete(folder, [f"d{len(given) - 1}"] if len(given) > 1 else ["unknown"])


def stored(index: Index) -> tuple[list[str], list[dict[int, float]], list[dict[str, Any]]]:
    """Return ids, vectors and payloads in the order of document numbers."""
    places = zip(index.view.shards, index.view.firsts, strict=False)
    numbers = np.concatenate([shard.numbers() + first for shard, first in places])
    return index.document_ids(numbers), rows(index.vectors(numbers)), index.payloads(numbers)


def answers(index: Index) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in index.search(QUERY, 1000)]


@settings(max_examples=25)
@given(
    ROWS, st.sampled_from(["small", "shared", "full", "lists"]), st.sampled_from([".parquet", ".jsonl", ".jsonl.zst"])
)
def test_an_index_of_an_export_answers_alike(given: list[dict[int, int]], layout: Any, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = collection(Path(folder) / "c", given, params=BuildParams(layout=layout))
        change(path, given)
        with seismic.open(path) as index:
            columns = None if ending == ".parquet" else [name for name in index.columns if name != "big"]  # above 2^63
            assert index.export(Path(folder) / f"x{ending}", columns=columns) == len(index)
            batches = list(read_collection([Path(folder) / f"x{ending}"], Reading(Tokens(), DIMENSION)))
            vectors = SparseVectors.concatenate(batch.vectors for batch in batches)
            documents = pa.concat_tables([batch.documents for batch in batches], promote_options="permissive")
            seismic.build(vectors, Path(folder) / "again", documents=documents, params=BuildParams(layout=layout))
            with seismic.open(Path(folder) / "again") as again:
                assert stored(again)[:2] == stored(index)[:2]
                assert answers(again) == answers(index)
                if ending == ".parquet":
                    assert stored(again)[2] == stored(index)[2]
                    assert again.view.rules.schema.equals(index.view.rules.schema)


@pytest.fixture
def some(tmp_path: Path) -> Path:
    vocabulary = Vocabulary([f"t{component}" for component in range(DIMENSION)])
    given = [{number % 7: 3, number % 11 + 10: 5} if number % 4 else {} for number in range(30)]
    path = collection(tmp_path / "c", given, vocabulary=vocabulary)
    change(path, given)
    return path


def test_tables_are_bounded_and_complete(some: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seismic.open(some) as index:
        [*whole] = index.batches()
        monkeypatch.setattr(tables, "CHUNK_ROWS", 4)
        parts = list(index.batches())
        assert max(map(len, parts)) == 4
        assert pa.concat_tables(parts).equals(pa.concat_tables(whole))
        monkeypatch.setattr(tables, "CHUNK_BYTES", 1)
        assert {len(part) for part in index.batches()} == {1}
        ids, vectors, payloads = stored(index)
        found = pa.concat_tables(whole)
        assert found["id"].to_pylist() == ids
        pairs = zip(found["indices"].to_pylist(), found["values"].to_pylist(), strict=True)
        assert [dict(zip(*pair, strict=True)) for pair in pairs] == vectors
        assert {} in vectors
        assert found.select(index.columns).to_pylist() == payloads
        described = json.loads(found.schema.metadata[b"seismic"])
        assert described == {"dimension": DIMENSION, "generation": "000001", "sequence": 2}


def test_what_is_taken_out_is_chosen(some: Path, tmp_path: Path) -> None:
    with seismic.open(some) as index:
        narrow = {"must": [{"key": "kind", "match": {"value": "x"}}]}
        table = pa.concat_tables(index.batches(narrow, columns=["kind", "small"], with_vectors=False))
        assert table.column_names == ["id", "kind", "small"]
        assert set(table["kind"].to_pylist()) == {"x"}
        assert len(table) == index.count(narrow)
        ids = ["d100", "d3", "d6", "d0"]
        named = pa.concat_tables(index.batches(ids=ids, with_vectors="tokens"))
        assert sorted(named["id"].to_pylist()) == sorted(ids)
        assert dict(named["tokens"][0].as_py()) == {"t3": 3.0, "t13": 5.0}
        both = pa.concat_tables(index.batches(narrow, ids=ids, columns=[]))
        assert both.column_names == ["id", "indices", "values"]
        assert sorted(both["id"].to_pylist()) == ["d0", "d3", "d6"]
        assert index.export(tmp_path / "none.jsonl", ids=[]) == 0
        assert (tmp_path / "none.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ids": ["d1", "x", "y"]}, InputError, "ids: found no document with the id 'x' and 1 more"),
        ({"ids": [1]}, InputError, "expected a string"),
        ({"ids": "d1"}, InputError, "expected a list of ids"),
        ({"columns": ["nothing"]}, ParameterError, "unknown payload column 'nothing'; this collection has text, "),
        ({"columns": ["id"]}, ParameterError, "unknown payload column 'id'"),
        ({"columns": "text"}, ParameterError, "expected a list of column names"),
        ({"with_vectors": "indices"}, ParameterError, "with_vectors is 'indices', expected True, False or 'tokens'"),
        ({"filter": {"must": [{"key": "nothing", "match": {"value": 1}}]}}, InputError, "nothing"),
    ],
)
def test_wrong_choices_are_refused_at_once(some: Path, tmp_path: Path, options: Any, error: Any, message: str) -> None:
    with seismic.open(some) as index:
        with pytest.raises(error, match=message):
            index.batches(**options)
        with pytest.raises(error, match=message):
            index.export(tmp_path / "x.parquet", **options)
    assert not list(tmp_path.glob("*x.parquet*"))


def test_tokens_need_a_vocabulary_and_columns_names_of_their_own(tmp_path: Path) -> None:
    documents = pa.table({"id": ["a"], "values": [[1]]})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}]), tmp_path / "c", documents=documents)
    with seismic.open(tmp_path / "c") as index:
        with pytest.raises(ParameterError, match="no vocabulary, so no tokens"):
            index.batches(with_vectors="tokens")
        with pytest.raises(ParameterError, match="found a payload column 'values', which is the name of a column of"):
            index.batches()
        assert next(index.batches(with_vectors=False)).column_names == ["id", "values"]
        assert next(index.batches(columns=[])).column_names == ["id", "indices", "values"]


def test_files_appear_complete_or_not_at_all(some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    with seismic.open(some) as index:
        with pytest.raises(ParameterError, match=r"x\.csv: cannot export to this format, .*\.parquet, \.jsonl"):
            index.export(tmp_path / "x.csv")
        with pytest.raises(StorageError, match="nowhere"):
            index.export(tmp_path / "nowhere/x.jsonl")
        index.export(tmp_path / "x.jsonl.gz", progress=lambda *told: seen.append(told))
        assert seen[-1] == ("export", len(index), len(index))
        with pytest.raises(OutputExistsError, match=r"x\.jsonl\.gz exists; choose another name"):
            index.export(tmp_path / "x.jsonl.gz")
        before = (tmp_path / "x.jsonl.gz").read_bytes()
        lines = [json.loads(line) for line in gzip.decompress(before).splitlines()]
        assert [line["id"] for line in lines] == stored(index)[0]
        assert lines[2] | {"when": ""} == {
            **lines[2], "id": "d3", "text": "naïve \u2028 3", "small": 0, "price": "0.75", "day": "2020-01-04",
            "lasts": "PT0.003S", "raw": "A/8=", "tags": ["a", "b", None], "indices": [3, 13], "values": [3.0, 5.0],
            "none": None, "when": "",
        }  # fmt: skip

        def fail(*arguments: Any) -> Any:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("seismic.export.formats._lines", fail)
        with pytest.raises(StorageError, match="No space left on device"):
            index.export(tmp_path / "x.jsonl.gz", replace=True)
        assert (tmp_path / "x.jsonl.gz").read_bytes() == before
        assert [path.name for path in tmp_path.glob(".x*")] == []


def test_an_export_shows_one_state(some: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 5)
    with seismic.open(some) as index:
        ids = stored(index)[0]
        reading = index.batches()
        first = next(reading)
        seismic.delete(some, ids)
        seismic.compact(some, keep=1)
        assert index.refresh()
        assert len(index) == 0
        assert [first, *reading][-1]["id"].to_pylist()[-1] == ids[-1]


def test_an_empty_collection(some: Path, tmp_path: Path) -> None:
    with seismic.open(some) as index:
        seismic.delete(some, stored(index)[0])
        seismic.compact(some)
        index.refresh()
        schema = index.view.rules.schema
        assert index.export(tmp_path / "x.parquet") == 0
    table = pq.read_table(tmp_path / "x.parquet")
    assert (len(table), table.column_names) == (0, [*schema.names, "indices", "values"])
    assert table.select(schema.names).schema.equals(schema)


def test_types_that_a_format_cannot_hold_are_named(tmp_path: Path) -> None:
    spans = pa.array([pa.MonthDayNano([1, 2, 3])])
    seismic.build(SparseVectors.from_dicts([{0: 1.0}]), tmp_path / "c", documents=pa.table({"id": [1], "span": spans}))
    with seismic.open(tmp_path / "c") as index:
        with pytest.raises(InputError, match=r"columns 'span' \(month_day_nano_interval\): Parquet cannot hold them"):
            index.export(tmp_path / "x.parquet")
        assert index.export(tmp_path / "x.parquet", columns=[]) == 1


def test_damage_is_not_exported(some: Path) -> None:
    file = some / "generations/000001/shard-00000/documents.arrow"
    content = file.read_bytes()
    file.write_bytes(content.replace("naïve".encode(), b"na\xff\xffve"))
    with seismic.open(some) as index, pytest.raises(CorruptIndexError, match=r"documents\.arrow: .*UTF"):
        list(index.batches())
