"""Values of columns that Python's own types cannot hold, in payloads, groups and facets."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import seismic
from seismic import SearchRequest, SparseVectors
from seismic.documents.values import to_pylist, to_python

DAY = 86_400


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        (pa.timestamp("ns"), 1_500_000_000_000_000_001, "2017-07-14T02:40:00.000000001"),
        (pa.timestamp("ns"), -1, "1969-12-31T23:59:59.999999999"),
        (pa.timestamp("ns"), 5000, datetime(1970, 1, 1, microsecond=5)),
        (pa.timestamp("ns", "Asia/Tokyo"), 1, "1970-01-01T00:00:00.000000001Z"),
        (pa.timestamp("ns", "UTC"), 5000, datetime(1970, 1, 1, microsecond=5, tzinfo=UTC)),
        (pa.timestamp("us"), 1 << 62, "148108-07-06T14:00:27.387904"),
        (pa.timestamp("s", "UTC"), 1 << 60, "36534630048-05-13T13:56:16Z"),
        (pa.date32(), 20_000, date(2024, 10, 4)),
        (pa.date32(), (1 << 31) - 1, "5881580-07-11"),
        (pa.date64(), 10_000_000 * DAY * 1000, "29349-01-26"),
        (pa.time64("ns"), 5, "00:00:00.000000005"),
        (pa.time64("ns"), 5000, time(microsecond=5)),
        (pa.duration("ns"), 5, "PT0.000000005S"),
        (pa.duration("ns"), 5000, timedelta(microseconds=5)),
        (pa.duration("s"), 1 << 62, "PT4611686018427387904S"),
    ],
    ids=str,
)
def test_what_python_cannot_hold_is_text(kind: pa.DataType, number: int, expected: Any) -> None:
    stored = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    values = pa.array([number, None], stored).view(kind)
    assert to_pylist(values, "c") == [expected, None]
    assert to_pylist(values.dictionary_encode(), "c") == [expected, None]
    assert to_python(pa.StructArray.from_arrays([values], ["at"])[0]) == {"at": expected}
    assert to_pylist(pa.ListArray.from_arrays([0, 2], values), "c") == [[expected, None]]
    keys = pa.array(["k", "l"])
    assert to_pylist(pa.MapArray.from_arrays([0, 2], keys, values), "c") == [[("k", expected), ("l", None)]]


def test_other_values_are_those_that_arrow_has() -> None:
    for values in (["a", None], [1, None], [[1.5], None], [{"a": [True]}, None], [date(2024, 5, 1), None], [b"x"]):
        array = pa.array(values)
        assert to_pylist(array, "c") == array.to_pylist()


def test_nanoseconds_in_payloads_groups_and_facets(tmp_path: Path) -> None:
    at = pa.array([1, 5000, 1, None], pa.int64()).view(pa.timestamp("ns"))
    vectors = SparseVectors.from_dicts([{0: 4.0}, {0: 3.0}, {0: 2.0}, {0: 1.0}], 1)
    seismic.build(vectors, tmp_path / "index", documents=pa.table({"id": range(4), "at": at}), shards=2)
    odd, even = "1970-01-01T00:00:00.000000001", datetime(1970, 1, 1, microsecond=5)
    with seismic.open(tmp_path / "index") as index:
        query = {"indices": [0], "values": [1.0]}
        answer = index.ask(SearchRequest(query=query, group_by={"key": "at", "size": 2}, facets=[{"key": "at"}]))
        assert [payload["at"] for payload in index.payloads(range(4))] == [odd, even, odd, None]
    assert answer.groups is not None
    assert answer.facets is not None
    assert [(group.value, [hit.id for hit in group.hits]) for group in answer.groups] == [(odd, [0, 2]), (even, [1])]
    assert [(facet.value, facet.count) for facet in answer.facets["at"]] == [(odd, 2), (even, 1)]
