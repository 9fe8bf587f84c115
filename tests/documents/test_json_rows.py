"""JSON of hits from Arrow's buffers equals that of ids and payloads read one by one."""

import random
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from seismic import CorruptIndexError
from seismic.documents.json_rows import JsonRows
from seismic.documents.table import Documents

TEXTS = [
    "",
    "plain text of more than sixteen characters",
    'a "quoted" \\ word \b\f\n\r\t and \x00\x01\x1f\x7f',
    "Grüße aus Köln, 北京 and 😀, \u2028 \ufeff \U0010ffff \u0800 \ud7ff \ue000",
    "fifteen bytes..",
    "sixteen bytes...",
    "seventeen bytes..",
    '0123456789abcde\n0123456789abcde"',
]
WORDS = ["red", 'gr"een', "blau ü", ""]


def table(rows: int, seed: int = 0, ids: str = "text") -> pa.Table:
    rng = random.Random(seed)

    def some(values: Sequence[Any]) -> list[Any]:
        return [rng.choice([*values, None]) for _ in range(rows)]

    numbers = list(range(1000 * seed, 1000 * seed + rows))
    return pa.table(
        {
            "id": [f"d{number}" for number in numbers] if ids == "text" else numbers,
            "text": pa.array([rng.choice(TEXTS) for _ in range(rows)]),
            "long": pa.array(some(TEXTS), pa.large_string()),
            "flag": pa.array(some([True, False])),
            "tiny": pa.array(some([-128, 0, 127]), pa.int8()),
            "small": pa.array(some([0, 65535]), pa.uint16()),
            "year": pa.array(some([-(2**31), -1, 9, 10, 2**31 - 1]), pa.int32()),
            "large": pa.array(some([-(2**63) + 1, 2**63 - 1, 1234567890123]), pa.int64()),
            "colour": pa.array(some(WORDS)).dictionary_encode(),
            "tags": pa.array(some([[], ["a"], ["b", None, 'c"'], WORDS])),
            "sizes": pa.array(some([[], [1, None, -3]]), pa.large_list(pa.int16())),
            "codes": pa.ListArray.from_arrays(
                pa.array([0, *sorted(rng.randrange(rows) for _ in range(rows - 1)), rows], pa.int32()),
                pa.array(some(WORDS)).dictionary_encode(),
            ),
            "price": pa.array(some([0.1, 1e300, float("nan"), -0.0, 2.5]), pa.float64()),
            "score": pa.array(some([0.1, 3.0]), pa.float32()),
            "day": pa.array(some([date(2024, 2, 29)])),
            "nested": pa.array(some([{"a": 1, "b": ["x"]}])),
            "lists": pa.array(some([[[1], []], []])),
        }
    )


def written(documents: Documents, numbers: list[int], columns: list[str] | None, room: int = 1 << 20) -> Any:
    scores = [0.5 + number for number in numbers]
    out = np.empty(room, np.uint8)
    rows = documents.json_rows(columns, orjson.dumps)
    length = rows.write(np.array([*numbers, -1, -1], np.int64), orjson.dumps([*scores, 9.0]), out)
    return out[:length].tobytes() if isinstance(length, int) else length


def naive(documents: Documents, numbers: list[int], columns: list[str] | None) -> bytes:
    hits = [{"id": id, "score": 0.5 + number} for id, number in zip(documents.ids(numbers), numbers, strict=True)]
    if columns is not None:
        for hit, payload in zip(hits, documents.payloads(numbers, columns), strict=True):
            hit["payload"] = payload
    return orjson.dumps(hits)


@pytest.mark.parametrize("ids", ["text", "number"])
def test_json_is_that_of_values_read_one_by_one(ids: str) -> None:
    tables = [
        table(40, 1, ids).slice(7, 20),
        table(30, 2, ids),
        table(5, 3, ids).slice(0, 0),
        table(5, 4, ids).slice(1),
    ]
    documents = Documents(tables)
    everything = list(range(documents.count))
    random.Random(3).shuffle(everything)
    single = [[name] for name in documents.columns]
    for columns in (None, [], documents.columns, ["price", "text", "price"], *single):
        assert written(documents, everything, columns) == naive(documents, everything, columns), columns
    for numbers in ([], [documents.count - 1], [0, 0]):
        assert written(documents, numbers, documents.columns) == naive(documents, numbers, documents.columns)


