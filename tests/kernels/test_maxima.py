import numpy as np
import pytest
from hypothesis import given

from seismic import SparseVectors
from seismic.builder.maxima import find_maxima
from seismic.builder.quantize import quantize_vectors
from seismic.kernels.maxima import BLOCK, GROUP, WINDOW, Maxima, count_maxima, fill_maxima, windows_of
from tests import naive, samples
from tests.kernels.conftest import needs_jit


def found(vectors: SparseVectors, dense: range) -> Maxima:
    """The maxima, where the components `dense` have a code for every block."""
    forward = samples.forward(vectors)
    counts, largest = np.zeros((vectors.dimension, 1), np.int64), np.zeros(vectors.dimension, np.float32)
    count_maxima(forward, counts, largest)
    is_dense = np.isin(np.arange(vectors.dimension), dense).astype(np.uint8)
    padded = -(-len(vectors) // (BLOCK * GROUP)) * GROUP
    ends = np.where(is_dense, 0, counts[:, 0])
    block_starts = samples.offsets(ends)
    code_starts = samples.offsets(np.where(is_dense, padded, counts[:, 0]))
    maxima = Maxima(
        block_starts,
        np.zeros(block_starts[-1], np.uint16),
        ends.astype(np.uint32),
        code_starts,
        np.zeros(code_starts[-1], np.uint8),
        largest / np.float32(255),
    )
    fill_maxima(forward, is_dense, maxima)
    return maxima


@given(samples.sparse_vectors(max_size=40))
def test_blocks_are_counted_and_the_largest_value_found(vectors: SparseVectors) -> None:
    counts, largest = np.zeros((vectors.dimension, 1), np.int64), np.zeros(vectors.dimension, np.float32)
    count_maxima(samples.forward(vectors), counts, largest)
    expected = naive.shared_maxima(naive.stored(naive.rows(vectors)), BLOCK)
    assert np.flatnonzero(counts).tolist() == list(expected)
    assert counts[list(expected), 0].tolist() == [len(row) for row in expected.values()]
    np.testing.assert_allclose(largest[list(expected)], [max(row.values()) for row in expected.values()], rtol=1e-6)


@pytest.mark.parametrize("dense", [range(0), range(0, samples.WIDE, 2048), range(samples.WIDE)])
@given(vectors=samples.sparse_vectors(max_size=40))
def test_codes_are_rounded_up(dense: range, vectors: SparseVectors) -> None:
    maxima = found(vectors, dense)
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
def test_blocks_are_numbered_within_windows() -> None:
    """Documents of one component each, in a shard of a window and a bit; the first one is dense."""
    n, dimension = BLOCK * (WINDOW + 3), 16
    components = (np.arange(n) // BLOCK % (dimension - 1) + 1).astype(np.uint16)
    components[: n // BLOCK // 4 * BLOCK] = 0
    vectors = SparseVectors(np.arange(n + 1), components, np.ones(n, np.float32), dimension)
    maxima = find_maxima(
        quantize_vectors(vectors, np.arange(n, dtype=np.uint32), 1), dimension, lambda stage, share: None
    )
    windows = windows_of(n)
    assert (windows, maxima.blocks.dtype) == (2, np.uint16)
    assert maxima.ends.shape == (dimension * windows,)
    blocks = np.arange(n // BLOCK)
    for component in range(dimension):
        has = blocks[components[::BLOCK] == component]
        ends = maxima.ends[component * windows : (component + 1) * windows]
        if component == 0:
            codes = maxima.codes[maxima.code_starts[0] : maxima.code_starts[1]]
            assert ends.tolist() == [0, 0]
            assert np.flatnonzero(codes).tolist() == has.tolist()
        else:
            start = maxima.block_starts[component]
            assert ends.tolist() == [(has < WINDOW).sum(), len(has)]
            assert maxima.blocks[start : start + len(has)].tolist() == (has % WINDOW).tolist()
