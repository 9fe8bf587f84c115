from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seismic import InputError, StorageError, VectorError
from seismic_tools.readers import (
    Collection,
    Reading,
    Tokens,
    collect,
    find_files,
    jsonl,
    read_collection,
    read_vocabulary,
)
from tests.index_tools.conftest import PLANETS, write_lines
from tests.index_tools.readers.test_jsonl import as_dicts, read

MARS, VENUS, SUN = PLANETS


def in_memory(paths: Sequence[Path], folder: Path) -> Collection:
    with collect(read_collection(paths, Reading(Tokens())), folder / "out") as collection:
        assert not [path for path in folder.iterdir() if path not in paths]  # kill -9 would leave nothing
        copy = pa.Table.from_pylist(collection.documents.to_pylist(), collection.documents.schema)
        return collection._replace(documents=copy)


def test_files_of_folders_are_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.parquet", "c.jsonl.gz", "notes.txt", "d.arrow", "e.feather", ".a.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "z.jsonl").mkdir()
    single = tmp_path / "b.jsonl"
    expected = ["b.jsonl", "a.parquet", "b.jsonl", "c.jsonl.gz", "d.arrow", "e.feather"]
    assert [path.name for path in find_files([single, tmp_path])] == expected


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").touch()
    with pytest.raises(InputError, match=r"notes\.docx: unsupported ending; expected \.parquet, .* or \.csv"):
        find_files([tmp_path / "notes.docx"])
    with pytest.raises(InputError, match=r"found no supported file"):
        find_files([tmp_path])
    with pytest.raises(InputError, match=r"missing\.parquet: no such file or folder"):
        find_files([tmp_path / "missing.parquet"])


def test_no_documents(tmp_path: Path) -> None:
    empty = write_lines(tmp_path / "empty.jsonl", b"", b"")
    pq.write_table(pa.table({"id": pa.array([], "string")}), tmp_path / "empty.parquet")
    with pytest.raises(InputError, match=r"no documents in .*empty\.jsonl, .*empty\.parquet"):
        read_all([empty, tmp_path / "empty.parquet"])


def read_all(paths: Sequence[Path]) -> list[Any]:
    return list(read_collection(paths, Reading(Tokens())))


def test_several_files(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / f"{line['id']}.jsonl", line) for line in PLANETS]
    collection = in_memory([write_lines(tmp_path / "empty.jsonl"), *paths], tmp_path)
    assert as_dicts(collection.vectors) == [{0: 2.0, 1: 1.0}, {1: 1.5, 2: 2.5}, {3: 1.0, 4: 3.0}]
    assert collection.documents.to_pydict() == {
        "id": ["a", "b", "c"],
        "year": [1999, 2001, None],
        "text": [line["contents"] for line in PLANETS],
    }


def test_progress_counts_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BATCH_ROWS", 1)
    paths = [write_lines(tmp_path / name, *PLANETS) for name in ("x.jsonl", "y.jsonl.gz")]
    seen: list[tuple[int, int]] = []
    for _ in read_collection(paths, Reading(Tokens()), lambda done, total: seen.append((done, total))):
        pass
    total = sum(path.stat().st_size for path in paths)
    assert len(seen) == 6
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


DISAGREEMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "one more column": ({**VENUS, "size": 1}, "b.jsonl has a column 'size', but .*a.jsonl does not"),
    "one column less": (
        {"id": "b", "contents": "", "vector": {}},
        "a.jsonl has a column 'year', but .*b.jsonl does not",
    ),
    "another type": ({**VENUS, "year": "MMI"}, "column 'year' is string in .*b.jsonl, but int64 in .*a.jsonl"),
    "another kind of id": ({**VENUS, "id": 1}, "column 'id' is int64 in .*b.jsonl, but string in .*a.jsonl"),
    "another kind of vector": (
        {"id": "b", "contents": "", "year": 1, "indices": [1], "values": [1]},
        "b.jsonl has vectors of indices, but .*a.jsonl has vectors of tokens",
    ),
}


@pytest.mark.parametrize(("other", "message"), DISAGREEMENTS.values(), ids=DISAGREEMENTS)
def test_files_must_agree(tmp_path: Path, other: dict[str, Any], message: str) -> None:
    paths = [write_lines(tmp_path / "a.jsonl", MARS), write_lines(tmp_path / "b.jsonl", other)]
    with pytest.raises(InputError, match=message):
        read_all(paths)


