import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.builder.maxima import find_maxima
from seismic.builder.quantize import quantize_vectors
from seismic.kernels.arrays import F32, I32
from seismic.kernels.constants import BLOCK, BLOCK_WINDOW, GROUP, SUPERBLOCK
from seismic.kernels.maxima import (
    Maxima,
    block_windows,
    count_maxima,
    fill_maxima,
    fill_superblocks,
    has_superblocks,
    padded_blocks,
    padded_superblocks,
)
from seismic.kernels.score import Forward
from tests import naive, samples
from tests.kernels.conftest import needs_jit


def quiet(stage: str, share: float) -> None:
    pass


def counted(forward: Forward, dimension: int, first: int, last: int) -> tuple[I32, F32]:
    """Return what `count_maxima` adds to counts and largest values of zero."""
    counts, largest = np.zeros(dimension, np.int32), np.zeros(dimension, np.float32)
    count_maxima(forward, first, last, counts, largest)
    return counts, largest


def found(vectors: SparseVectors, dense: range, cut: int = 0) -> Maxima:
    """Find the maxima in two ranges of blocks; the components `dense` have a code for every block."""
    forward, n_blocks = samples.forward(vectors), -(-len(vectors) // BLOCK)
    counts, largest = counted(forward, vectors.dimension, 0, n_blocks)
    is_dense = np.isin(np.arange(vectors.dimension), dense).astype(np.uint8)
    padded = -(-len(vectors) // (BLOCK * GROUP)) * GROUP
    ends = np.where(is_dense, 0, counts)
    block_starts = samples.offsets(ends)
    code_starts = samples.offsets(np.where(is_dense, padded, counts))
    maxima = Maxima(
        block_starts,
        np.zeros(block_starts[-1], np.uint16),
        ends.astype(np.uint32),
        code_starts,
        np.zeros(code_starts[-1], np.uint8),
        largest / np.float32(255),
    )
    cut = min(cut, n_blocks)
    fill_maxima(forward, cut, n_blocks, is_dense, counted(forward, vectors.dimension, 0, cut)[0].astype(int), maxima)
    fill_maxima(forward, 0, cut, is_dense, np.zeros(vectors.dimension, np.int64), maxima)
    return maxima


def test_superblocks_have_the_largest_code_of_their_blocks() -> None:
    vectors = samples.random_vectors(3000, dimension=40, per_vector=4)
    documents, padded, room = naive.stored(naive.rows(vectors)), padded_blocks(3000), padded_superblocks(3000)
    assert (padded, room) == (384, 64)
    expected = samples.maxima(documents, 40, range(0, 40, 2), superblocks=True)
    blank = expected.codes.copy()
    for component in range(0, 40, 2):
        blank[expected.code_starts[component] + padded : expected.code_starts[component + 1]] = 0
    filled = expected._replace(codes=blank)
    for first, last in ((0, 13), (13, 40)):
        fill_superblocks(filled, first, last, padded)
    np.testing.assert_array_equal(filled.codes, expected.codes)


def test_large_shards_have_superblocks() -> None:
    assert not has_superblocks(BLOCK * BLOCK_WINDOW)
    assert has_superblocks(BLOCK * BLOCK_WINDOW + 1)


@given(samples.sparse_vectors(max_size=40), st.integers(0, 5), st.integers(0, 5))
def test_blocks_are_counted_and_the_largest_value_found(vectors: SparseVectors, first: int, more: int) -> None:
    last = min(first + more, -(-len(vectors) // BLOCK))
    counts, largest = counted(samples.forward(vectors), vectors.dimension, first, last)
    documents = naive.stored(naive.rows(vectors))[first * BLOCK : last * BLOCK]
    expected = naive.shared_maxima(documents, BLOCK)
    assert np.flatnonzero(counts).tolist() == list(expected)
    assert counts[list(expected)].tolist() == [len(row) for row in expected.values()]
    np.testing.assert_allclose(largest[list(expected)], [max(row.values()) for row in expected.values()], rtol=1e-6)


@pytest.mark.parametrize("dense", [range(0), range(0, samples.WIDE, 2048), range(samples.WIDE)])
@given(vectors=samples.sparse_vectors(max_size=40), cut=st.integers(0, 5))
def test_codes_are_rounded_up(dense: range, vectors: SparseVectors, cut: int) -> None:
    maxima = found(vectors, dense, cut)
    for component, row in naive.shared_maxima(naive.stored(naive.rows(vectors)), BLOCK).items():
        blocks = maxima.blocks[maxima.block_starts[component] : maxima.block_starts[component + 1]].tolist()
        codes = maxima.codes[maxima.code_starts[component] : maxima.code_starts[component + 1]].tolist()
        if component in dense:
            assert blocks == []
            assert len(codes) == GROUP
            assert [block for block, code in enumerate(codes) if code] == list(row)
            codes = [codes[block] for block in row]
        else:
            assert blocks == list(row)
        scale = float(maxima.scales[component])
        for code, value in zip(codes, row.values(), strict=True):
            assert value * (1 - 1e-6) <= scale * code <= value + scale * 1.00001


def test_a_block_is_eight_neighbours() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0 + number} for number in range(20)])
    maxima = found(vectors, range(0))
    assert maxima.blocks.tolist() == [0, 1, 2]
    np.testing.assert_allclose(maxima.codes * maxima.scales[0], [8, 16, 20], atol=20 / 255)


@needs_jit
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_are_numbered_within_windows(threads: int) -> None:
    """Return documents of one component each, slightly more than a window of them; the first component is dense."""
    n, dimension = BLOCK * (BLOCK_WINDOW + 3), 16
    components = (np.arange(n) // BLOCK % (dimension - 1) + 1).astype(np.uint16)
    components[: n // BLOCK // 4 * BLOCK] = 0
    vectors = SparseVectors(np.arange(n + 1), components, np.ones(n, np.float32), dimension)
    forward = quantize_vectors(vectors, np.arange(n, dtype=np.uint32), 1)
    maxima = find_maxima(forward, dimension, threads, quiet)
    windows = block_windows(n)
    assert (windows, maxima.blocks.dtype) == (2, np.uint16)
    assert maxima.ends.shape == (dimension * windows,)
    blocks = np.arange(n // BLOCK)
    for component in range(dimension):
        has = blocks[components[::BLOCK] == component]
        ends = maxima.ends[component * windows : (component + 1) * windows]
        if component == 0:
            codes = maxima.codes[maxima.code_starts[0] : maxima.code_starts[1]]
            assert ends.tolist() == [0, 0]
            assert np.flatnonzero(codes[: padded_blocks(n)]).tolist() == has.tolist()
            assert np.flatnonzero(codes[padded_blocks(n) :]).tolist() == sorted(set((has // SUPERBLOCK).tolist()))
        else:
            start = maxima.block_starts[component]
            assert ends.tolist() == [(has < BLOCK_WINDOW).sum(), len(has)]
            assert maxima.blocks[start : start + len(has)].tolist() == (has % BLOCK_WINDOW).tolist()
