import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.constants import BLOCK
from seismic.kernels.score import load_query, make_query_table
from seismic.kernels.score_all import score_documents
from tests import naive, samples
from tests.kernels.shards import ALL_DENSE, SOME_DENSE, search, shard_of
from tests.naive import Row


def scores(vectors: SparseVectors, query: Row, stop: int = 0) -> np.ndarray:
    shard, table = shard_of(vectors, SOME_DENSE), make_query_table(vectors.dimension)
    _, components, values = samples.queries([query])
    load_query(table, components, values)
    found = np.full(len(vectors), 7, np.float32)
    score_documents(shard.shared, table, found, np.empty(BLOCK), np.full(1, stop, np.uint8))
    return found


@given(st.data(), samples.sparse_vectors(max_size=40))
def test_every_document_gets_its_score(data: st.DataObject, vectors: SparseVectors) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    shard = shard_of(vectors, ALL_DENSE)
    expected = [naive.dot(row, query) for row in shard.documents]
    found = scores(vectors, query)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    hits = search(shard, [query], len(vectors))
    ranked = {number: score for number, score in zip(hits.numbers[0], hits.scores[0], strict=True) if number >= 0}
    assert ranked == {number: score for number, score in enumerate(found) if score > 0}  # bit for bit


def test_blocks_of_many_components() -> None:
    """More than 64 shared components of a block, or own ones, take several steps."""
    vectors = samples.random_vectors(100, dimension=5000, per_vector=200, seed=2)
    query = {0: 1.0, 17: 1.0, 2500: 2.0, 4999: 1.0}
    expected = [naive.dot(row, query) for row in naive.stored(naive.rows(vectors))]
    np.testing.assert_allclose(scores(vectors, query), expected, rtol=1e-5)


def test_a_stop_ends_the_pass() -> None:
    assert (scores(samples.random_vectors(20), {0: 1.0}, stop=1) == 7).all()
