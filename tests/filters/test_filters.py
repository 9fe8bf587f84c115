"""Filters against a naive evaluation; filtered searches against the naive top k of the matches."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seismic
from seismic import BuildParams, Index, SearchParams
from seismic.filters.sorted_column import SortedColumn
from tests import naive, samples
from tests.naive import Row
from tests.naive_filters import meets

COUNT, CHANGED = 300, 60
COLUMNS = {
    "lang": pa.string(),
    "kind": pa.dictionary(pa.int8(), pa.string()),
    "year": pa.int32(),
    "size": pa.uint64(),
    "tiny": pa.int8(),
    "price": pa.float32(),
    "open": pa.bool_(),
    "tags": pa.list_(pa.string()),
    "marks": pa.large_list(pa.int16()),
    "pair": pa.list_(pa.float64(), 2),
    "day": pa.date32(),
    "at": pa.timestamp("ms"),
    "seen": pa.timestamp("ns", "Europe/Paris"),
    "nothing": pa.int64(),
    "raw": pa.binary(),
    "cost": pa.decimal128(6, 2),
    "fee": pa.decimal64(9, 1),
    "clock": pa.time64("us"),
    "took": pa.duration("ms"),
    "title": pa.string(),
    "shelf": pa.dictionary(pa.int8(), pa.string()),
    "notes": pa.list_(pa.string()),
    "author": pa.struct({"name": pa.string(), "born": pa.struct({"year": pa.int16(), "day": pa.date32()})}),
    "people": pa.list_(pa.struct({"name": pa.string(), "tags": pa.list_(pa.string())})),
    "place": pa.struct({"lat": pa.float64(), "lon": pa.float64()}),
    "stops": pa.list_(pa.struct({"lat": pa.float32(), "lon": pa.float32(), "name": pa.string()})),
    "a.b": pa.string(),
    "match": pa.string(),
    "void": pa.null(),
    "pairs": pa.map_(pa.string(), pa.int8()),
}
TITLES = [
    "",
    "The Quick brown fox",
    "Straße und STRASSE",
    "ΣΊΣΥΦΟΣ σίσυφος",
    "quick_brown foxes, quick-fox",
    "ﬁne İstanbul 東京タワー",
    "naïve\x00café\nfox",
    "हिन्दी १२३",
]
POINTS = [
    (52.52, 13.405),
    (-33.87, 151.21),
    (0.0, 180.0),
    (0.0, -180.0),
    (10.0, 179.5),
    (10.0, -179.5),
    (90.0, 0.0),
    (None, 3.0),
    (float("nan"), 3.0),
    (91.0, 0.0),
]
WORDS = ["en", "de", "ü", ""]
DAYS = [date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), date(2024, 5, 1)]
TIMES = [datetime(1969, 12, 31, 23, 59, 59, 999_000), datetime(2024, 5, 1), datetime(2024, 5, 1, 12, 30, 0, 5000)]
PRICES = [0.1, -0.0, 1.5, 2.0**24, float("nan"), float("inf"), float("-inf")]


def payloads(count: int, seed: int) -> list[dict[str, Any]]:
    """Random columns, each null now and then."""
    rng = np.random.default_rng(seed)

    def one_of(values: list[Any]) -> Any:
        return values[rng.integers(len(values))] if rng.random() < 0.85 else None

    return [
        {
            "lang": one_of(WORDS),
            "kind": one_of(["a", "b"]),
            "year": one_of([*range(-2, 12)]),
            "size": one_of([0, 7, 2**63, 2**64 - 1]),
            "tiny": one_of([-128, 0, 127]),
            "price": None if (price := one_of(PRICES)) is None else float(np.float32(price)),
            "open": one_of([True, False]),
            "tags": one_of([[], ["x"], ["x", "y"], ["y", None, "y"]]),
            "marks": one_of([[], [1, 2], [None], [3]]),
            "pair": one_of([[0.5, 1.0], [None, 2.0]]),
            "day": one_of(DAYS),
            "at": one_of(TIMES),
            "seen": one_of([one.replace(tzinfo=UTC) for one in TIMES]),
            "nothing": None,
            "raw": one_of([b"", b"x"]),
            "cost": one_of([Decimal("0.00"), Decimal("0.10"), Decimal("-3.25"), Decimal("9999.99")]),
            "fee": one_of([Decimal("0.5"), Decimal("-1.0")]),
            "clock": one_of([time(0), time(12, 30), time(23, 59, 59, 999_999)]),
            "took": one_of([timedelta(0), timedelta(milliseconds=1500), timedelta(days=-1)]),
            "title": one_of(TITLES),
            "shelf": one_of(TITLES),
            "notes": one_of([[], [None], TITLES[:2], [TITLES[2], None], TITLES[3:]]),
            "author": one_of(
                [{"name": one_of(WORDS), "born": one_of([{"year": one_of([1, 2]), "day": one_of(DAYS)}])}]
            ),
            "people": one_of([[], [None], [{"name": one_of(WORDS), "tags": one_of([[], ["x"], [None, "y"]])}, None]]),
            "place": one_of([dict(zip(("lat", "lon"), one_of(POINTS) or (1.0, 1.0), strict=True))]),
            "stops": one_of([[], [{"lat": 52.5, "lon": 13.5, "name": None}, None, {"lat": 0, "lon": 180, "name": ""}]]),
            "a.b": one_of(WORDS),
            "match": one_of(WORDS),
            "void": None,
            "pairs": one_of([[], [("x", 1)]]),
        }
        for _ in range(count)
    ]


def table(ids: list[str], rows: list[dict[str, Any]]) -> pa.Table:
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    return pa.table({"id": ids, **columns})


class Collection:
    """An index and, by document number, what a naive reader knows of it: None if the document is gone."""

    def __init__(self, index: Index, rows: list[Row], documents: list[dict[str, Any] | None]) -> None:
        self.index, self.rows, self.documents = index, rows, documents
        self.layout = index.manifest.layout

    def matching(self, wanted: dict[str, Any]) -> list[int]:
        return [number for number, document in enumerate(self.documents) if document and meets(document, wanted)]

    def assert_top_k(self, query: Row, wanted: dict[str, Any], k: int, **options: Any) -> None:
        matching = set(self.matching(wanted))
        rows = [row if number in matching else {} for number, row in enumerate(self.rows)]
        numbers, scores = self.index.search_batch(
            seismic.SparseVectors.from_dicts([query], self.index.dimension), k, filter=wanted, **options
        )
        naive.assert_top_k(numbers[0], scores[0], rows, query)


def build(folder: Path, layout: str, shards: int) -> Collection:
    """300 documents; then 60 are new or changed, and 20 deleted."""
    vectors, changed = samples.random_vectors(COUNT), samples.random_vectors(CHANGED, seed=1)
    ids = [f"d{number}" for number in range(COUNT)]
    given = payloads(COUNT, 0)
    seismic.build(vectors, folder, documents=table(ids, given), params=BuildParams(layout=layout), shards=shards)  # type: ignore[arg-type]
    new_ids = [f"d{number}" for number in range(COUNT - 30, COUNT - 30 + CHANGED)]
    new = payloads(CHANGED, 1)
    seismic.upsert(folder, changed, table(new_ids, new))
    gone = {f"d{number}" for number in range(0, 200, 10)}
    seismic.delete(folder, sorted(gone))
    documents: list[dict[str, Any] | None] = [
        None if one in gone or one in new_ids else {"id": one, **row} for one, row in zip(ids, given, strict=True)
    ]
    documents += [{"id": one, **row} for one, row in zip(new_ids, new, strict=True)]
    store = naive.small if layout == "small" else naive.stored
    rows = store(naive.rows(vectors)) + store(naive.rows(changed))
    return Collection(seismic.open(folder), rows, documents)


BUILDS = [("shared", 1), ("small", 2), ("full", 3), ("lists", 2)]


@pytest.fixture(scope="module", params=BUILDS, ids=lambda param: param[0])
def collection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    made = build(tmp_path_factory.mktemp("filters") / "index", *request.param)
    yield made
    made.index.close()


# ---- strategies --------------------------------------------------------------------------------------------------

MATCHES: dict[str, list[Any]] = {
    "lang": [*WORDS, "fr"],
    "kind": ["a", "b", "c"],
    "year": [*range(-3, 13), 2**40],
    "size": [0, 7, 8, 2**63, 2**64 - 1, -1],
    "tiny": [-128, 0, 127, 128],
    "open": [True, False],
    "tags": ["x", "y", "z"],
    "marks": [1, 2, 3, 4],
    "nothing": [0],
    "id": ["d1", "d10", "d290", "d320", "elsewhere"],
    "price": [0.1, float(np.float32(0.1)), 0, 1.5, 2**24, 1e300, -3],
    "pair": [0.5, 1, 2, 3.5],
    "cost": [0, 0.1, "0.10", "-3.250", "0.105", "9999.99", 10**9, -3.25],
    "fee": [0.5, -1, "0.55"],
    "day": ["1969-12-31", "2024-02-29", "2024-05-01T12:00", "2024-05-01T00:00:00Z"],
    "at": ["1969-12-31T23:59:59.999Z", "2024-05-01", "2024-05-01T14:30:00.005+02:00", "2024-05-01T00:00:00.0001"],
    "seen": ["2024-05-01", "1969-12-31T23:59:59.999Z", "9999-12-31"],
    "clock": ["00:00", "12:30:00", "23:59:59.999999", "23:59:59.9999999"],
    "took": ["PT0S", "PT1.5S", "-P1D", "PT0.0001S"],
    "author.name": [*WORDS, "fr"],
    "author.born.year": [1, 2, 3],
    "author.born.day": ["1970-01-01", "2024-05-02"],
    "people.name": [*WORDS, "fr"],
    "people.tags": ["x", "y"],
    "stops.name": ["", "x"],
    "a.b": WORDS,
    "a\\.b": WORDS,
    "match": WORDS,
    "void": ["x", 1],
}
PARTS = {
    "prefix": ["", "t", "The", "Stra", "fox", "d", "naïve\x00"],
    "substring": ["", "quick", "ß", "\x00c", "fox", " ", "a" * 50],
    "text": [
        "FOX",
        "quick brown",
        "strasse",
        "Straße und",
        "σίσυφοσ",
        "fine",
        "i̇stanbul",
        "İSTANBUL",
        "東京",
        "東京タワー",
        "हिन्दी",
        "café",
        "en",
        "x fox",
        "fox-quick!",
    ],
}
TEXTS = ["lang", "kind", "tags", "title", "shelf", "notes", "author.name", "people.tags", "void", "id"]
BOUNDS: dict[str, list[Any]] = {
    "year": [-3, 0, 0.5, 5, 11, 11.5, 1e300, -(10**30)],
    "size": [-1, 0, 6.5, 2**63, 2**64 - 1, 2**64],
    "tiny": [-129, -128, 0, 127, 128],
    "price": [0.1, float(np.float32(0.1)), 0, 1.5, 2**24, 2**24 + 1, 1e300, 10**400],
    "marks": [0, 1, 2, 2.5, 3],
    "pair": [0.5, 1, 1.5, 2],
    "nothing": [0],
    "day": ["1969-12-31", "1970-01-01T00:00:00Z", "2024-02-29T00:00:01Z", "2024-05-01T02:00:00+02:00", "2024-05-02"],
    "at": ["1969-12-31T23:59:59.999Z", "2024-05-01", "2024-05-01T12:30:00.005", "2024-05-01T14:30:00.006+02:00"],
    "seen": ["1969-12-31T23:59:59.999000", "2024-05-01T12:30:00.005000Z", "0001-01-01", "9999-12-31"],
    "cost": [0, 0.1, "0.10", "0.105", 1e300, -(10**30), "9999.99"],
    "fee": [0.5, -1, 0.25],
    "clock": ["00:00", "12:30:00", "23:59:59.9999999"],
    "took": ["PT0S", "PT1.5001S", "-P1D", "P9D"],
    "author.born.year": [0, 1, 1.5, 2],
    "author.born.day": ["1970-01-01", "2024-05-02"],
    "void": [0],
}


def _wanted(key: str) -> st.SearchStrategy[Any]:
    values = st.sampled_from(MATCHES[key])
    same = values.flatmap(lambda one: st.lists(values.filter(lambda other: _sort(other) == _sort(one)), max_size=4))
    return values | same


def _sort(value: Any) -> str:
    return type(value).__name__.replace("float", "int")


@st.composite
def geo_conditions(draw: st.DrawFn) -> dict[str, Any]:
    def point() -> dict[str, float]:
        lat, lon = draw(st.sampled_from([point for point in POINTS if point[0] is not None and abs(point[0]) <= 90]))
        return {"lat": lat, "lon": lon}

    key = draw(st.sampled_from(["place", "stops"]))
    if draw(st.booleans()):
        return {"key": key, "geo_radius": {"center": point(), "radius": draw(st.sampled_from([0, 10_000, 2e6, 3e7]))}}
    first, last = sorted((point(), point()), key=lambda one: -one["lat"])
    return {"key": key, "geo_bounding_box": {"top_left": first, "bottom_right": last}}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["value", "any", "range", "range", "exists", "is_null", "ids", "short", "part", "geo"]))
    if kind == "geo":
        return draw(geo_conditions())
    if kind == "part":
        part = draw(st.sampled_from(sorted(PARTS)))
        return {"key": draw(st.sampled_from(TEXTS)), "match": {part: draw(st.sampled_from(PARTS[part]))}}
    if kind == "short":
        keys = draw(st.lists(st.sampled_from(sorted(MATCHES.keys() - {"match"})), min_size=1, max_size=2, unique=True))
        return {key: draw(_wanted(key) | st.none()) for key in keys}
    if kind == "ids":
        return {"ids": draw(st.lists(st.integers(-1, COUNT + 40).map(lambda number: f"d{number}"), max_size=30))}
    if kind in ("exists", "is_null"):
        return {kind: {"key": draw(st.sampled_from(["id", *COLUMNS, *MATCHES]))}}
    if kind == "range":
        key = draw(st.sampled_from(sorted(BOUNDS)))
        names = st.sampled_from(["gte", "gt", "lte", "lt"])
        return {"key": key, "range": draw(st.dictionaries(names, st.sampled_from(BOUNDS[key]), min_size=1))}
    key = draw(st.sampled_from(sorted(MATCHES)))
    wanted = draw(_wanted(key).filter(lambda wanted: isinstance(wanted, list) == (kind == "any")))
    return {"key": key, "match": {kind: wanted}}


clauses = st.sampled_from(["must", "should", "must_not"])
filters = st.recursive(
    st.dictionaries(clauses, st.lists(conditions(), max_size=3), min_size=1),
    lambda inner: st.dictionaries(clauses, st.lists(inner | conditions(), max_size=3), min_size=1),
    max_leaves=6,
)
queries = samples.sparse_rows(samples.NARROW, min_size=1, max_size=1).map(lambda rows: rows[0])


# ---- what matches ------------------------------------------------------------------------------------------------


@given(wanted=filters)
def test_what_matches_equals_the_oracle(collection: Collection, wanted: dict[str, Any]) -> None:
    assert collection.index.count(wanted) == len(collection.matching(wanted))
    assert collection.index.count(wanted) == len(collection.matching(wanted))  # as it is remembered


@given(condition=conditions())
def test_each_condition_finds_its_documents(collection: Collection, condition: dict[str, Any]) -> None:
    wanted = {"must": [condition]}
    query = dict.fromkeys(range(samples.NARROW), 1.0)
    hits = collection.index.search(samples.as_query(query), 1000, filter=wanted)
    matching = collection.matching(wanted)
    assert {hit.number for hit in hits} == {number for number in matching if collection.rows[number]}


@given(wanted=filters, query=queries, k=st.sampled_from([1, 3, 10, 1000]))
def test_exact_answers_under_a_filter_are_the_true_top_k(
    collection: Collection, wanted: dict[str, Any], query: Row, k: int
) -> None:
    collection.assert_top_k(query, wanted, k)
    collection.assert_top_k(query, wanted, k, recall=0.1 if collection.layout == "small" else 0.9)  # it keeps less
    if collection.layout == "lists":
        collection.assert_top_k(query, wanted, k, params=SearchParams(plan="lists", query_cut=1, heap_factor=2))


@given(wanted=filters, query=queries, k=st.sampled_from([1, 10]))
def test_a_heap_factor_that_is_asked_for_is_kept(
    collection: Collection, wanted: dict[str, Any], query: Row, k: int
) -> None:
    params = SearchParams(plan="exact", heap_factor=1.5)
    answer = collection.index.answer(samples.as_query(query), k, filter=wanted, params=params)
    exact = collection.index.answer(samples.as_query(query), k, filter=wanted)
    assert {hit.number for hit in answer.hits} <= set(collection.matching(wanted))
    assert len(answer.hits) == len(exact.hits)  # it skips what is worse, not what is missing
    assert all(hit.score >= exact.hits[-1].score / 1.5 for hit in answer.hits)


def test_an_empty_filter_lets_everything_through(collection: Collection) -> None:
    assert collection.index.count({}) == collection.index.count() == len(collection.index)
    query = samples.as_query(collection.rows[1])
    assert collection.index.search(query, filter={"must": []}) == collection.index.search(query)
    assert collection.index.answer(query).matched is None


def test_bounds_are_dates_and_times_of_python_too(collection: Collection) -> None:
    for key, bound in (("day", date(2024, 2, 29)), ("at", datetime(2024, 5, 1, 12, 30, tzinfo=UTC)), ("at", TIMES[1])):
        count = collection.index.count({"must": [{"key": key, "range": {"gte": bound}}]})
        assert count == collection.index.count({"must": [{"key": key, "range": {"gte": bound.isoformat()}}]}) > 0


def test_an_answer_says_how_many_matched_and_why_there_are_few(collection: Collection) -> None:
    query = samples.as_query(dict.fromkeys(range(samples.NARROW), 1.0))
    two = {"must": [{"ids": ["d1", "d2", "d10"]}]}
    answer = collection.index.answer(query, 5, filter=two)
    assert (answer.matched, answer.warnings) == (2, ("only 2 documents match the filter",))
    assert collection.index.answer(query, 2, filter=two).warnings == ()
    if collection.layout == "lists":
        answer = collection.index.answer(query, 1, filter=two, params=SearchParams(plan="lists"))
        assert answer.plan == "exact"
        assert answer.warnings == ("the plan 'lists' loses recall under a filter, so the answer is exact",)
    answer = collection.index.answer(samples.as_query({0: 1.0}), 300, filter={})
    assert answer.matched == len(collection.index)
    found = len(answer.hits)
    expected = (
        f"{len(collection.index)} documents match the filter, and only {found} of them share a component with the query"
    )
    assert answer.warnings == (expected,)


# ---- windows -----------------------------------------------------------------------------------------------------


@given(documents=st.integers(1, 400), valued=st.integers(0, 400), few=st.booleans(), data=st.data())
def test_windows_of_any_width(documents: int, valued: int, few: bool, data: st.DataObject) -> None:
    values = np.random.default_rng(documents).integers(0, 5 if few else 1000, documents).tolist()
    column = pa.array([value if at < valued else None for at, value in enumerate(values)], pa.int32())
    numbers = np.random.default_rng(valued).permutation(documents)
    in_order = SortedColumn([column], pa.int32(), np.argsort(numbers).astype(np.uint32))
    low = data.draw(st.integers(-1, 1001))
    high = data.draw(st.integers(low, 1001))
    expected = [number < valued and low <= values[number] <= high for number in numbers]
    found = in_order.between(np.int32(low), np.int32(high))
    np.testing.assert_array_equal(found, np.packbits(expected, bitorder="little"))


# ---- changes -----------------------------------------------------------------------------------------------------


def test_a_filter_follows_changes(tmp_path: Path) -> None:
    made = build(tmp_path / "index", "shared", 2)
    wanted = {"must": [{"key": "year", "range": {"gte": 3}}], "should": [{"key": "lang", "match": {"value": "en"}}]}
    before = made.index.count(wanted)
    gone = [f"d{number}" for number in range(1, 290, 7)]
    seismic.delete(tmp_path / "index", gone)
    frozen = made.index.frozen()
    made.index.refresh()
    made.documents = [None if document and document["id"] in gone else document for document in made.documents]
    assert made.index.count(wanted) == len(made.matching(wanted)) < before == frozen.count(wanted)
    seismic.upsert(
        tmp_path / "index", samples.random_vectors(1), table(["new"], [{**payloads(1, 0)[0], "year": 5, "lang": "en"}])
    )
    made.index.refresh()
    assert made.index.count(wanted) == len(made.matching(wanted)) + 1
    seismic.compact(tmp_path / "index")
    made.index.refresh()
    assert made.index.count(wanted) == len(made.matching(wanted)) + 1
    made.index.close()
    shutil.rmtree(tmp_path / "index")
