from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import InputError, SparseVectors, VectorError
from seismic_tools.readers import Batch, Reading, Tokens, jsonl, read_collection
from tests.index_tools.conftest import PLANETS, write_lines


def read(path: Path, tokens: Tokens | None = None, **options: Any) -> list[Batch]:
    return list(read_collection([path], Reading(Tokens() if tokens is None else tokens, **options)))


def as_dicts(vectors: SparseVectors) -> list[dict[int, float]]:
    return [
        dict(zip(components.tolist(), values.tolist(), strict=True))
        for components, values in (vectors[row] for row in range(len(vectors)))
    ]


@pytest.mark.parametrize("name", ["text", "content", "contents"])
@pytest.mark.parametrize("field", ["vector", "tokens"])
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_token_maps(tmp_path: Path, name: str, field: str, ending: str) -> None:
    lines = [
        {"id": "a", name: "one", field: {"mars": 2.0, "planet": 1}, "year": 1999},
        {"id": "b", name: None, field: {"planet": 1.5, "mars": 0.5}},
        {"id": "c", name: "three", field: {}},
    ]
    tokens = Tokens()
    (batch,) = read(write_lines(tmp_path / f"x.{ending}", *lines), tokens)
    assert dict(tokens) == {"mars": 0, "planet": 1}
    assert as_dicts(batch.vectors) == [{0: 2.0, 1: 1.0}, {0: 0.5, 1: 1.5}, {}]
    assert batch.documents.to_pylist() == [
        {"id": "a", "year": 1999, "text": "one"},
        {"id": "b", "year": None, "text": None},
        {"id": "c", "year": None, "text": "three"},
    ]
    assert batch.by_token


def test_components(tmp_path: Path) -> None:
    lines = [
        {"id": 7, "indices": [1, 70_000], "values": [0.5, 2], "tags": ["x", "y"], "box": {"w": 1}},
        {"id": 8, "indices": [], "values": [], "tags": [], "box": {"h": 2.5}},
    ]
    (batch,) = read(write_lines(tmp_path / "x.jsonl", *lines))
    assert as_dicts(batch.vectors) == [{1: 0.5, 70_000: 2.0}, {}]
    assert not batch.by_token
    assert batch.documents.schema.field("id").type == pa.int64()
    assert batch.documents["tags"].to_pylist() == [["x", "y"], []]
    assert batch.documents["box"].to_pylist() == [{"w": 1, "h": None}, {"w": None, "h": 2.5}]


def test_fixed_vocabulary(planets: Path) -> None:
    known = Tokens(["sun", "star", "planet", "venus", "mars", "moon"], growing=False)
    (batch,) = read(planets, known, dimension=6)
    assert as_dicts(batch.vectors) == [{4: 2.0, 2: 1.0}, {2: 1.5, 3: 2.5}, {1: 1.0, 0: 3.0}]
    assert batch.vectors.dimension == 6
    assert len(known) == 6


def test_blank_lines_count_but_hold_nothing(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", b"", PLANETS[0], b"  ", {**PLANETS[1], "id": None}, b"")
    with pytest.raises(VectorError, match=r"x\.jsonl, line 4, field 'id': found null"):
        read(path)


def test_types_widen_from_batch_to_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "BATCH_ROWS", 2)
    vector = {"vector": {"mars": 1.0}}
    years = [None, None, 1, 2, 2.5, 3]
    lines = [{"id": str(row), "year": year, **vector} for row, year in enumerate(years)]
    lines[3]["late"] = "yes"
    types = [batch.documents.schema.types for batch in read(write_lines(tmp_path / "x.jsonl", *lines))]
    assert types == [
        [pa.string(), pa.null()],
        [pa.string(), pa.int64(), pa.string()],
        [pa.string(), pa.float64(), pa.string()],
    ]


GOOD = {"id": "good", "vector": {"mars": 1.0}, "year": 1999}
PAIRS = {"id": "good", "indices": [1], "values": [1.0]}

