import numpy as np
import pyarrow as pa
import pytest

from seismic import CorruptIndexError, ParameterError
from seismic.documents.table import Documents

TABLES = [
    pa.concat_tables([pa.table({"id": ["a", "b"], "n": [1, None]}), pa.table({"id": ["c"], "n": [3]})]),
    pa.table({"id": pa.array([], pa.string()), "n": pa.array([], pa.int64())}),
    pa.table({"id": ["d", "e"], "n": [4, 5]}),
]


def test_numbers_run_through_all_tables_and_batches() -> None:
    assert Documents(TABLES).ids([4, 0, -1, 2, 3, 1, 0]) == ["e", "a", None, "c", "d", "b", "a"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.int16(), pa.uint64()])
def test_ids_of_slices(kind: pa.DataType) -> None:
    ids = [f"é{number}" if "string" in str(kind) else number for number in range(50)]
    table = pa.table({"id": pa.array(ids, kind)})
    documents = Documents([table.slice(3, 10), table.slice(20), pa.table({"id": pa.array(ids[:1], kind)})])
    assert documents.ids(range(41)) == [*ids[3:13], *ids[20:], ids[0]]
    assert {type(found) for found in documents.ids(range(41))} == {type(ids[0])}


def test_payloads_have_the_columns_asked_for() -> None:
    documents = Documents(TABLES)
    assert documents.columns == ["n"]
    assert documents.payloads([1, 2, 4]) == [{"n": None}, {"n": 3}, {"n": 5}]
    assert documents.payloads([1, 2], []) == [{}, {}]
    assert documents.payloads([]) == []


def test_unknown_columns_are_named() -> None:
    with pytest.raises(ParameterError, match="unknown payload column 'title'; this collection has n"):
        Documents(TABLES).payloads([0], ["n", "title"])
    with pytest.raises(ParameterError, match="this collection has no payload columns"):
        Documents([pa.table({"id": [1]})]).payloads([], ["id"])


@pytest.mark.parametrize("number", [-1, 5])
def test_numbers_that_no_document_has(number: int) -> None:
    with pytest.raises(ParameterError, match=f"found document number {number}, expected 0 to 4"):
        Documents(TABLES).payloads([0, number])


def test_columns_come_in_the_order_asked_for() -> None:
    documents = Documents([pa.table({"a": [1], "id": [7], "b": [[1.5]]})])
    assert documents.columns == ["a", "b"]
    assert list(documents.payloads([0], ["b", "a"])[0].items()) == [("b", [1.5]), ("a", 1)]


@pytest.mark.parametrize("count", [0, 1, 16, 17, 300])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.int64(), pa.uint8()])
@pytest.mark.parametrize("tables", [1, 3])
def test_ids_are_those_that_arrow_reads(count: int, kind: pa.DataType, tables: int) -> None:
    ids = pa.chunked_array([pa.array(range(part * 60, part * 60 + 60)).cast(kind) for part in range(tables)])
    documents = Documents([pa.table({"id": chunk}) for chunk in ids.chunks])
    numbers = np.random.default_rng(count).integers(-1, len(ids), count).tolist()
    assert documents.ids(numbers) == [None if number < 0 else ids[number].as_py() for number in numbers]
    assert documents.ids(abs(number) for number in numbers) == [ids[abs(number)].as_py() for number in numbers]


def test_long_ids_and_ids_beyond_ascii() -> None:
    ids = ["", "é" * 200, "x" * 5000, "日本", "\U0001f600", "plain"]
    documents = Documents([pa.table({"id": ids[:3]}), pa.table({"id": pa.array(ids[3:], pa.large_string())})])
    for numbers in ([5], [0], [4, 3], [2, -1, 1, 0, 5, 4, 3], []):
        assert documents.ids(numbers) == [None if number < 0 else ids[number] for number in numbers]


@pytest.mark.parametrize("damaged", [[0, 9], [3, 1], [-1, 2]])
def test_damaged_offsets_are_corrupt(damaged: list[int]) -> None:
    offsets = np.array([0, 3], np.int32)
    column = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(b"abc")])
    documents = Documents([pa.table({"id": column})])
    assert documents.ids([0]) == ["abc"]
    offsets[:] = damaged
    with pytest.raises(CorruptIndexError, match=r"documents.arrow: id: found an offset beyond the values"):
        documents.ids([0])


@pytest.mark.parametrize("ids", [["a"], [7]])
def test_a_number_beyond_the_documents_is_corrupt(ids: list[str] | list[int]) -> None:
    with pytest.raises(CorruptIndexError, match="a document beyond the rows"):
        Documents([pa.table({"id": ids})]).ids([0, 1])
