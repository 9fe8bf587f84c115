"""The same rows give the same files, however the input holds them: chunks, slices, padding, bytes under nulls."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from seismic import BuildParams
from seismic.documents.canonical import canonical, canonical_batches
from seismic.store.files import write_batches
from seismic_tools.readers import Reading, Tokens, collect, read_collection
from tests.samples import random_vectors

ROWS = 300
VECTORS = random_vectors(ROWS)


def rarely(row: int, value: Any) -> Any:
    return None if row % 5 == 0 else value


TEXTS = [rarely(row, "word " * (row % 9)) for row in range(ROWS)]
NOT_NULL = pa.field("item", pa.int32(), nullable=False)
COLUMNS = {
    "text": pa.array(TEXTS),
    "large": pa.array(TEXTS, pa.large_string()),
    "number": pa.array([rarely(row, row) for row in range(ROWS)]),
    "flag": pa.array([rarely(row, row % 2 == 0) for row in range(ROWS)]),
    "fixed": pa.array([rarely(row, b"ab") for row in range(ROWS)], pa.binary(2)),
    "price": pa.array([rarely(row, row) for row in range(ROWS)], pa.decimal128(20, 2)),
    "day": pa.array([rarely(row, row) for row in range(ROWS)], pa.timestamp("us", "UTC")),
    "list": pa.array([rarely(row, TEXTS[row : row + row % 4]) for row in range(ROWS)]),
    "pair": pa.array([rarely(row, [row, row + 1]) for row in range(ROWS)], pa.list_(pa.int32(), 2)),
    "full": pa.array([[row, row + 1] for row in range(ROWS)], pa.list_(NOT_NULL, 2)),
    "struct": pa.array([rarely(row, {"a": row, "b": TEXTS[row]}) for row in range(ROWS)]),
    "must": pa.array([rarely(row, {"item": row}) for row in range(ROWS)], pa.struct([NOT_NULL])),
    "empty": pa.array([rarely(row, {}) for row in range(ROWS)], pa.struct([])),
    "deep": pa.array([rarely(row, [{"a": row, "b": TEXTS[row]}] * (row % 3)) for row in range(ROWS)]),
    "map": pa.array([rarely(row, [("k", row)] * (row % 3)) for row in range(ROWS)], pa.map_(pa.string(), pa.int64())),
    "none": pa.nulls(ROWS),
    "kind": pa.array([rarely(row, "cab"[row % 3]) for row in range(ROWS)]).dictionary_encode(),
    "tags": pa.array([["xyz"[row % 3]] * (row % 3) for row in range(ROWS)], pa.list_(pa.dictionary(pa.int8(), "utf8"))),
}
TABLE = pa.table({"id": [f"d{row}" for row in range(ROWS)], **COLUMNS})


def padded(table: pa.Table) -> pa.Table:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return pa.ipc.open_file(pa.py_buffer(sink.getvalue())).read_all()


def forms(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield a table in all kinds of memory."""
    yield "one chunk", table.combine_chunks()
    yield "two chunks", pa.concat_tables([table[:100], table[100:]])
    yield "batches", pa.Table.from_batches(table.to_batches(7))
    yield "copied batches", pa.concat_tables([padded(table[first : first + 7]) for first in range(0, ROWS, 7)])
    yield "slice", pa.concat_tables([table[:13], table]).combine_chunks()[13:]
    yield "padded", padded(table)
    yield "empty chunks", pa.concat_tables([table[:0], table[:50], table[:0], table[50:]])
    recoded = [pa.array(["c", "b", "a", "unused", "b"]), pa.array(["b", None, "a", "c"])]
    at = table.schema.get_field_index("kind")
    chunks = []
    for part, values in zip((table[:100], table[100:]), recoded, strict=True):
        words = part["kind"].combine_chunks().dictionary_decode()
        codes = [None if word is None else values.to_pylist().index(word) for word in words.to_pylist()]
        chunks.append(pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), values))
    yield "other dictionaries", table.set_column(at, "kind", pa.chunked_array(chunks))


