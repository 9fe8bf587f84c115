import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.documents import lookup
from seismic.documents.ids import hash_ids
from seismic.documents.lookup import Lookup

KINDS = [pa.string(), pa.large_string(), pa.int64(), pa.uint32()]


def table(ids: list, kind: pa.DataType, rows: int) -> pa.Table:
    """Cut ids into record batches of the given sizes."""
    batches = pa.table({"id": pa.array(ids, kind)}).to_batches(rows)
    return pa.Table.from_batches(batches, pa.schema({"id": kind}))


@given(st.lists(st.integers(0, 99), unique=True), st.lists(st.integers(0, 99)), st.sampled_from(KINDS))
def test_ids_are_found(ids: list, wanted: list, kind: pa.DataType) -> None:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        ids, wanted = [f"d{number}" for number in ids], [f"d{number}" for number in wanted]
    expected = [ids.index(one) if one in ids else -1 for one in wanted]
    assert Lookup(table(ids, kind, 7)).find(pa.array(wanted, kind)).tolist() == expected


def test_ids_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "hash_ids", lambda ids: np.array([len(one) for one in ids.to_pylist()], np.uint64))
    found = Lookup(table(["a", "b", "cc", "d"], pa.string(), 3)).find(pa.array(["d", "x", "cc", "a", "ddd", "b"]))
    assert found.tolist() == [3, -1, 2, 0, -1, 1]


def test_slices_and_empty_texts_are_hashed() -> None:
    ids = pa.array(["skipped", "", "a", ""])
    assert hash_ids(ids.slice(1)).tolist() == hash_ids(pa.array(["", "a", ""])).tolist()
    assert hash_ids(pa.array([""])).tolist() == hash_ids(pa.array(["", "b"], pa.large_string()))[:1].tolist()
    assert hash_ids(pa.array([-1], pa.int8())).tolist() == [2**64 - 1]
