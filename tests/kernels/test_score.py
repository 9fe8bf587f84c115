from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels import score, signature
from seismic.kernels.score import Forward, QueryTable
from tests import naive, samples
from tests.kernels.conftest import in_forms, signed
from tests.naive import Row


def loaded(query: Row, dimension: int, mark: Callable[..., None] = signature.mark) -> tuple[QueryTable, float]:
    """Return a table with a query, and the sum of the query's weights."""
    table = QueryTable(np.zeros(dimension, np.float32), np.zeros(128, np.uint8))
    _, components, values = samples.queries([query])
    weight_sum = score.load_query(table, components, values)
    table.signature[:] = signed(mark, components)
    return table, weight_sum


@given(samples.dimensions.flatmap(lambda dimension: samples.sparse_rows(dimension, min_size=1, max_size=1)))
def test_loading_and_unloading_a_query(rows: list[Row]) -> None:
    table = QueryTable(np.zeros(samples.WIDE, np.float32), np.zeros(128, np.uint8))
    _, components, values = samples.queries(rows)
    assert score.load_query(table, components, values) == pytest.approx(sum(rows[0].values()), rel=1e-5)
    assert {c: table.weights[c] for c in np.flatnonzero(table.weights).tolist()} == rows[0]
    assert table.signature.tolist() == signed(signature.mark, components).tolist()
    score.unload_query(table, components)
    assert not table.weights.any()
    assert not table.signature.any()


@in_forms(score._dot_by_lookup, score._dot_by_signature)
@pytest.mark.parametrize("numerators", [np.uint8, np.int8])
@pytest.mark.parametrize("dimension", [samples.NARROW, 1 << 16, samples.WIDE])
@given(data=st.data())
def test_dot_equals_the_oracle(
    form: Callable[..., float],
    mark: Callable[..., None],
    numerators: type[np.integer[Any]],
    dimension: int,
    data: st.DataObject,
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    length = data.draw(st.integers(0, min(dimension, 300)))
    kind = np.uint16 if dimension <= 1 << 16 else np.uint32
    components = np.sort(rng.choice(dimension, length, replace=False)).astype(kind)
    info = np.iinfo(numerators)
    values = rng.integers(info.min, info.max + 1, length).astype(numerators)
    # Half the query meets the document; others share the signature's bits or nothing.
    shared = rng.choice(components, length // 2, replace=False).tolist() if length else []
    query: Row = {c: int(rng.integers(1, 64)) / 8 for c in [*shared, *rng.choice(dimension, 20).tolist()]}
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    (weights, signed_by), _ = loaded(query, dimension, mark)
    document = dict(zip(components[start:stop].tolist(), values[start:stop].tolist(), strict=True))
    samples.readonly((components, values))
    assert form(components, values, start, stop, weights, signed_by) == naive.dot(document, query)


@in_forms(score._dot_by_lookup, score._dot_by_signature)
def test_components_of_one_hash_do_not_match(form: Callable[..., float], mark: Callable[..., None]) -> None:
    components = np.arange(70, dtype=np.uint32) * 65536 + 5
    codes = np.ones(70, np.uint8)
    (weights, signed_by), _ = loaded({5 + 70 * 65536: 1.0}, 71 * 65536, mark)
    samples.readonly((components, codes))
    assert form(components, codes, 0, 70, weights, signed_by) == 0


def dot_of_codes(forward: Forward, position: int, table: QueryTable) -> float:
    start, stop = forward.starts[position : position + 2]
    total: float = score.dot(forward.components, forward.codes, start, stop, table.weights, table.signature)
    return total


@given(samples.sparse_vectors(), st.data())
def test_scores_equal_the_stored_values(vectors: Any, data: st.DataObject) -> None:
    forward = samples.forward(vectors)
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    table, weight_sum = loaded(query, vectors.dimension)
    for position, row in enumerate(naive.stored(naive.rows(vectors))):
        codes = dot_of_codes(forward, position, table)
        full: float = score.full_score(forward, position, table)
        assert full == pytest.approx(naive.dot(row, query), rel=1e-5)
        assert abs(forward.scales[position] * codes - full) <= forward.scales[position] * weight_sum * 0.5001


def offered(forward: Forward, query: Row, dimension: int, k: int) -> tuple[np.ndarray, np.ndarray, int]:
    table, _ = loaded(query, dimension)
    scores, numbers, size = np.zeros(k, np.float32), np.full(k, -1), 0
    for position in range(len(forward.scales)):
        size = score.offer(forward, position, table, scores, numbers, size)
    return scores, numbers, size


@given(samples.sparse_vectors(), st.integers(1, 25), st.data())
def test_offered_documents_reach_the_heap_by_their_full_score(vectors: Any, k: int, data: st.DataObject) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    scores, numbers, size = offered(samples.forward(vectors), query, vectors.dimension, k)
    truth = naive.top_k(naive.stored(naive.rows(vectors)), query, k)
    assert size == len(truth)
    np.testing.assert_allclose(sorted(scores[:size], reverse=True), [hit[1] for hit in truth], rtol=1e-5)
    assert (numbers[:size] >= 0).all()


def test_residuals_decide_between_equal_codes() -> None:
    forward = samples.readonly(
        Forward(
            np.array([7, 8, 9], np.uint32),
            np.array([0, 1, 2, 3], np.int32),
            np.zeros(3, np.uint16),
            np.array([100, 100, 100], np.uint8),
            np.array([-2, 127, 5], np.int8),
            np.ones(3, np.float32),
        )
    )
    scores, numbers, size = offered(forward, {0: 1.0}, 4, 1)
    assert (scores.tolist(), numbers.tolist(), size) == ([100 + 127 / 256], [8], 1)


@given(samples.sparse_vectors())
def test_prefetching_any_vector_is_safe(vectors: Any) -> None:
    forward = samples.forward(vectors)
    for start, stop in zip(forward.starts[:-1], forward.starts[1:], strict=True):
        score.prefetch_vector(forward.components, forward.codes, start, stop)


@in_forms(score._matches_by_lookup, score._matches_by_signature)
@pytest.mark.parametrize("dimension", samples.SPREAD)
def test_components_of_the_query_are_found(form: Callable[..., int], mark: Callable[..., None], dimension: int) -> None:
    components = samples.random_vectors(1, dimension, per_vector=40, empty=0).components
    query = components[::3].astype(np.uint32)
    table = score.make_query_table(dimension)
    table.weights[query] = 1
    table.signature[:] = signed(mark, query)
    for last in (1, 17, 40):
        found = form(components, 0, last, table)
        wanted = sum(1 << at for at in range(0, last, 3))
        assert int(found) & wanted == wanted
        assert int(found) < 1 << last
