"""Tables of every kind become plain Arrow tables, or an error that says what was found."""

import subprocess
import sys
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seismic import InputError
from seismic.conversion.tables import MAX_DEPTH, is_table, to_table


class Frame:
    """A stand-in for Polars and pandas: an object with the Arrow PyCapsule interface."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


PLAIN = pa.table({"id": ["a", "b"], "n": [1, None]})


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        PLAIN.to_batches()[0],
        Frame(PLAIN),
        {"id": ["a", "b"], "n": [1, None]},
        {"id": np.array(["a", "b"]), "n": pa.array([1, None])},
        [{"id": "a", "n": 1}, {"id": "b"}],
    ],
)
def test_what_is_a_table(data: Any) -> None:
    assert to_table(data, "documents").to_pydict() == PLAIN.to_pydict()


def test_mappings_and_lists_are_tables_only_where_documents_are_meant() -> None:
    assert is_table(PLAIN)
    assert is_table(Frame(PLAIN))
    assert not any(map(is_table, ({}, [], pa.array([1]), "x", None)))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a", None], pa.string_view()), pa.large_string()),
        (pa.array([b"a", None], pa.binary_view()), pa.large_binary()),
        (pa.array([["a"], None], pa.list_(pa.string_view())), pa.list_(pa.large_string())),
        (pa.array([[1], None], pa.list_view(pa.int32())), pa.list_(pa.int32())),
        (pa.array([[1], None], pa.large_list_view(pa.int32())), pa.large_list(pa.int32())),
        (pa.array([[1, 4], [], None, [0, 2, 4]], pa.list_view(pa.int8())), pa.list_(pa.int8())),
        (pa.array([[1, 4], [], None, [0, 2, 4]], pa.list_view(pa.int8())).slice(1), pa.list_(pa.int8())),
        (
            pa.array([[["a"], None], None, [[]]], pa.list_(pa.list_view(pa.string_view()))),
            pa.list_(pa.list_(pa.large_string())),
        ),
        (pa.array([["a", None], None], pa.list_(pa.string_view(), 2)).slice(1), pa.list_(pa.large_string(), 2)),
        (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), pa.list_(pa.int8(), 2)),
        (pa.array([{"a": "x"}, None], pa.struct([("a", pa.string_view())])), pa.struct([("a", pa.large_string())])),
        (pa.array(["a", None]).dictionary_encode(), pa.dictionary(pa.int32(), pa.string())),
        (pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["x"])), pa.string()),
        (pa.array([uuid.UUID(int=7).bytes, None], pa.uuid()), pa.binary(16)),
    ],
)
def test_types_become_plain(column: pa.Array, expected: pa.DataType) -> None:
    table = to_table(pa.table({"c": column}), "documents")
    table.validate(full=True)
    assert table.schema.field("c").type == expected
    if not isinstance(column.type, pa.BaseExtensionType):
        assert table["c"].to_pylist() == column.to_pylist()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "found a int, expected an Arrow table, a pandas or Polars data frame, a mapping of"),
        ("abc", "found a str, expected an Arrow table"),
        ([1, 2], "found a list, expected an Arrow table"),
        ([], "found a list, expected an Arrow table"),
        (np.zeros(3), "found a ndarray, expected"),
        (pa.array([1]), "found a Int64Array, expected"),
        ({"a": [1, 2], "b": [1]}, "cannot convert a dict to an Arrow table: Column 1 named b expected length 2 but"),
        ({"a": 1}, "cannot convert a dict to an Arrow table: 'int' object is not iterable"),
        ({"a": ["\ud800"]}, "cannot convert a dict to an Arrow table: 'utf-8' codec"),
        ({"a": [1, "x"]}, "cannot convert a dict to an Arrow table: "),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), "found column 'a' twice, expected unique"),
    ],
)
def test_what_is_no_table(data: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        to_table(data, "documents")
    assert str(error.value).startswith(f"documents: {message}")


def test_invalid_utf8_and_offsets_are_refused() -> None:
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    with pytest.raises(InputError, match="documents: found an invalid table: "):
        to_table(pa.table({"a": text}), "documents")
    codes = pa.DictionaryArray.from_arrays(pa.array([5], pa.int32()), pa.array(["a"]), safe=False)
    with pytest.raises(InputError, match="documents: found an invalid table: "):
        to_table(pa.table({"a": codes}), "documents")


@pytest.mark.parametrize("levels", [MAX_DEPTH, 2_000])
def test_deep_nesting_is_refused_before_native_code_recurses(levels: int) -> None:
    script = f"""
import pyarrow as pa
from seismic import InputError
from seismic.conversion.tables import to_table
column = pa.array([1])
for _ in range({levels}):
    column = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), column)
try:
    to_table(pa.table({{"deep": column}}), "documents")
except InputError as error:
    print(error, flush=True)
import os
os._exit(0)  # freeing the array may recurse as well
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"documents: found more than {MAX_DEPTH} nested levels in column 'deep'"


def test_the_deepest_column_is_stored() -> None:
    column = pa.array([1])
    for _ in range(MAX_DEPTH - 1):
        column = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), column)
    table = to_table(pa.table({"deep": column}), "documents")
    with pa.ipc.new_stream(sink := pa.BufferOutputStream(), table.schema) as writer:
        writer.write_table(table)
    assert pa.ipc.open_stream(sink.getvalue()).read_all().num_rows == 1