WRONG_LINES = {
    "truncated": (b'{"id": "a", "vec', None, "not valid JSON: unexpected end of data"),
    "not JSON": (b"id,text", None, "not valid JSON"),
    "NaN": (b'{"id": "a", "vector": {"mars": NaN}}', None, "not valid JSON"),
    "infinite": (b'{"id": "a", "vector": {"mars": 1e999}}', None, "not valid JSON"),
    "not UTF-8": (b'{"id": "a\xff", "vector": {"mars": 1}}', None, "not valid UTF-8"),
    "list": (b"[1]", None, "found a JSON list, expected an object"),
    "same key twice": (b'{"id": "a", "id": "b", "vector": {"mars": 1}}', "id", "same key twice"),
    "same token twice": (b'{"id": "a", "vector": {"mars": 1, "mars": 1}}', "mars", "same key twice"),
    "same key, spaced": (b'{"id": "a", "vector": {"mars" : 1, "mars":1}}', "mars", "same key twice"),
    "same key, escaped": (b'{"id": "a", "vector": {"mars": 1, "m\\u0061rs": 1}}', "mars", "same key twice"),
    "same key, hidden by text": (b'{"id": "\\":", "id": "b", "vector": {"mars": 1}}', "id", "same key twice"),
    "no id": ({"vector": {"mars": 1}}, "id", "field is missing (found vector)"),
    "null id": ({"id": None, "vector": {}}, "id", "found null, expected a string or an integer"),
    "boolean id": ({"id": True, "vector": {}}, "id", "found true, expected a string or an integer"),
    "fraction as id": ({"id": 1.5, "vector": {}}, "id", "found 1.5, expected a string or an integer"),
    "other kind of id": ({"id": 1, "vector": {}}, "id", "found 1, expected string as before"),
    "number as text": ({"id": "a", "text": 1, "vector": {}}, "text", "found 1, expected a string"),
    "two texts": ({"id": "a", "text": "x", "contents": "x", "vector": {}}, None, "found text and contents"),
    "no vector": ({"id": "a", "indices": [1]}, None, "(found indices)"),
    "two vectors": ({"id": "a", "vector": {}, "tokens": {}}, None, "(found tokens and vector)"),
    "other kind of vector": ({"id": "a", "indices": [1], "values": [1.0]}, None, "found 'indices', expected 'vector'"),
    "dense vector": ({"id": "a", "vector": [0.5]}, "vector", "found [0.5], expected an object"),
    "text as weight": ({"id": "a", "vector": {"mars": "1"}}, "vector", "found \"1\" as weight of 'mars'"),
    "null weight": ({"id": "a", "vector": {"mars": None}}, "vector", "found null as weight of 'mars'"),
    "true weight": ({"id": "a", "vector": {"mars": True}}, "vector", "found true as weight of 'mars'"),
    "zero weight": ({"id": "a", "vector": {"mars": 0}}, "vector", "found 0.0, expected 1e-15 to 1e+15"),
    "negative weight": ({"id": "a", "vector": {"mars": -1}}, "vector", "found -1.0"),
    "beyond float32": ({"id": "a", "vector": {"mars": 1e39}}, "vector", "found 1e+39"),
    "unknown token": ({"id": "a", "vector": {"pluto": 1}}, "vector", "token 'pluto' is not in the vocabulary"),
    "other kind of metadata": ({**GOOD, "year": "MMX"}, "year", 'found "MMX", expected int64 as before'),
    "too large an integer": ({**GOOD, "year": 2**63}, "year", "found 9223372036854775808"),
}


@pytest.mark.parametrize(("line", "field", "message"), WRONG_LINES.values(), ids=WRONG_LINES)
def test_errors_name_line_and_field(tmp_path: Path, line: object, field: str | None, message: str) -> None:
    path = write_lines(tmp_path / "x.jsonl", GOOD, line, GOOD)
    with pytest.raises(VectorError) as error:
        read(path, Tokens(["mars"], growing=False))
    place = f"{path}, line 2, field '{field}': " if field else f"{path}, line 2: "
    assert str(error.value).startswith(place)
    assert message in str(error.value)


WRONG_PAIRS = {
    "number": ({"indices": 3}, "indices", "found 3, expected a list of numbers"),
    "fraction": ({"indices": [1.5]}, "indices", "found 1.5, expected an integer"),
    "boolean": ({"indices": [True]}, "indices", "found true, expected an integer"),
    "text": ({"values": ["1"]}, "values", 'found "1", expected a number'),
    "ragged": ({"indices": [1, 2]}, None, "found 2 indices and 1 values"),
    "negative": ({"indices": [-1]}, "indices", "found component -1"),
    "beyond the dimension": (
        {"indices": [9]},
        "indices",
        "found component 9, expected components below the dimension 9",
    ),
    "beyond 63 bits": ({"indices": [2**63]}, "indices", "found component 9223372036854775808"),
    "descending": ({"indices": [2, 1], "values": [1, 1]}, "indices", "found component 1 after 2"),
    "repeated": ({"indices": [2, 2], "values": [1, 1]}, "indices", "found duplicate component"),
    "zero": ({"values": [0]}, "values", "found 0.0"),
}


