"""Pages of documents without a query, compared with a sorted list."""

import datetime
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seismic
from seismic import Index, InputError, OrderBy, ParameterError, SparseVectors
from seismic.search import browse

COLUMNS = {
    "int": (pa.int32(), st.integers(-2, 2)),
    "float": (pa.float64(), st.sampled_from([-math.inf, -1.5, -0.0, 0.0, 2.0, math.inf, math.nan])),
    "half": (pa.float16(), st.sampled_from([np.float16(1), np.float16(0.5)])),
    "flag": (pa.bool_(), st.booleans()),
    "text": (pa.string(), st.text("aé\N{GRINNING FACE}", max_size=2)),
    "word": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["b", "a"])),
    "day": (pa.date32(), st.dates(datetime.date(2020, 1, 1), datetime.date(2020, 1, 3))),
    "instant": (pa.timestamp("ns", "UTC"), st.integers(0, 2).map(lambda n: 1_600_000_000_000_000_000 + n)),
    "price": (pa.decimal128(5, 2), st.integers(-1, 1).map(lambda n: Decimal(n) / 4)),
    "span": (pa.duration("s"), st.integers(-1, 1).map(lambda n: datetime.timedelta(seconds=n))),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], dict[str, list[Any]]]:
    ids = draw(st.lists(st.text("ab\N{GRINNING FACE}é", min_size=1, max_size=3), unique=True, min_size=1, max_size=12))
    rows = {
        name: draw(st.lists(st.none() | values, min_size=len(ids), max_size=len(ids)))
        for name, (_, values) in COLUMNS.items()
    }
    return ids, rows


def built(folder: Path, ids: list[Any], rows: dict[str, list[Any]], shards: int = 1) -> Index:
    """Build a collection of the given documents; every third vector is empty."""
    vectors = SparseVectors.from_dicts([{} if at % 3 == 0 else {at % 4: 1.0} for at in range(len(ids))], 4)
    columns = {name: pa.array(values, COLUMNS[name][0]) for name, values in rows.items()}
    seismic.build(vectors, folder / "index", documents=pa.table({"id": ids, **columns}), shards=shards)
    return seismic.open(folder / "index")


def pages(index: Index, limit: int, **options: Any) -> Iterator[list[Any]]:
    """Yield the ids of each page."""
    cursor = None
    while True:
        page = index.scroll(limit=limit, cursor=cursor, **options)
        yield [document.id for document in page.documents]
        if (cursor := page.cursor) is None:
            return


def scrolled(index: Index, limit: int, **options: Any) -> list[Any]:
    found = list(pages(index, limit, **options))
    assert all(len(page) == limit for page in found[:-1])
    assert found[-1] or len(found) == 1
    return [id for page in found for id in page]


def expected(ids: list[Any], values: list[Any], *, descending: bool) -> list[Any]:
    """Return the ids in the order of their values: sort by id, then stably by value; none of them last."""
    known = [(value, id) for value, id in sorted(zip(values, ids, strict=True), key=lambda pair: pair[1])]
    present = [pair for pair in known if pair[0] is not None and pair[0] == pair[0]]
    present.sort(key=lambda pair: pair[0], reverse=False)
    if descending:
        levels: dict[Any, list[Any]] = {}
        for value, id in present:
            levels.setdefault(value, []).append(id)
        ordered = [id for value in sorted(levels, reverse=True) for id in levels[value]]
    else:
        ordered = [id for _, id in present]
    return ordered + [id for value, id in known if value is None or value != value]


@given(tables(), st.integers(1, 5), st.booleans(), st.integers(1, 3))
def test_pages_are_a_sorted_list(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[str], dict[str, list[Any]]],
    limit: int,
    descending: bool,
    shards: int,
) -> None:
    ids, rows = table
    index = built(tmp_path_factory.mktemp("browse"), ids, rows, min(shards, len(ids)))
    for key, values in {"id": ids, **rows}.items():
        by = OrderBy(key=key, direction="desc" if descending else "asc")
        assert scrolled(index, limit, order_by=by) == expected(ids, values, descending=descending), key


@pytest.fixture(params=[1, 3])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Index:
    """50 documents in one shard or three, and a few changes."""
    ids = [f"d{at:02}" for at in range(50)]
    index = built(
        tmp_path, ids, {"int": [at % 7 - 3 for at in range(50)], "text": [f"t{at}" for at in range(50)]}, request.param
    )
    change(index, ["d60", "d05", "d10"], [1, None, 2])
    seismic.delete(index.view.collection, ["d00", "d49"])
    index.refresh()
    return index


