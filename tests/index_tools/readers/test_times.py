"""Text as dates and times, where a format has no type for them."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from tests.index_tools.conftest import Run, write_lines

VECTOR = {"indices": [1], "values": [0.5]}
SHOWN = datetime(2024, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC)


def test_columns_are_dates_and_times_of_which_filters_have_ranges(run: Run, tmp_path: Path) -> None:
    lines = [
        {"id": "a", **VECTOR, "day": "2024-05-01", "at": "2024-05-01T12:00:00.5+02:00", "made": "1970-01-01T00:00:01"},
        {"id": "b", **VECTOR, "day": None, "at": "2024-05-01", "made": None},
    ]
    options = ["--dates", "day", "--times", "at, made"]
    result = run("build", write_lines(tmp_path / "x.jsonl", *lines), tmp_path / "out", *options)
    assert result.exit_code == 0, result.stderr
    more = {"id": "c", **VECTOR, "day": "2025-01-01"}
    assert run("upsert", tmp_path / "out", write_lines(tmp_path / "y.jsonl", more)).exit_code == 0
    with seismic.open(tmp_path / "out") as index:
        assert index.payloads([0])[0] == {
            "day": date(2024, 5, 1),
            "at": SHOWN,
            "made": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        }
        assert index.payloads([1])[0] == {"day": None, "at": datetime(2024, 5, 1, tzinfo=UTC), "made": None}
        assert index.payloads([2])[0] == {"day": date(2025, 1, 1), "at": None, "made": None}
        assert index.count({"must": [{"key": "at", "range": {"lt": "2024-05-01T10:00:00Z"}}]}) == 1
        assert index.count({"must": [{"key": "day", "range": {"gte": "2024-05-01"}}]}) == 2


def test_columns_of_parquet(run: Run, tmp_path: Path) -> None:
    days = ["2024-05-01", "2024-05-02"]
    columns = {"text": days, "kinds": pa.array(days).dictionary_encode(), "are": [date(2024, 5, 1), None]}
    vectors = {"indices": [[1], [2]], "values": [[0.5], [1.0]]}
    pq.write_table(pa.table({"id": [1, 2], **vectors, **columns}), tmp_path / "x.parquet")
    result = run("build", tmp_path / "x.parquet", tmp_path / "out", "--dates", "text,kinds,are")
    assert result.exit_code == 0, result.stderr
    with seismic.open(tmp_path / "out") as index:
        first = date(2024, 5, 1)
        assert index.payloads([0])[0] == {"text": first, "kinds": first, "are": first}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dates", "n"], "x.jsonl, field 'n': found int64, expected date32[day] or text"),
        (["--dates", "at"], "x.jsonl, line 2, field 'at': found '2024-05-01T12:00', expected date32[day] in ISO 8601"),
        (["--times", "word"], "x.jsonl, line 1, field 'word': found 'soon', expected timestamp[us, tz=UTC] in ISO"),
        (["--times", "fine"], "x.jsonl, line 2, field 'fine': found '2024-05-01T12:00:00.0000001', expected timestamp"),
        (["--times", "at,nope"], "--dates, --times: found no column 'nope'"),
    ],
)
def test_what_is_none_is_named(run: Run, tmp_path: Path, options: list[str], message: str) -> None:
    lines = [
        {"id": 1, **VECTOR, "n": 5, "at": "2024-05-01", "word": "soon", "fine": None},
        {"id": 2, **VECTOR, "n": 6, "at": "2024-05-01T12:00", "word": "late", "fine": "2024-05-01T12:00:00.0000001"},
    ]
    result = run("build", write_lines(tmp_path / "x.jsonl", *lines), tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()
