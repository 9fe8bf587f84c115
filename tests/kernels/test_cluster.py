from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.cluster import cluster_lists, make_scratch
from tests import naive, samples

pytestmark = pytest.mark.usefixtures("wrapping_hash")

CUT = 6


def clustered(
    vectors: SparseVectors, fraction: float, min_size: int, seed: int = 0, ranges: Sequence[tuple[int, int]] = ()
) -> dict[int, list[list[int]]]:
    """Component -> blocks -> positions."""
    lists = naive.prune(naive.invert(naive.rows(vectors)), len(vectors))
    starts = samples.row_offsets(lists, vectors.dimension, np.int64)
    positions = np.array([position for component in sorted(lists) for position in lists[component]], np.uint32)
    grouped, opens_block = np.zeros_like(positions), np.zeros(len(positions), np.bool_)
    scratch = make_scratch(vectors.dimension, len(vectors), CUT)
    heads = samples.heads(vectors, CUT)
    for first, last in ranges or [(0, vectors.dimension)]:
        cluster_lists(starts, positions, heads, first, last, fraction, min_size, seed, scratch, grouped, opens_block)
    blocks = {}
    for component in lists:
        start, stop = starts[component], starts[component + 1]
        cuts = np.flatnonzero(opens_block[start:stop])
        assert cuts[0] == 0
        blocks[component] = [block.tolist() for block in np.split(grouped[start:stop], cuts[1:])]
    return blocks


@given(
    samples.sparse_vectors(values=samples.eighths, max_size=40),
    st.sampled_from([0.01, 0.1, 0.2, 0.5, 1.0]),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_equals_the_oracle_for_the_same_centroids(
    vectors: SparseVectors, fraction: float, min_size: int, seed: int
) -> None:
    documents = naive.rows(vectors)
    heads = [naive.head(row, CUT) for row in documents]
    expected = {}
    for component, entries in naive.invert(documents).items():
        members = [position for position, _ in entries]
        size = max(1, round(len(members) * fraction))
        centroids = [members[at] for at in naive.sample(len(members), size, seed, component)]
        expected[component] = naive.cluster(members, heads, centroids, min_size)
    assert clustered(vectors, fraction, min_size, seed) == expected


@given(samples.sparse_vectors(max_size=40), st.sampled_from([0.2, 0.5, 1.0]), st.integers(1, 5))
def test_blocks_partition_the_list(vectors: SparseVectors, fraction: float, min_size: int) -> None:
    lists = naive.invert(naive.rows(vectors))
    for component, blocks in clustered(vectors, fraction, min_size).items():
        members = [position for position, _ in lists[component]]
        assert sorted(position for block in blocks for position in block) == members
        assert all(block == sorted(block) for block in blocks)
        assert len(blocks) <= max(1, round(len(members) * fraction))
        assert len(blocks) == 1 or min(map(len, blocks)) >= min_size


def test_blocks_do_not_depend_on_the_ranges() -> None:
    vectors = samples.random_vectors(80)
    whole = clustered(vectors, 0.3, 2)
    assert clustered(vectors, 0.3, 2, ranges=[(30, vectors.dimension), (0, 7), (7, 30)]) == whole


def test_identical_documents_form_one_block() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}] * 30)
    assert clustered(vectors, 0.2, 2)[0] == [list(range(30))]


def test_a_single_posting_is_a_block() -> None:
    assert clustered(SparseVectors.from_dicts([{3: 1.0}]), 0.2, 2) == {3: [[0]]}
