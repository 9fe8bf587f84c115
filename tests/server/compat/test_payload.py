"""Payloads without a schema become columns, and come back as they were."""

import re

import pyarrow as pa
import pytest

import seismic
from seismic import InputError, SparseVectors
from seismic_server.compat.payload import KEYS, SOURCE, flatten, payloads_of

SCHEMA = pa.schema([("id", pa.string()), ("year", pa.int64()), ("one", pa.string()), ("many", pa.list_(pa.string()))])


def row_of(payload, schema=SCHEMA):
    row = flatten([payload], schema).rows[0]
    return {name: value for name, value in row.items() if name not in (SOURCE, KEYS)}


@pytest.mark.parametrize(
    ("payload", "row"),
    [
        ({"meta": {"lang": "en", "at": {"page": 3}}}, {"meta.lang": "en", "meta.at.page": 3}),
        ({"authors": [{"name": "A"}, {"name": "B"}]}, {"authors.name": ["A", "B"]}),
        ({"tags": ["a"]}, {"tags": ["a"]}),
        ({"many": "x"}, {"many": ["x"]}),
        ({"one": ["x"]}, {"one": "x"}),
        ({"one": ["x", "y"]}, {"seismic:list:one": ["x", "y"]}),
        ({"id": "d1"}, {"seismic:id": "d1"}),
        ({"place": {"lat": 1, "lon": 2, "name": "x"}}, {"place": {"lat": 1.0, "lon": 2.0}, "place.name": "x"}),
        ({"places": [{"lat": 1, "lon": 2}]}, {"places": [{"lat": 1.0, "lon": 2.0}]}),
        ({"day": "2024-05-01"}, {"day": "2024-05-01", "seismic:time:day": "2024-05-01T00:00:00+00:00"}),
        (
            {"at": "2024-05-01 12:00:00+02:00"},
            {"at": "2024-05-01 12:00:00+02:00", "seismic:time:at": "2024-05-01T10:00:00+00:00"},
        ),
        ({"day": "2024-13-01"}, {"day": "2024-13-01"}),
        ({"mixed": [1, 2.5]}, {"mixed": [1, 2.5]}),
        ({"year": 1.5}, {"year": 1.5}),
        ({"none": None, "empty": [], "object": {}, "lists": [[1]]}, {}),
    ],
)
def test_values_go_to_the_column_of_their_key(payload, row):
    assert row_of(payload) == row


def test_what_columns_cannot_say_of_a_payload_is_kept():
    flat = flatten([{"a": None, "b": {}, "c": [[1]], "d": {"e": [None]}, "f": 1, "g": []}], SCHEMA)
    assert flat.rows[0][KEYS] == ["!a", "b", "c", "!d.e", "d.e", "d"]


def test_new_columns_have_the_types_of_all_rows():
    fields = {one.name: one.type for one in flatten([{"a": 1, "b": "x"}, {"a": 2.5, "b": ["y", "z"]}], SCHEMA).fields}
    assert fields == {"a": pa.float64(), "b": pa.list_(pa.string()), SOURCE: pa.string()}


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        ([{"year": "x"}], "payload 0, key 'year': found a string ('x'), expected an integer, as in the collection"),
        ([{"a": 1}, {"a": True}], "payload 1, key 'a': found a boolean (True), expected an integer, as in the values"),
        ([{"many": [1]}], "payload 0, key 'many': found an integer (1), expected a string, as in the collection"),
        ([{"one": {"lat": 1, "lon": 1}}], "key 'one': found a point"),
        ([{"": 1}], "payload 0: found the key ''"),
        ([{"seismic:keys": 1}], "payload 0: found the key 'seismic:keys'"),
    ],
)
def test_what_fits_no_column_is_named(payloads, message):
    with pytest.raises(InputError, match=re.escape(message)):
        flatten(payloads, SCHEMA)


def test_deep_payloads_are_refused():
    deep = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(InputError, match="found more than 32 levels"):
        flatten([deep], SCHEMA)


def test_strict_collections_take_their_own_columns_only():
    flat = flatten([{"year": 1, "one": "x"}], SCHEMA, strict=True)
    assert flat.rows == [{"year": 1, "one": "x"}]
    assert flatten([{"new": 1}], SCHEMA, strict=True).fields == []
    with pytest.raises(InputError, match="found 2 values, expected one"):
        flatten([{"one": ["x", "y"]}], SCHEMA, strict=True)


def test_payloads_come_back_as_they_were_given(tmp_path):
    payload = {"title": "A", "meta": {"n": None, "list": [1, [2]]}}
    rows = flatten([payload], pa.schema([("id", pa.string())])).rows
    table = pa.table({"id": ["a", "b"], "title": ["A", "B"], SOURCE: [rows[0][SOURCE], None]})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}, {1: 1.0}], 2), tmp_path / "c", documents=table)
    with seismic.open(tmp_path / "c") as index:
        assert payloads_of(index.view, index.find(["a", "b"]).tolist()) == [payload, {"title": "B"}]


def test_a_patch_of_columns_replaces_what_was_given(tmp_path):
    payload = {"title": "A", "meta": {"n": None, "year": 1}}
    row = flatten([payload], pa.schema([("id", pa.string())])).rows[0]
    table = pa.table({name: [value] for name, value in {"id": "a", **row}.items()})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}], 2), tmp_path / "c", documents=table)
    seismic.patch(tmp_path / "c", ids=["a"], values={"meta.year": 2})
    with seismic.open(tmp_path / "c") as index:
        assert payloads_of(index.view, [index.find(["a"])[0]]) == [{"title": "A", "meta": {"year": 2}}]
        assert index.payloads(index.find(["a"]))[0][SOURCE] is None