def test_inferred_types_may_widen_but_declared_ones_may_not(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / "a.jsonl", SUN), write_lines(tmp_path / "b.jsonl", {**VENUS, "year": 0.5})]
    assert in_memory(paths, tmp_path).documents["year"].to_pylist() == [None, 0.5]
    for name, kind in (("a", pa.int32()), ("b", pa.int64())):
        vectors = pa.array([[("x", 1.0)]], pa.map_("string", "f4"))
        table = pa.table({"id": pa.array([name]), "year": pa.array([1], kind), "vector": vectors})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    with pytest.raises(InputError, match=r"column 'year' is int64 in .*b\.parquet, but int32 in .*a\.parquet"):
        read_all([tmp_path / "a.parquet", tmp_path / "b.parquet"])


def test_columns_may_come_in_any_order_and_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BATCH_ROWS", 1)
    lines = [
        {"id": "a", "vector": {"x": 1}},
        {"vector": {"x": 1}, "late": 1, "id": "b"},
        {"late": 2.5, "id": "c", "vector": {"x": 1}},
    ]
    documents = in_memory([write_lines(tmp_path / "x.jsonl", *lines)], tmp_path).documents
    assert documents.to_pydict() == {"id": ["a", "b", "c"], "late": [None, 1.0, 2.5]}


def test_metadata_that_fits_no_common_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BATCH_ROWS", 1)
    lines = [{"id": "a", "vector": {}, "n": 2**53 + 1}, {"id": "b", "vector": {}, "n": 0.5}]
    with pytest.raises(InputError, match="metadata columns have types that cannot be combined"):
        in_memory([write_lines(tmp_path / "x.jsonl", *lines)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


def test_components_are_wide_once_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BATCH_ROWS", 1)
    lines = [{"id": row, "indices": [largest], "values": [1.0]} for row, largest in enumerate([3, 65_535, 65_536, 4])]
    narrow = in_memory([write_lines(tmp_path / "x.jsonl", *lines[:2])], tmp_path).vectors
    assert (narrow.components.dtype, narrow.dimension) == (np.uint16, 65_536)
    wide = in_memory([write_lines(tmp_path / "x.jsonl", *lines)], tmp_path).vectors
    assert (wide.components.dtype, wide.dimension) == (np.uint32, 65_537)
    assert wide.components.tolist() == [3, 65_535, 65_536, 4]


def test_vectors_without_components(tmp_path: Path) -> None:
    vectors = in_memory([write_lines(tmp_path / "x.jsonl", {"id": "a", "vector": {}})], tmp_path).vectors
    assert (len(vectors), vectors.nnz, vectors.dimension) == (1, 0, 0)


def test_repeated_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BATCH_ROWS", 2)
    first = write_lines(tmp_path / "a.jsonl", MARS, b"", VENUS, SUN)
    second = write_lines(tmp_path / "b.jsonl", b"", *({**MARS, "id": name} for name in ("d", "e", "f", "c")))
    with pytest.raises(VectorError) as error:
        in_memory([first, second], tmp_path)
    place, first_place = f"{second}, line 5, field 'id'", f"{first}, line 4"
    assert str(error.value) == f"{place}: found id 'c' again, first in {first_place}; expected unique ids"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]


def test_repeated_numbers_as_ids(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    vectors = pa.array([[("x", 1.0)]] * 4, pa.map_("string", "f4"))
    pq.write_table(pa.table({"id": [4, 3, 4, 3], "vector": vectors}), path)
    with pytest.raises(VectorError, match=r"row 2, field 'id': found id 4 again, first in .*x\.parquet, row 0"):
        in_memory([path], tmp_path)


def test_nothing_is_left_after_an_error(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", MARS, b"{")
    with pytest.raises(VectorError):
        in_memory([path], tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_no_place_to_write(planets: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"cannot write to .*planets\.jsonl.*: Not a directory"),
        collect(read_collection([planets], Reading(Tokens())), planets / "out"),
    ):
        pass


def test_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes("[PAD]\r\n\u2028\nmars\n".encode())
    vocabulary = read_vocabulary(path)
    assert vocabulary.tokens.to_pylist() == ["[PAD]", "\u2028", "mars"]
    (batch,) = read(
        write_lines(tmp_path / "x.jsonl", MARS | {"vector": {"mars": 1}}),
        Tokens(vocabulary.tokens.to_pylist(), growing=False),
    )
    assert as_dicts(batch.vectors) == [{2: 1.0}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"", "line 1: found an empty line"),
        (b"mars\n\nsun\n", "line 2: found an empty line"),
        (b"mars\n\xff\n", "line 2: byte 0 is not UTF-8"),
        (b"mars\nsun\nmars\n", "token 'mars' of component 2 is a duplicate"),
    ],
)
def test_broken_vocabularies(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "vocab.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_vocabulary(path)
    assert str(error.value).startswith(str(path))
