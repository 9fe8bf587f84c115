from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import InputError, VectorError
from seismic_tools.readers import Reading, Tokens, arrow
from seismic_tools.readers.arrow import read_parquet
from tests.index_tools.readers.test_jsonl import as_dicts, read

INDICES = pa.array([[1, 5], [], [5, 70_000]], pa.list_(pa.uint32()))
VALUES = pa.array([[0.5, 2.0], [], [1.0, 1.5]], pa.list_(pa.float32()))
IDS = pa.array(["a", "b", "c"])
WEIGHTS = pa.array([[("mars", 2.0), ("sun", 1.0)], [], [("sun", 3.0)]], pa.map_(pa.string(), pa.float32()))


def write_ipc(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, row_group_size=2)


WRITERS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "parquet": write_parquet,
    "arrow": write_ipc,
    "feather": lambda table, path: pyarrow.feather.write_feather(table, str(path)),
}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    def write_columns(**columns: Any) -> Path:
        path = tmp_path / f"x.{request.param}"
        WRITERS[request.param](pa.table(columns), path)
        return path

    return write_columns


def test_lists(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "BATCH_ROWS", 2)
    batches = read(write(id=IDS, indices=INDICES, values=VALUES, year=[1, 2, 3]))
    assert [as_dicts(batch.vectors) for batch in batches] == [[{1: 0.5, 5: 2.0}, {}], [{5: 1.0, 70_000: 1.5}]]
    assert [batch.documents.to_pydict() for batch in batches] == [
        {"id": ["a", "b"], "year": [1, 2]},
        {"id": ["c"], "year": [3]},
    ]
    assert [list(batch.rows.numbers) for batch in batches] == [[0, 1], [2]]
    assert not any(batch.by_token for batch in batches)
    assert batches[-1].read == 1.0


def test_large_and_dictionary_types(write: Callable[..., Path]) -> None:
    batches = read(
        write(
            id=IDS.cast(pa.large_string()),
            indices=INDICES.cast(pa.large_list(pa.int64())),
            values=VALUES.cast(pa.large_list(pa.float64())),
            language=pa.array(["en", "de", "en"]).dictionary_encode(),
        )
    )
    assert [each for batch in batches for each in as_dicts(batch.vectors)] == [
        {1: 0.5, 5: 2.0},
        {},
        {5: 1.0, 70_000: 1.5},
    ]
    documents = pa.concat_tables([batch.documents for batch in batches])
    assert documents.schema.types == [pa.string(), pa.string()]
    assert documents["language"].to_pylist() == ["en", "de", "en"]


def test_text_views(tmp_path: Path) -> None:
    """Return a table as Polars writes it."""
    path = tmp_path / "x.arrow"
    views = pa.array(["a", "b", "a longer text than fits into a view"], pa.string_view())
    write_ipc(pa.table({"id": views, "text": views, "indices": INDICES, "values": VALUES}), path)
    documents = pa.concat_tables([batch.documents for batch in read(path)])
    assert documents["id"].type == pa.string()
    assert documents["id"].to_pylist() == documents["text"].to_pylist() == views.to_pylist()


def test_a_list_of_tokens_is_a_column_beside_the_vector(write: Callable[..., Path]) -> None:
    batches = read(write(id=IDS, tokens=pa.array([["sun"], ["mars"], []]), indices=INDICES, values=VALUES), Tokens())
    assert [token for batch in batches for token in batch.documents["tokens"].to_pylist()] == [["sun"], ["mars"], []]
    vectors = [vector for batch in batches for vector in as_dicts(batch.vectors)]
    assert vectors == [{1: 0.5, 5: 2.0}, {}, {5: 1.0, 70_000: 1.5}]


@pytest.mark.parametrize("name", ["vector", "tokens"])
def test_maps(write: Callable[..., Path], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "BATCH_ROWS", 2)
    tokens = Tokens(["sun"])
    batches = read(write(id=IDS, **{name: WEIGHTS}), tokens)
    assert [as_dicts(batch.vectors) for batch in batches] == [[{0: 1.0, 1: 2.0}, {}], [{0: 3.0}]]
    assert list(tokens) == ["sun", "mars"]
    assert all(batch.by_token for batch in batches)


def test_structs(write: Callable[..., Path]) -> None:
    tokens = Tokens()
    struct = pa.array(
        [{"sun": 1.0, "mars": 2.0}, {}, {"sun": 3.0}], pa.struct({"sun": "f8", "moon": "f8", "mars": "f8"})
    )
    batches = read(write(id=IDS, vector=struct), tokens)
    assert list(tokens) == ["sun", "mars"]  # moon has no weight anywhere
    assert [each for batch in batches for each in as_dicts(batch.vectors)] == [{0: 1.0, 1: 2.0}, {}, {0: 3.0}]