def test_columns_that_a_batch_lacks_or_has_in_a_narrower_type() -> None:
    first = pa.table({"id": ["a", "b"], "year": pa.array([1, None], pa.int32())})
    second = pa.table({"id": ["c"], "year": pa.array([2.5]), "title": ["x"]})
    schema = pa.schema([("id", pa.string()), ("year", pa.float64()), ("title", pa.string())])
    documents = Documents([first, second], schema)
    assert written(documents, [2, 0, 1], ["title", "year"]) == naive(documents, [2, 0, 1], ["title", "year"])


def test_too_little_room() -> None:
    documents = Documents([table(20)])
    columns = ["text", "tags", "year", "day"]
    full = naive(documents, list(range(20)), columns)
    for room in range(40, len(full), 7):
        assert written(documents, list(range(20)), columns, room) == "larger"
    assert written(documents, list(range(20)), columns, 8 * len(full)) == full


def _texts(content: bytes, ends: list[int]) -> pa.Array:
    return pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(np.array(ends, np.int32)), pa.py_buffer(content))


@pytest.mark.parametrize(
    "wrong",
    [
        *(b"\x80", b"\xc0\xaf", b"\xc1\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf0\x80\x80\x80"),
        *(b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"),
        *(b"\xc3A", b"\xe2\x82A", b"\xf0\x9f\x98A"),
    ],
    ids=repr,
)
def test_text_that_is_not_utf_8_is_unusual(wrong: bytes) -> None:
    for around in (b"", b"a" * 20):
        content = around + wrong + around
        with pytest.raises(UnicodeDecodeError):
            content.decode()
        documents = Documents([pa.table({"id": ["a"], "text": _texts(content, [0, len(content)])})])
        assert written(documents, [0], ["text"]) == "unusual"
        with pytest.raises(CorruptIndexError):
            documents.payloads([0], ["text"])


def test_damaged_offsets_and_codes_are_unusual() -> None:
    for inner in (9, -1):  # one of the two rows ends before it begins, or beyond the values
        ends, two = [0, inner, 3], pa.array(["a", "b"])
        numbers = [pa.py_buffer(np.array(ends, np.int32))]
        lists = pa.ListArray.from_buffers(pa.list_(pa.int64()), 2, [None, *numbers], children=[pa.array([1, 2, 3])])
        documents = Documents([pa.table({"id": two, "text": _texts(b"abc", ends), "sizes": lists})])
        for row, column in ((0, "text"), (1, "text"), (0, "sizes"), (1, "sizes")):
            assert written(documents, [row], [column]) == "unusual", (inner, row, column)
    for code in (2, -1):
        codes = pa.DictionaryArray.from_arrays(pa.array([code], pa.int8()), pa.array(["x", "y"]), safe=False)
        assert written(Documents([pa.table({"id": ["a"], "colour": codes})]), [0], ["colour"]) == "unusual"


def test_numbers_beyond_64_bits_with_a_sign_and_beyond_the_collection_are_unusual() -> None:
    for number, kind in ((2**63, pa.uint64()), (2**64 - 1, pa.uint64()), (-(2**63), pa.int64())):
        documents = Documents([pa.table({"id": ["a"], "n": pa.array([number], kind)})])
        assert written(documents, [0], ["n"]) == "unusual"
    assert written(Documents([pa.table({"id": ["a"]})]), [5], None) == "unusual"


def test_names_of_columns_are_escaped() -> None:
    documents = Documents([pa.table({"id": [1], 'a"ü\n': [2]})])
    assert written(documents, [0], documents.columns) == naive(documents, [0], documents.columns)
    assert isinstance(documents.json_rows([], orjson.dumps), JsonRows)