@pytest.mark.parametrize(("change", "field", "message"), WRONG_PAIRS.values(), ids=WRONG_PAIRS)
def test_errors_of_pairs(tmp_path: Path, change: dict[str, Any], field: str | None, message: str) -> None:
    path = write_lines(tmp_path / "x.jsonl", PAIRS, {**PAIRS, **change})
    with pytest.raises(VectorError) as error:
        read(path, dimension=9)
    place = f"{path}, line 2, field '{field}': " if field else f"{path}, line 2: "
    assert str(error.value).startswith(place)
    assert message in str(error.value)


def test_integers_that_no_float_holds(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", {**GOOD, "year": 2**53 + 1}, {**GOOD, "year": 0.5})
    with pytest.raises(VectorError, match="field 'year': found integers that double cannot hold exactly"):
        read(path)


def test_repair(tmp_path: Path) -> None:
    maps = write_lines(tmp_path / "maps.jsonl", {"id": "a", "vector": {"mars": 0, "sun": 2}})
    pairs = write_lines(tmp_path / "pairs.jsonl", {"id": "a", "indices": [5, 1, 5], "values": [1, 2, 3]})
    assert as_dicts(read(maps, repair=True)[0].vectors) == [{1: 2.0}]
    assert as_dicts(read(pairs, repair=True)[0].vectors) == [{1: 2.0, 5: 4.0}]


def test_damaged_gzip(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl.gz", *({**GOOD, "id": str(row)} for row in range(2000)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"x\.jsonl\.gz, after line \d+: gzip data is damaged or cut off"):
        read(path)
    path.write_bytes(whole[:40] + bytes(byte ^ 255 for byte in whole[40:80]) + whole[80:])
    with pytest.raises(InputError, match=r"x\.jsonl\.gz, after line \d+: gzip data is damaged or cut off"):
        read(path)
    path.write_bytes(b"plain text")
    with pytest.raises(InputError, match="after line 0: gzip data is damaged"):
        read(path)


documents = st.fixed_dictionaries(
    {
        "id": st.text(),
        "text": st.none() | st.text(),
        "vector": st.dictionaries(st.text(), st.floats(2**-20, 2**20, width=32), max_size=5),
        'quote":': st.integers(-(2**63), 2**63 - 1),
        "flags": st.lists(st.booleans(), min_size=1),
    }
)


@given(st.lists(documents, min_size=1, max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, Any]]) -> None:
    path = write_lines(tmp_path_factory.mktemp("round") / "x.jsonl", *written)
    tokens = Tokens()
    (batch,) = read(path, tokens)
    assert batch.documents.select(["id", "text", 'quote":', "flags"]).to_pylist() == [
        {name: value for name, value in document.items() if name != "vector"} for document in written
    ]
    assert as_dicts(batch.vectors) == [
        {tokens[token]: weight for token, weight in document["vector"].items()} for document in written
    ]


keys = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"a\\":"'])
colons = st.sampled_from([":", ": ", " :", "\t: "])
pairs = st.lists(st.tuples(keys, colons), max_size=4)


@given(pairs, pairs)
def test_no_repeated_key_slips_through(outer: list[tuple[str, str]], inner: list[tuple[str, str]]) -> None:
    def is_repeated(some: list[tuple[str, str]]) -> bool:
        names = [key.replace("\\u0061", "a") for key, _ in some]
        return len(set(names)) < len(names)

    nested = ", ".join(f"{key}{colon}1" for key, colon in inner)
    line = ", ".join(['"v": {' + nested + "}", *(f'{key}{colon}"x\\": y"' for key, colon in outer)])
    if is_repeated(outer) or is_repeated(inner):
        with pytest.raises(VectorError, match="same key twice"):
            jsonl.parse(f"{{{line}}}".encode())
    else:
        assert len(jsonl.parse(f"{{{line}}}".encode())) == len(outer) + 1