def test_forms_of_a_table_give_the_same_file(tmp_path: Path) -> None:
    hashes = {}
    for name, table in forms(TABLE):
        write_batches(tmp_path / "file", table.schema, canonical_batches(table, 128))
        hashes[name] = hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()
        assert pa.ipc.open_file(tmp_path / "file").read_all().to_pylist() == TABLE.to_pylist()
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in ("none", "kind", "empty", "tags")])
def test_bytes_under_nulls_do_not_matter(name: str) -> None:
    column = COLUMNS[name]
    present = ~column.is_null().to_numpy(zero_copy_only=False)
    filler = next(value for value in column.to_pylist() if value)
    filled = pa.array([filler if value is None else value for value in column.to_pylist()], column.type)
    kind, children = filled.type, []
    if pa.types.is_struct(kind):
        children = [filled.field(at) for at in range(kind.num_fields)]
    elif pa.types.is_map(kind):
        children = [pa.StructArray.from_arrays([filled.keys, filled.items], fields=list(kind.field(0).type))]
    elif pa.types.is_nested(kind):
        children = [filled.values]
    buffers = [pa.array(present).buffers()[1], *filled.buffers()[1 : kind.num_buffers]]
    dirty = pa.Array.from_buffers(kind, ROWS, buffers, children=children)
    assert dirty.to_pylist() == column.to_pylist()
    assert _bytes(canonical(dirty)) == _bytes(canonical(column))


def test_ordered_dictionaries_keep_their_order() -> None:
    values = pa.array(["low", "middle", "high"])
    array = pa.DictionaryArray.from_arrays(pa.array([2, 0, 2, None]), values, ordered=True)
    made = canonical(array)
    assert made.dictionary.to_pylist() == ["low", "high"]
    assert made.type == array.type
    assert made.to_pylist() == array.to_pylist()


def _bytes(array: pa.Array) -> bytes:
    return pa.record_batch([array], names=["x"]).serialize().to_pybytes()


def vector_columns() -> pa.Table:
    rows = [VECTORS[row] for row in range(len(VECTORS))]
    values = pa.array([values.tolist() for _, values in rows], pa.list_(pa.float32()))
    return pa.table({"indices": [components.tolist() for components, _ in rows], "values": values})


def hashes_of(collection: Path) -> dict[str, str]:
    folder = collection / "generations/000001"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.arrow"))
    }


def test_builds_from_python_have_equal_files(tmp_path: Path) -> None:
    wanted = None
    vectors = vector_columns()
    for number, (name, table) in enumerate(forms(TABLE)):
        given = table
        for column in vectors.column_names:
            given = given.append_column(column, vectors[column])
        out = tmp_path / str(number)
        seismic.build(given, out, params=BuildParams(layout="shared"), shards=2)
        found = hashes_of(out)
        wanted = wanted or found
        assert found == wanted, name


def test_builds_from_files_have_equal_files(tmp_path: Path) -> None:
    rows = TABLE.drop(["full", "must", "empty", "none", "map", "tags"])  # Parquet does not keep all of them
    vectors = vector_columns()
    for name in vectors.column_names:
        rows = rows.append_column(name, vectors[name])
    wanted: dict[str, dict[str, str]] = {}
    for chunk in (ROWS, 150, 7):
        pieces = pa.Table.from_batches(rows.to_batches(chunk))
        with pa.ipc.new_file(tmp_path / "rows.arrow", rows.schema) as writer:
            for batch in pieces.to_batches():
                writer.write_batch(batch)
        pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=chunk)
        for file in ("rows.arrow", "rows.parquet"):
            out = tmp_path / f"{file}-{chunk}"
            with collect(read_collection([tmp_path / file], Reading(Tokens())), out) as (read, documents):
                seismic.build(read, out, documents=documents, shards=2)
            found = hashes_of(out)
            assert wanted.setdefault(file, found) == found, (file, chunk)
    assert np.array_equal(sorted(wanted["rows.arrow"]), sorted(wanted["rows.parquet"]))
