import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.builder.kept import _best_of
from seismic.kernels.exhaustive import Best, add_documents, sort_best
from tests import naive, samples


def best_of(vectors: SparseVectors, queries: SparseVectors, k: int, parts: int = 1) -> Best:
    best = _best_of(queries, vectors.dimension, k)
    for first in range(0, len(vectors), size := -(-len(vectors) // parts)):
        part = vectors.slice(first, min(first + size, len(vectors)))
        add_documents(best, *samples.csr(part), first)
    sort_best(best)
    return best


def check(vectors: SparseVectors, queries: SparseVectors, k: int, parts: int) -> None:
    best, documents = best_of(vectors, queries, k, parts), naive.rows(vectors)
    assert not best.sums.any()
    for row, query in enumerate(naive.rows(queries)):
        naive.assert_top_k(best.numbers[row], best.scores[row], documents, query)


@given(samples.sparse_vectors(), st.integers(1, 30), st.integers(1, 3), st.data())
def test_finds_the_true_top_k(vectors: SparseVectors, k: int, parts: int, data: st.DataObject) -> None:
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    check(vectors, SparseVectors.from_dicts(queries, vectors.dimension), k, parts)


@pytest.mark.parametrize("k", [1, 10])
def test_many_documents_in_parts(k: int) -> None:
    check(samples.random_vectors(400), samples.random_vectors(9, per_vector=5, seed=1), k, 3)


def test_ties_go_to_the_lower_number() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0}] * 9)
    assert best_of(vectors, vectors.slice(0, 1), 3, parts=2).numbers.tolist() == [[0, 1, 2]]
    assert best_of(vectors, SparseVectors.from_dicts([{0: np.float32(0.5)}]), 12).numbers[0, 9:].tolist() == [-1] * 3
