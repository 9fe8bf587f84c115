from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import QueryError, SparseVectors, Vocabulary
from seismic.query import MAX_COMPONENTS, Query, known_components, parse_plain, parse_query
from tests import naive, samples
from tests.naive import Row

VOCABULARY = Vocabulary(["the", "ocean", "planet", "orbit"])


@given(samples.sparse_rows(samples.NARROW, min_size=1, max_size=1), st.randoms())
def test_components_need_no_order(rows: list[Row], random: Any) -> None:
    (row,) = rows
    components = list(row)
    random.shuffle(components)
    query = parse_query({"indices": components, "values": [row[c] for c in components]}, samples.NARROW)
    assert [array.dtype for array in query[:2]] == [np.uint32, np.float32]
    assert dict(zip(query.components.tolist(), query.values.tolist(), strict=True)) == row
    assert query.components.tolist() == sorted(row)
    assert query.unknown == ()


def test_three_ways_to_write_one_query() -> None:
    ways: list[Any] = [
        {"indices": [2, 1], "values": [2.5, 0.5]},
        {"indices": np.array([2, 1], np.uint64), "values": np.array([2.5, 0.5])},
        {"tokens": {"planet": 2.5, "ocean": 0.5}},
        SparseVectors.from_dicts([{1: 0.5, 2: 2.5}]),
        SparseVectors.from_dicts([{1: 0.5, 2: 2.5}], 100_000),
    ]
    for way in ways:
        query = parse_query(way, 4, VOCABULARY)
        assert (query.components.tolist(), query.values.tolist()) == ([1, 2], [0.5, 2.5])
        assert query.components.dtype == np.uint32


@pytest.mark.parametrize("empty", [{"indices": [], "values": []}, {"tokens": {}}, SparseVectors.from_dicts([{}], 9)])
def test_empty_queries(empty: Any) -> None:
    query = parse_query(empty, 4, VOCABULARY)
    assert (len(query.components), len(query.values), query.unknown) == (0, 0, ())
    assert [array.dtype for array in query[:2]] == [np.uint32, np.float32]


