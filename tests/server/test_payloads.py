"""Payloads over REST: values in answers can be sent back, and no value is altered."""

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import seismic
from seismic import InputError, SparseVectors
from seismic_server.conversion.payloads import to_column

from .test_problems import problem

KINDS = {
    "year": pa.int32(),
    "big": pa.uint64(),
    "price": pa.float64(),
    "single": pa.float32(),
    "flag": pa.bool_(),
    "tags": pa.list_(pa.string()),
    "pair": pa.list_(pa.int64(), 2),
    "days": pa.list_(pa.date32()),
    "day": pa.date32(),
    "at": pa.timestamp("us", "America/New_York"),
    "nanos": pa.timestamp("ns"),
    "noon": pa.time64("us"),
    "exact": pa.decimal128(5, 2),
    "long": pa.decimal256(50, 10),
    "wait": pa.duration("ms"),
    "date": pa.date64(),
    "notes": pa.map_(pa.string(), pa.int32()),
    "raw": pa.binary(),
    "lang": pa.dictionary(pa.int32(), pa.string()),
    "place": pa.struct([("lat", pa.float64()), ("since", pa.date32())]),
}
GIVEN: dict[str, Any] = {
    "year": 2020,
    "big": (1 << 64) - 1,
    "price": 1.5,
    "single": 0.5,
    "flag": True,
    "tags": ["a", None, ""],
    "pair": [1, None],
    "days": ["2024-02-29", None],
    "day": "2024-02-29",
    "at": "2024-02-29T07:00:00.000001-05:00",
    "nanos": "2024-02-29T12:00:00.000000001",
    "noon": "12:00:00",
    "exact": "1.25",
    "long": "0.0000000000",
    "wait": "-PT34560000.5S",
    "date": "2024-02-29",
    "notes": [["a", 1], ["b", None]],
    "raw": "AP8=",
    "lang": "en",
    "place": {"lat": 1.5, "since": "2024-02-29"},
}


