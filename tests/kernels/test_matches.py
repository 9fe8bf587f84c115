import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.matches import count_matches, mark_matches
from seismic.kernels.score import load_query, make_query_table
from tests import naive, samples
from tests.naive import Row


def matches(vectors: SparseVectors, query: Row, allowed: np.ndarray) -> list[int]:
    shared, table = samples.shared(vectors), make_query_table(vectors.dimension)
    (_, components, values) = samples.queries([query])
    load_query(table, components, values)
    marked = np.full(len(shared.starts) - 1, 85, np.uint8)
    mark_matches(shared, table, allowed, marked)
    bits = np.unpackbits(marked, bitorder="little")
    assert not bits[len(vectors) :].any()
    return np.flatnonzero(bits).tolist()


@given(st.data(), samples.sparse_vectors(max_size=40))
def test_matches_are_the_oracles(data: st.DataObject, vectors: SparseVectors) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    expected = list(naive.matches(naive.rows(vectors), query))
    assert matches(vectors, query, np.empty(0, np.uint8)) == expected
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(vectors), max_size=len(vectors))), bool)
    allowed = np.packbits(chosen, bitorder="little")
    assert matches(vectors, query, allowed) == [number for number in expected if chosen[number]]


def frequencies(vectors: SparseVectors, query: Row, allowed: np.ndarray) -> dict[int, int]:
    shared, table = samples.shared(vectors), make_query_table(vectors.dimension)
    (_, components, values) = samples.queries([query])
    load_query(table, components, values)
    counts = np.zeros(vectors.dimension, np.int64)
    count_matches(shared, table, allowed, counts)
    assert counts.sum() == counts[components].sum()
    return dict(zip(components.tolist(), counts[components].tolist(), strict=True))


@given(st.data(), samples.sparse_vectors(max_size=40))
def test_frequencies_are_the_oracles(data: st.DataObject, vectors: SparseVectors) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    rows = naive.rows(vectors)
    assert frequencies(vectors, query, np.empty(0, np.uint8)) == naive.document_frequency(rows, query)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(vectors), max_size=len(vectors))), bool)
    some = [row for row, wanted in zip(rows, chosen, strict=True) if wanted]
    assert frequencies(vectors, query, np.packbits(chosen, bitorder="little")) == naive.document_frequency(some, query)


@pytest.mark.parametrize("per_vector", [3, 200])
def test_blocks_of_many_components(per_vector: int) -> None:
    """More than 64 shared components of a block, or own ones, take several steps."""
    vectors = samples.random_vectors(100, dimension=5000, per_vector=per_vector, seed=2)
    rows = naive.rows(vectors)
    for query in ({4000: 1.0}, {0: 1.0, 4999: 1.0}, {17: 1.0, 2500: 2.0, 1024: 1.0}):
        assert matches(vectors, query, np.empty(0, np.uint8)) == list(naive.matches(rows, query))
        assert frequencies(vectors, query, np.empty(0, np.uint8)) == naive.document_frequency(rows, query)