def test_what_the_index_lacks_is_unknown_not_wrong() -> None:
    query = parse_query({"indices": [9, 1, 4, 2**31], "values": [1, 2, 3, 4]}, 4)
    assert (query.components.tolist(), query.values.tolist()) == ([1], [2])
    assert query.unknown == (4, 9, 2**31)
    query = parse_query({"tokens": {"sea": 1, "ocean": 2, "moon": 3}}, 4, VOCABULARY)
    assert (query.components.tolist(), query.values.tolist()) == ([1], [2])
    assert query.unknown == ("sea", "moon")
    assert parse_query({"tokens": {"sea": 1}}, 4, VOCABULARY).unknown == ("sea",)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "found nothing, expected either 'indices' and 'values', or 'tokens', or 'text'"),
        ({"indices": [1]}, "found indices, expected either"),
        ({"indices": [1], "values": [1], "tokens": {}}, "found indices, tokens, values, expected either"),
        ([1, 2], "found .1, 2., expected a text, indices and values, tokens, or one sparse vector"),
        (SparseVectors.from_dicts([{0: 1.0}, {1: 1.0}]), "found 2 vectors, expected one; search_batch takes many"),
        (SparseVectors.from_dicts([]), "found 0 vectors, expected one"),
        ({"indices": [1, 2], "values": [1]}, "found 2 indices and 1 values, expected equal numbers"),
        ({"indices": [], "values": [1]}, "found 0 indices and 1 values"),
        ({"indices": [1.5], "values": [1]}, "indices: found float64 numbers, expected integers"),
        ({"indices": [True], "values": [1]}, "indices: found bool numbers"),
        ({"indices": ["1"], "values": [1]}, "indices: found .* expected integers"),
        ({"indices": [-1], "values": [1]}, "indices: found -1, expected components from 0"),
        ({"indices": [3, 1, 3], "values": [1, 1, 1]}, "indices: found component 3 twice, .* add up its weights"),
        ({"indices": [[1]], "values": [1]}, "indices: found 2 axes, expected a flat list of numbers"),
        ({"indices": [[1], [2, 3]], "values": [1, 2]}, "indices: expected a flat list of numbers"),
        ({"indices": 1, "values": 1}, "found 0 axes"),
        ({"indices": [1], "values": [0]}, r"values: found 0, expected 1e-15 to 1e\+15"),
        ({"indices": [1], "values": [-1.5]}, "values: found -1.5"),
        ({"indices": [1], "values": [float("nan")]}, "values: found nan"),
        ({"indices": [1], "values": [1e39]}, r"values: found 1e\+39"),
        ({"indices": [1], "values": ["a"]}, "values: found <U1 values, expected floats"),
        ({"indices": [1], "values": [None]}, "values: found object"),
        ({"indices": [1], "values": None}, "values: found 0 axes"),
        ({"tokens": ["ocean"]}, "tokens: found .'ocean'., expected a mapping from token to weight"),
        ({"tokens": {"ocean": 0}}, "values: found 0"),
        ({"tokens": {"sea": float("inf")}}, "values: found inf"),
    ],
)
def test_queries_that_cannot_be_understood(query: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse_query(query, 10, VOCABULARY)


def test_tokens_need_a_vocabulary() -> None:
    with pytest.raises(QueryError, match="tokens: this index has no vocabulary; query it by indices and values"):
        parse_query({"tokens": {"ocean": 1.0}}, 10)


def test_queries_too_long_for_bounds() -> None:
    count = MAX_COMPONENTS + 1
    with pytest.raises(QueryError, match=f"^indices: found {count} components, expected at most {MAX_COMPONENTS}$"):
        parse_query({"indices": range(count), "values": [1.0] * count}, 10)
    batch = SparseVectors.from_dicts([{0: 1.0}, dict.fromkeys(range(count), 1.0)])
    with pytest.raises(QueryError, match=f"^query 1: found {count} components"):
        known_components(batch, 10)


@given(samples.sparse_vectors(min_size=0), st.integers(0, 30))
def test_batches_lose_unknown_components(vectors: SparseVectors, dimension: int) -> None:
    known = known_components(vectors, dimension)
    expected = [{c: value for c, value in row.items() if c < dimension} for row in naive.rows(vectors)]
    assert naive.rows(known) == expected
    assert known.components.dtype == np.uint32


NUMBERS = st.integers(-2, 12) | st.sampled_from([True, 1.0, "1", None, 2**40, 2**70])
WEIGHTS = st.sampled_from(
    [1, 0.5, 2.5, 1e-15, 1e15, 1e300, 0, -1.0, float("nan"), float("inf"), True, "1", None, 10**400]
)
LISTS = st.lists(st.integers(0, 11), max_size=4) | st.lists(NUMBERS, max_size=3)


@given(st.lists(st.tuples(LISTS, st.lists(st.sampled_from([1, 0.5, 2.5]), max_size=4) | st.lists(WEIGHTS, max_size=3))))
def test_many_at_once_are_parsed_as_one_by_one(pairs: list[tuple[list[Any], list[Any]]]) -> None:
    queries = [{"indices": indices, "values": values} for indices, values in pairs]
    for query, found in zip(queries, parse_plain(queries, 10), strict=True):
        if found is not None:
            assert_same(found, parse_query(query, 10))


def test_what_many_at_once_leaves_to_a_second_look() -> None:
    good = {"indices": [1, 3], "values": [1, 0.1]}
    others: list[Any] = [
        {"indices": [3, 1], "values": [1, 2]},
        {"indices": [1, 1], "values": [1, 2]},
        {"indices": [1], "values": [1, 2]},
        {"indices": [10], "values": [1]},
        {"indices": [-1], "values": [1]},
        {"indices": [1], "values": [0]},
        {"indices": [1], "values": [float("nan")]},
        {"indices": list(range(MAX_COMPONENTS + 1)), "values": [1.0] * (MAX_COMPONENTS + 1)},
        {"indices": np.array([1]), "values": [1]},
        {"tokens": {"a": 1}},
        SparseVectors.from_dicts([{1: 0.5}]),
    ]
    found = parse_plain([good, *others, good], 10)
    assert found[1:-1] == [None] * len(others)
    for one in (found[0], found[-1]):
        assert one is not None
        assert_same(one, parse_query(good, 10))
    empty = {"indices": [], "values": []}
    (alone,) = parse_plain([empty], 10)
    assert alone is not None
    assert_same(alone, parse_query(empty, 10))
    assert parse_plain([], 10) == []


def assert_same(one: Query, other: Query) -> None:
    assert [array.dtype for array in one[:2]] == [array.dtype for array in other[:2]]
    assert [array.tolist() for array in one[:2]] == [array.tolist() for array in other[:2]]
    assert one[2:] == other[2:]