def change(index: Index, ids: list[str], values: list[int | None]) -> None:
    """Upsert documents with a value in the column `int`."""
    documents = pa.table({"id": ids, "int": pa.array(values, pa.int32())})
    seismic.upsert(index.view.collection, SparseVectors.from_dicts([{1: 1.0}] * len(ids), 4), documents)


def test_changed_and_deleted_documents(books: Index) -> None:
    ids = [f"d{at:02}" for at in range(1, 49)] + ["d60"]
    assert scrolled(books, 7) == ids
    wanted = {"must": [{"key": "int", "range": {"gte": 1}}]}
    matching = scrolled(books, 4, filter=wanted, order_by=OrderBy(key="int", direction="desc"))
    assert sorted(matching) == [id for id in ids if (value := payload(books, id)["int"]) is not None and value >= 1]
    values = [payload(books, id)["int"] for id in matching]
    assert values == sorted(values, reverse=True)
    assert scrolled(books, 100, order_by="int")[-1] == "d05"


def payload(index: Index, id: str) -> dict[str, Any]:
    (document,) = index.fetch([id])
    assert document is not None
    return document.payload


def test_a_scroll_survives_changes_compaction_and_a_new_process(books: Index) -> None:
    collection = books.view.collection
    before = set(scrolled(books, 100))
    by = OrderBy(key="int", direction="desc")
    seen: list[str] = []
    cursor: str | None = None
    untouched = set(before)
    for step in range(100):
        index = seismic.open(collection)
        page = index.scroll(limit=3, cursor=cursor, order_by=None if cursor and step % 2 else by)
        seen += [document.id for document in page.documents]
        cursor = page.cursor
        if cursor is None:
            break
        moved = [f"d{(7 * step) % 50:02}", f"new{step}"]
        change(index, moved, [step % 7 - 3, 3])
        untouched -= set(moved)
        seismic.delete(collection, [f"d{(11 * step + 5) % 50:02}"])
        untouched -= {f"d{(11 * step + 5) % 50:02}"}
        if step % 4 == 1:
            seismic.compact(collection)
    assert cursor is None
    assert len(untouched) > 5
    assert [id for id in seen if id in untouched] == list(dict.fromkeys(id for id in seen if id in untouched))
    assert untouched <= set(seen)


def test_documents_by_id(books: Index) -> None:
    found = books.fetch(["d10", "none", "d00", "d03", "d10"], ["int"], with_vectors=True)
    assert [document and document.id for document in found] == ["d10", None, None, "d03", "d10"]
    assert found[0] == found[4]
    assert found[0].payload == {"int": 2}
    assert found[0].vector == {"indices": [1], "values": [1.0]}
    assert found[3].vector == {"indices": [], "values": []}  # an empty vector is a document like any other
    assert books.exists(["d10", "none", "d00", "d60"]).tolist() == [True, False, False, True]
    assert books.fetch([]) == []
    assert books.exists([]).tolist() == []
    assert books.fetch(["d10"], [])[0].payload == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit is 0, expected at least 1"),
        ({"order_by": "none"}, "order_by.key: unknown column 'none'; this collection has id, int, text"),
        ({"order_by": 7}, "order_by is 7, expected a column or OrderBy"),
        ({"cursor": 7}, "cursor: found 7, expected the cursor of a page"),
        ({"cursor": "abc"}, "cursor: found 'abc', expected the cursor of a page"),
        ({"cursor": "é"}, "expected the cursor of a page"),
        ({"columns": ["none"]}, "unknown payload column 'none'"),
        ({"filter": {"must": [{"key": "none", "match": {"value": 1}}]}}, "none"),
    ],
)
def test_wrong_options(books: Index, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        books.scroll(**options)


def test_wrong_cursors(books: Index, tmp_path: Path) -> None:
    cursor = books.scroll(limit=1, order_by="int").cursor
    with pytest.raises(ParameterError, match="the order by int asc, expected a cursor of this order, by id"):
        books.scroll(cursor=cursor, order_by="id")
    for place in ((1, "int", "asc", "text", "d01"), (1, "id", "asc", "d01", 7), (1, "text", "asc", 1, "d01")):
        wrong = browse.encode_cursor(OrderBy(key=place[1], direction=place[2]), place[3], place[4])
        with pytest.raises(ParameterError, match=r"found one of another collection, .*; start without a cursor"):
            books.scroll(cursor=wrong)
    with pytest.raises(InputError, match="found 7, expected a string"):
        books.fetch([7])
    with pytest.raises(InputError, match="expected a list of ids"):
        books.exists("d01")
    lists = pa.table({"id": ["a"], "tags": [["x"]]})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}], 4), tmp_path / "lists", documents=lists)
    with pytest.raises(ParameterError, match=r"column 'tags' is list<.*>, expected a column of numbers"):
        seismic.open(tmp_path / "lists").scroll(order_by="tags")