def lists(*rows: list[Any] | None, kind: str = "u4") -> pa.Array:
    return pa.array(rows, pa.list_(pa.type_for_alias(kind)))


def weights(*rows: list[tuple[str, float | None]] | None) -> pa.Array:
    return pa.array(rows, pa.map_(pa.string(), pa.float32()))


BROKEN_TEXT = pa.Array.from_buffers(
    pa.string(), 3, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffc")]
)

WRONG: dict[str, tuple[dict[str, Any], int | None, str | None, str]] = {
    "no id": ({"id": None}, None, "id", "field is missing"),
    "null id": ({"id": ["a", None, "c"]}, 1, "id", "found null"),
    "fractions as ids": ({"id": [0.5, 1.5, 2.5]}, None, "id", "found double, expected strings or integers"),
    "numbers as text": ({"text": [1, 2, 3]}, None, "text", "found int64, expected strings"),
    "text is not UTF-8": ({"title": BROKEN_TEXT}, 1, "title", "text that is not UTF-8"),
    "id is not UTF-8": ({"id": BROKEN_TEXT}, 1, "id", "text that is not UTF-8"),
    "no values": (
        {"values": None},
        None,
        None,
        "expected 'indices' and 'values', or 'vector', or 'tokens' (found indices)",
    ),
    "two vectors": ({"vector": WEIGHTS}, None, None, "(found indices and values and vector)"),
    "ragged": ({"values": lists([1], [], [1, 1], kind="f4")}, 0, None, "found 2 indices and 1 values"),
    "null list": ({"indices": lists([1, 5], None, [5, 6])}, 1, "indices", "found null, expected a list"),
    "null inside": ({"values": lists([1, 1], [], [1, None], kind="f4")}, 2, "values", "found a null in the list"),
    "indices of floats": ({"indices": lists([1, 5], [], [5, 6], kind="f4")}, None, "indices", "found lists of float"),
    "values of text": ({"values": lists(["1", "5"], [], ["5", "6"], kind="string")}, None, "values", "lists of string"),
    "no lists": ({"indices": [1, 2, 3]}, None, "indices", "found a column of int64, expected lists"),
    "NaN": ({"values": lists([1, 1], [], [1, float("nan")], kind="f4")}, 2, "values", "found nan"),
    "infinite": ({"values": lists([1, 1], [], [1, float("inf")], kind="f4")}, 2, "values", "found inf"),
    "negative": ({"values": lists([1, -1], [], [1, 1], kind="f4")}, 0, "values", "found -1.0"),
    "zero": ({"values": lists([1, 1], [], [0, 1], kind="f4")}, 2, "values", "repair drops it"),
    "descending": ({"indices": lists([1, 5], [], [6, 5])}, 2, "indices", "found component 5 after 6"),
    "repeated": ({"indices": lists([5, 5], [], [5, 6])}, 0, "indices", "found duplicate component"),
    "too large": ({"indices": lists([1, 5], [], [5, 2**32], kind="u8")}, 2, "indices", "found component 4294967296"),
}


@pytest.mark.parametrize(("change", "row", "field", "message"), WRONG.values(), ids=WRONG)
def test_errors_of_lists(
    write: Callable[..., Path], change: dict[str, Any], row: int | None, field: str | None, message: str
) -> None:
    columns = {"id": IDS, "indices": INDICES, "values": VALUES, **change}
    path = write(**{name: column for name, column in columns.items() if column is not None})
    with pytest.raises(VectorError) as error:
        read(path)
    place = [str(path), *([f"row {row}"] if row is not None else []), *([f"field '{field}'"] if field else [])]
    assert str(error.value).startswith(f"{', '.join(place)}: ")
    assert message in str(error.value)


WRONG_MAPS: dict[str, tuple[pa.Array, int | None, str]] = {
    "dense": (lists([1], [2], [3]), None, "found a column of list<"),
    "null map": (weights([], None, []), 1, "found null, expected a map"),
    "null weight": (weights([], [("mars", None)], []), 1, "found a null weight"),
    "zero weight": (weights([("mars", 1)], [("sun", 0)], []), 1, "found 0.0, expected 1e-15 to 1e+15"),
    "token twice": (weights([("mars", 1)], [("sun", 1), ("sun", 1)], []), 1, "found duplicate component"),
    "unknown token": (weights([("mars", 1)], [], [("sun", 1), ("pluto", 1)]), 2, "token 'pluto' is not in the vocab"),
    "numbers as tokens": (pa.array([[(1, 1.0)], [], []], pa.map_("i4", "f4")), None, "found keys of int32"),
    "text as weights": (pa.array([[("mars", "1")], [], []], pa.map_("string", "string")), None, "weights of string"),
    "null struct": (pa.array([{"sun": 1.0}, {"sun": 2.0}, None]), 2, "found null, expected a map"),
    "unknown field": (pa.array([{"sun": 1.0}, {"pluto": 2.0}, {}]), 1, "token 'pluto' is not in the vocabulary"),
    "struct of lists": (pa.array([{"sun": [1.0]}, {}, {}]), None, "found weights of list<"),
    "NaN in a struct": (pa.array([{"sun": 1.0}, {}, {"mars": float("nan")}]), 2, "found nan"),
}


