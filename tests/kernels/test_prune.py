import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels import prune
from tests import naive, samples

Inverted = tuple[np.ndarray, np.ndarray, np.ndarray]


def invert(vectors: SparseVectors, thresholds: np.ndarray) -> Inverted:
    """Return (starts, positions, weights)."""
    counts = np.zeros(vectors.dimension, np.int64)
    prune.count_postings(vectors.components, vectors.values, thresholds, counts)
    starts = samples.offsets(counts, np.int64)
    positions, weights = np.zeros(starts[-1], np.uint32), np.zeros(starts[-1], np.float32)
    prune.invert(*samples.csr(vectors), thresholds, starts, positions, weights)
    return starts, positions, weights


def no_thresholds(vectors: SparseVectors) -> np.ndarray:
    return np.zeros(vectors.dimension, np.float32)


@given(samples.sparse_vectors(), st.lists(samples.weights, min_size=1, max_size=5))
def test_inversion_equals_the_oracle(vectors: SparseVectors, some: list[float]) -> None:
    thresholds = np.resize(np.array([0, *some], np.float32), vectors.dimension)
    starts, positions, weights = invert(vectors, thresholds)
    expected = naive.invert(naive.rows(vectors), dict(enumerate(thresholds.tolist())))
    assert np.flatnonzero(np.diff(starts)).tolist() == sorted(expected)
    for component, entries in expected.items():
        span = slice(starts[component], starts[component + 1])
        assert list(zip(positions[span].tolist(), weights[span].tolist(), strict=True)) == entries


@given(samples.sparse_vectors(values=st.sampled_from([1.0, 2.0, 3.0]), max_size=60), st.integers(1, 40))
def test_lists_keep_their_heaviest_postings(vectors: SparseVectors, cap: int) -> None:
    starts, positions, weights = invert(vectors, no_thresholds(vectors))
    kept = np.full(len(starts), -1)
    prune.prune_postings(starts, positions, weights, cap, kept)
    expected = naive.prune(naive.invert(naive.rows(vectors)), cap)
    assert np.flatnonzero(np.diff(kept)).tolist() == sorted(expected)
    for component, entries in expected.items():
        assert positions[kept[component] : kept[component + 1]].tolist() == entries


def test_long_lists_keep_lower_positions_among_equals() -> None:
    values = np.tile([1.0, 2.0], 100)  # a cap above 32 finds the threshold by a partition
    vectors = SparseVectors.from_arrays(np.arange(201), np.zeros(200, np.int64), values)
    starts, positions, weights = invert(vectors, no_thresholds(vectors))
    kept = np.zeros(2, np.int64)
    prune.prune_postings(starts, positions, weights, 104, kept)
    assert kept.tolist() == [0, 104]
    assert positions[:104].tolist() == [0, 1, 2, 3, 4, 5, 6, *range(7, 200, 2)]


@given(st.lists(st.floats(0, width=32, exclude_min=True, allow_infinity=False), max_size=50))
def test_buckets_rise_with_the_values(values: list[float]) -> None:
    buckets = []
    for value in sorted(values):
        histogram = np.zeros(1 << 16, np.int64)
        prune.count_values(np.array([value], np.float32), histogram)
        buckets.append(int(histogram.argmax()))
        assert histogram.sum() == 1
    assert buckets == sorted(buckets)


def test_a_bucket_spans_less_than_a_256th_of_its_values() -> None:
    histogram = np.zeros(1 << 16, np.int64)
    prune.count_values(np.array([1.0, 1.0039, 1.004, 1.0], np.float32), histogram)
    assert histogram[np.flatnonzero(histogram)].tolist() == [3, 1]