def test_long_texts_do_not_grow_cursors(tmp_path: Path) -> None:
    ids = ["c", "b", "a"]
    index = built(tmp_path, ids, {"text": ["x" * 5000 + id for id in ids]})
    page = index.scroll(limit=1, order_by="text")
    assert page.documents[0].id == "a"  # equal up to the 256th character
    assert page.cursor is not None
    assert len(page.cursor) < 1000
    assert scrolled(index, 1, order_by="text") == ["a", "b", "c"]


def test_integer_ids(tmp_path: Path) -> None:
    index = built(tmp_path, [30, -2, 10, 1 << 62], {"int": [1, 1, 0, None]})
    assert scrolled(index, 1) == [-2, 10, 30, 1 << 62]
    assert scrolled(index, 2, order_by="int") == [10, -2, 30, 1 << 62]


def test_pages_begin_after_any_place(books: Index) -> None:
    whole = [(one.payload["int"], one.id) for one in books.scroll(limit=100, order_by="int").documents]
    by = OrderBy(key="int")
    for value in (-4, 0, 1, 9):
        after = browse.cursor_after(books.view, by, value)
        assert scrolled_after(books, after) == [id for one, id in whole if one is None or one > value]
        tied = browse.cursor_after(books.view, by, value, "d20")
        assert scrolled_after(books, tied) == [id for one, id in whole if one is None or (one, id) > (value, "d20")]
    assert scrolled_after(books, browse.cursor_after(books.view, by, None)) == []
    assert scrolled_after(books, browse.cursor_after(books.view, OrderBy(), "d40", "d40"))[0] == "d41"
    with pytest.raises(ParameterError, match="expected string ids and int32 in 'int'"):
        browse.cursor_after(books.view, by, "x")


def test_pages_begin_after_a_time(tmp_path: Path) -> None:
    times = [1_600_000_000_000_000_000 + at for at in (2, 0, 1)]
    index = built(tmp_path, ["a", "b", "c"], {"instant": times})
    by = OrderBy(key="instant")
    after = browse.cursor_after(index.view, by, "2020-09-13T12:26:40.000000001Z")
    assert scrolled_after(index, after) == ["a"]
    with pytest.raises(ParameterError, match="found 'soon', expected a value of 'instant'"):
        browse.cursor_after(index.view, by, "soon")


def scrolled_after(index: Index, cursor: str) -> list[Any]:
    return [document.id for document in index.scroll(limit=100, cursor=cursor).documents]


def place_of(id: Any) -> Any:
    """What ids are ordered by where numbers come first: also texts that are whole numbers without leading zeros."""
    text = str(id)
    number = text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") and len(text) <= 20
    return (0, int(text), "") if number else (1, 0, text)


@pytest.mark.parametrize("shards", [1, 2])
def test_ids_that_are_numbers_are_listed_by_value(tmp_path: Path, shards: int) -> None:
    ids = ["10", "9", "100", "007", "x", "", "18446744073709551615", "0", "1x", "é", "-1", "99999999999999999999", "2"]
    with built(tmp_path, ids, {"int": [at % 2 for at in range(len(ids))]}, shards) as index:
        seismic.upsert(tmp_path / "index", [{0: 1.0}, {0: 1.0}], [{"id": "11", "int": 0}, {"id": "9", "int": 1}])
        seismic.delete(tmp_path / "index", ["100"])
        index.refresh()
        wanted = sorted({*ids, "11"} - {"100"}, key=place_of)
        listed, start = [], None
        while True:
            numbers, start = index.browse_ids(None, 4, start)
            listed += index.document_ids(numbers)
            if start is None:
                break
        assert listed == wanted
        for start in ("3", "9", "99", "", "a", "018", "zz"):
            numbers, following = index.browse_ids(None, 3, start)
            rest = [id for id in wanted if place_of(id) >= place_of(start)]
            assert index.document_ids(numbers) == rest[:3]
            assert following == (rest[3] if len(rest) > 3 else None)
        numbers, _ = index.browse_ids({"int": 1}, 100)
        assert set(index.document_ids(numbers)) == {id for at, id in enumerate(ids) if at % 2} | {"9"}


def test_integer_ids_are_listed_by_value(tmp_path: Path) -> None:
    with built(tmp_path, [10, -3, 9, 100], {}) as index:
        assert index.document_ids(index.browse_ids()[0]) == [-3, 9, 10, 100]
        numbers, following = index.browse_ids(None, 1, 4)
        assert (index.document_ids(numbers), following) == ([9], 10)
        with pytest.raises(InputError, match="expected an integer"):
            index.browse_ids(None, 1, "x")