@pytest.mark.anyio
async def test_values_in_answers_can_be_sent_back(running: Any, tmp_path: Path) -> None:
    nothing = {name: pa.nulls(1, kind) for name, kind in KINDS.items()}
    table = pa.table({"id": ["one"], **nothing})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}], 2), tmp_path / "tiny", documents=table, strict=True)
    url = "/v1/collections/tiny"
    async with running(tmp_path) as client:
        document = {"id": "two", "indices": [1], "values": [1.0], "payload": GIVEN}
        answer = await client.put(f"{url}/documents", json={"documents": [document]})
        assert answer.status_code == 200, answer.text
        assert (await client.get(f"{url}/documents/two")).json()["payload"] == GIVEN
        request = {"query": {"indices": [1], "values": [1.0]}}
        request |= {"group_by": {"key": "nanos"}, "facets": [{"key": "nanos"}]}
        answer = await client.post(f"{url}/search", json=request)
        assert answer.status_code == 200, answer.text
        assert answer.json()["facets"] == {"nanos": [{"value": GIVEN["nanos"], "count": 1}]}
        assert answer.json()["groups"][0]["value"] == GIVEN["nanos"]
        wrong = {**document, "payload": {"year": 2020.5}}
        response = await client.put(f"{url}/documents", json={"documents": [wrong]})
        assert problem(response, 422).detail == "row 0, field 'year': found 2020.5, expected int32"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("year", 2020.5),
        ("year", 1 << 31),
        ("year", "2020"),
        ("year", True),
        ("big", -1),
        ("big", 1 << 64),
        ("price", "1.5"),
        ("price", True),
        ("single", 1e39),
        ("flag", 1),
        ("tags", "abc"),
        ("tags", [1]),
        ("tags", {"a": 1}),
        ("pair", [1]),
        ("pair", [1, 2.5]),
        ("days", ["2024-02-30"]),
        ("day", 5),
        ("day", "2024-02-29T12:00:00"),
        ("at", "soon"),
        ("at", "2024-02-29T12:00:00.0000001"),
        ("noon", 12),
        ("noon", "12:00:00+02:00"),
        ("noon", "12:00:00.1234567"),
        ("date", "2024-02-29T12:00:00"),
        ("wait", 1.5),
        ("wait", "PT0.0001S"),
        ("wait", "P1Y"),
        ("wait", "PT1" + "0" * 60 + "S"),
        ("notes", ""),
        ("notes", [["a"]]),
        ("notes", [["a", 1, 2]]),
        ("notes", {"a": "b"}),
        ("price", (1 << 53) + 1),
        ("single", 16_777_217),
        ("single", 1e-60),
        ("exact", "1e-400"),
        ("exact", "1e400"),
        ("exact", "1_000"),
        ("exact", " 1"),
        ("exact", "１"),
        ("exact", 10**50),
        ("exact", "Infinity"),
        ("lang", "a\ud800"),
        ("raw", "AP9="),
        ("exact", "1.255"),
        ("exact", 12345),
        ("exact", True),
        ("exact", "NaN"),
        ("raw", "?"),
        ("lang", 5),
        ("place", {"lat": 1.5, "lon": 2.5}),
        ("place", [1.5]),
        ("place", {"lat": "1.5"}),
    ],
)
def test_values_that_a_column_cannot_store_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError) as error:
        to_column(name, [GIVEN[name], value, None], KINDS[name])
    assert str(error.value).startswith(f"row 1, field '{name}': found {value!r}, expected {KINDS[name]}")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("year", 2020.0, 2020),
        ("price", 1, 1.0),
        ("price", 10**22, 1e22),
        ("exact", "1e2", Decimal(100)),
        ("exact", "0.00", Decimal(0)),
        ("wait", "P1DT1H", timedelta(days=1, hours=1)),
        ("notes", {"a": 1}, [("a", 1)]),
        ("exact", 1.1, Decimal("1.10")),
        ("exact", 7, Decimal(7)),
        ("place", {}, {"lat": None, "since": None}),
        ("tags", [], []),
    ],
)
def test_other_ways_to_write_a_value(name: str, value: Any, kept: Any) -> None:
    assert to_column(name, [value], KINDS[name]).to_pylist() == [kept]


@pytest.mark.parametrize("kind", [pa.decimal128(5, 2), pa.decimal256(50, 10), pa.list_(pa.decimal128(38, 0))])
@pytest.mark.parametrize(
    "text", ["1e-50000000", "1e50000000", "-1E+999999999", "9" * 100_000, "0." + "0" * 100_000 + "1"]
)
def test_decimals_of_any_size_do_not_crash(kind: pa.DataType, text: str) -> None:
    script = f"""
import pyarrow as pa, sys
from seismic import InputError
from seismic_server.conversion.payloads import to_column
text, kind = sys.stdin.read(), pa.{kind!s}
try:
    to_column("dec", [[text] if pa.types.is_list(kind) else text], kind)
except InputError as error:
    print(len(str(error)), error)
""".replace("pa.list<item: decimal128(38, 0)>", "pa.list_(pa.decimal128(38, 0))")
    done = subprocess.run([sys.executable, "-c", script], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    size, _, problem = done.stdout.partition(" ")
    assert problem.startswith("row 0, field 'dec': found ")
    assert int(size) < 300


def test_integers_of_many_digits_have_short_errors() -> None:
    for value in (10**4000, 10**5000):
        with pytest.raises(InputError, match=r"row 0, field 'n': found .*, expected int32") as error:
            to_column("n", [value], pa.int32())
        assert len(str(error.value)) < 300


def test_times_without_an_offset_are_utc_as_in_filters() -> None:
    for kind in (KINDS["at"], KINDS["nanos"]):
        texts = ["2024-02-29T12:00:00", "2024-02-29T12:00:00Z", "2024-02-29T14:00:00+02:00", "2024-02-29 12:00"]
        counts = to_column("at", texts, kind).cast(pa.int64())
        assert len(set(counts.to_pylist())) == 1
