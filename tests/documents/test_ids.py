import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.documents import ids as module
from seismic.documents.ids import find_repeat

KINDS = [pa.string(), pa.large_string(), pa.int64(), pa.uint32()]


def chunked(ids: list, kind: pa.DataType, cut: int) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(ids[:cut], kind), pa.array(ids[cut:], kind)], kind)


def naive(ids: list) -> tuple[int, int] | None:
    return next(((row, ids.index(one)) for row, one in enumerate(ids) if one in ids[:row]), None)


@given(st.lists(st.integers(0, 30), max_size=20), st.sampled_from(KINDS), st.integers(0, 20))
def test_the_first_repeat_is_found(ids: list, kind: pa.DataType, cut: int) -> None:
    if not pa.types.is_integer(kind):
        ids = [f"d{number}" for number in ids]
    assert find_repeat(chunked(ids, kind, cut)) == naive(ids)


@given(st.lists(st.integers(0, 30), max_size=20))
def test_ids_of_one_hash_are_told_apart(ids: list) -> None:
    with pytest.MonkeyPatch.context() as patch:
        hash_ids = module.hash_ids
        patch.setattr(module, "hash_ids", lambda array: hash_ids(array) % 3)
        assert find_repeat(chunked(ids, pa.int64(), 5)) == naive(ids)
