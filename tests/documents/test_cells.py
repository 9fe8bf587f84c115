"""Cells are read as Arrow's own scalars are."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.documents.cells import cell_reader
from seismic.documents.table import Documents
from seismic.documents.values import to_python
from seismic.errors import CorruptIndexError

INTEGERS = st.integers(-100, 100)
VALUES = {
    pa.string(): st.text(),
    pa.large_string(): st.text(),
    pa.int8(): INTEGERS,
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float16(): st.just(0.5),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.binary(): st.binary(),
    pa.date32(): st.dates(),
    pa.timestamp("us", "UTC"): st.just(datetime(2026, 1, 2, 3, tzinfo=UTC)),
    pa.dictionary(pa.int32(), pa.string()): st.text(max_size=1),
    pa.list_(pa.string()): st.lists(st.none() | st.text(), max_size=3),
    pa.large_list(pa.int64()): st.lists(st.none() | INTEGERS, max_size=3),
    pa.list_(pa.list_(pa.bool_())): st.lists(st.none() | st.lists(st.booleans(), max_size=3), max_size=2),
    pa.list_(pa.date32()): st.lists(st.dates(), max_size=2),
    pa.struct({"a": pa.int32(), "b": pa.string()}): st.fixed_dictionaries({"a": INTEGERS, "b": st.text()}),
    pa.decimal128(9, 2): st.decimals(-1000, 1000, places=2),
}


@pytest.mark.parametrize("kind", VALUES, ids=str)
@given(st.data())
def test_a_cell_is_the_value_of_its_row(kind: pa.DataType, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind] | st.none(), max_size=40))
    column = pa.array(values, kind).slice(data.draw(st.integers(0, len(values))))
    cell = cell_reader(column)
    assert [cell(row) for row in range(len(column))] == [to_python(value) for value in column]


@pytest.mark.parametrize("kind", [pa.list_(pa.int32()), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_offsets_and_codes_beyond_the_values_are_damage(kind: pa.DataType) -> None:
    stored = np.array([0, 1], np.int32)
    if pa.types.is_dictionary(kind):
        column = pa.DictionaryArray.from_arrays(pa.array(stored), pa.array(["a", "b"]))
    else:
        offsets = pa.py_buffer(stored)
        column = pa.Array.from_buffers(kind, 1, [None, offsets], children=[pa.array([1], pa.int32())])
    documents = Documents([pa.table({"id": list("ab")[: len(column)], "damaged": column})])
    stored[1] = 7  # Arrow checks what it makes, but not what it maps
    with pytest.raises(CorruptIndexError, match="damaged: found an offset or a code beyond the values"):
        documents.payloads([len(column) - 1])