@pytest.mark.parametrize(("vector", "row", "message"), WRONG_MAPS.values(), ids=WRONG_MAPS)
def test_errors_of_maps(write: Callable[..., Path], vector: pa.Array, row: int | None, message: str) -> None:
    path = write(id=IDS, vector=vector)
    with pytest.raises(VectorError) as error:
        read(path, Tokens(["mars", "sun"], growing=False))
    place = f"{path}, field 'vector': " if row is None else f"{path}, row {row}, field 'vector': "
    assert str(error.value).startswith(place)
    assert message in str(error.value)


def test_rows_are_counted_over_batches(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "BATCH_ROWS", 2)
    path = write(id=IDS, vector=weights([("mars", 1)], [], [("pluto", 1)]))
    with pytest.raises(VectorError, match="row 2, field 'vector': token 'pluto'"):
        read(path, Tokens(["mars"], growing=False))


@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_cut_off_files(write: Callable[..., Path], kept: float) -> None:
    path = write(id=IDS, indices=INDICES, values=VALUES)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match=f"{path.name}: cannot be read as"):
        read(path)


def test_columns_of_one_name(tmp_path: Path) -> None:
    columns, names = [IDS, INDICES, VALUES, IDS], ["id", "indices", "values", "id"]
    write_ipc(pa.Table.from_arrays(columns, names), tmp_path / "x.arrow")
    with pytest.raises(VectorError, match="field 'id': found two columns of this name"):
        read(tmp_path / "x.arrow")


def test_other_files(tmp_path: Path) -> None:
    for name in ("x.parquet", "x.arrow"):
        (tmp_path / name).write_bytes(b"id,text\n1,hello\n" * 20)
        with pytest.raises(InputError, match=f"{name}: cannot be read as"):
            read(tmp_path / name)


def test_damaged_pages(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"id": range(5000), "vector": WEIGHTS.take([0] * 5000)})
    pq.write_table(table, path, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"x\.parquet: cannot be read as Parquet"):
        read(path)


rows = st.lists(
    st.tuples(st.text(max_size=3), st.dictionaries(st.text(), st.floats(2**-20, 2**20, width=32), max_size=5)),
    min_size=1,
    max_size=8,
)


@given(rows, st.sampled_from(list(WRITERS)))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, dict[str, float]]], ending: str
) -> None:
    path = tmp_path_factory.mktemp("round") / f"x.{ending}"
    ids, vectors = zip(*written, strict=True)
    maps = pa.array([list(vector.items()) for vector in vectors], pa.map_(pa.string(), pa.float32()))
    WRITERS[ending](pa.table({"id": pa.array(ids), "vector": maps}), path)
    tokens = Tokens()
    batches = read(path, tokens)
    assert [id for batch in batches for id in batch.documents["id"].to_pylist()] == list(ids)
    assert [vector for batch in batches for vector in as_dicts(batch.vectors)] == [
        {tokens[token]: weight for token, weight in vector.items()} for vector in vectors
    ]


def test_reading_does_not_keep_what_was_read(tmp_path: Path) -> None:
    path, rows = tmp_path / "documents.parquet", 2000
    values = np.random.default_rng(0).random(rows * 50, np.float32) + 1
    starts = np.arange(rows + 1, dtype=np.int32) * 50
    columns = (np.tile(np.arange(50, dtype=np.uint16), rows), values)
    lists = [pa.ListArray.from_arrays(starts, column) for column in columns]
    table = pa.table({"id": range(rows), "indices": lists[0], "values": lists[1]})
    with pq.ParquetWriter(path, table.schema, use_dictionary=False, compression="none") as writer:
        for first in range(0, rows * 60, rows):
            writer.write_table(table.set_column(0, "id", [range(first, first + rows)]))
    del table, lists
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in read_parquet(path, Reading(Tokens()))]
    assert len(held) > 20
    assert max(held) < path.stat().st_size / 3
