"""The layout `small`: 8-bit codes, no residuals, no light components."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.builder.maxima import find_maxima
from seismic.builder.quantize import quantize_vectors, stored_vectors
from seismic.builder.shared import share_blocks
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared, rounding_of
from seismic.layouts import LAYOUTS
from tests import naive, samples
from tests.kernels.shards import Shard, assert_exact, search
from tests.kernels.test_shared import restored

ANY_SIZE = st.floats(2.0**-49, 2.0**49, width=32)
RESIDUALS = ("residuals", "own_residuals")


def forward_of(vectors: SparseVectors) -> Forward:
    return quantize_vectors(vectors, np.arange(len(vectors), dtype=np.uint32), 1, LAYOUTS["small"])


def shared_of(vectors: SparseVectors) -> Shared:
    return samples.readonly(share_blocks(forward_of(vectors), vectors.dimension, 1, residuals=False))


def shard_of(vectors: SparseVectors) -> Shard:
    maxima = find_maxima(forward_of(vectors), vectors.dimension, 1, lambda stage, share: None)
    documents = naive.small(naive.rows(vectors))
    return Shard(documents, samples.readonly(maxima), shared_of(vectors), vectors.dimension)


@given(samples.sparse_vectors(values=ANY_SIZE))
def test_light_components_and_residuals_are_dropped(vectors: SparseVectors) -> None:
    found, kept, quantized = forward_of(vectors), [], []
    for row in naive.rows(vectors):
        _, codes, _ = naive.quantize(list(row.values()), exact=0)
        least = LAYOUTS["small"].least_code
        kept.append({component: row[component] for component, code in zip(row, codes, strict=True) if code >= least})
        quantized.append(naive.quantize(list(kept[-1].values()), exact=255))
    assert found.components.tolist() == [component for row in kept for component in row]
    assert found.codes.tolist() == [code for _, codes, _ in quantized for code in codes]
    np.testing.assert_array_equal(found.scales, np.array([scale for scale, _, _ in quantized], np.float32))
    assert not found.residuals.any()
    np.testing.assert_array_equal(found.starts, samples.offsets([*map(len, kept)]), strict=True)


@given(samples.sparse_vectors(values=ANY_SIZE))
def test_stored_vectors(vectors: SparseVectors) -> None:
    for row, expected, given_row in zip(
        naive.rows(stored_vectors(vectors, LAYOUTS["small"])),
        naive.small(naive.rows(vectors)),
        naive.rows(vectors),
        strict=True,
    ):
        assert row == pytest.approx(expected, rel=1e-6)
        assert bool(row) == bool(given_row)  # the heaviest component is kept
    for row, expected in zip(
        naive.rows(stored_vectors(vectors, LAYOUTS["shared"])), naive.stored(naive.rows(vectors)), strict=True
    ):
        assert row == pytest.approx(expected, rel=1e-6)


@given(samples.sparse_vectors(max_size=30))
def test_shared_blocks_differ_only_in_residuals(vectors: SparseVectors) -> None:
    whole = share_blocks(forward_of(vectors), vectors.dimension, 1)
    for name, found, expected in zip(Shared._fields, shared_of(vectors), whole, strict=True):
        np.testing.assert_array_equal(found, expected[:0] if name in RESIDUALS else expected, strict=True)


@given(samples.sparse_vectors(values=ANY_SIZE), st.data())
def test_restored_vectors_are_stored_as_they_are(vectors: SparseVectors, data: st.DataObject) -> None:
    positions = data.draw(st.permutations(range(len(vectors))))
    forward = forward_of(vectors)
    again = forward_of(restored(shared_of(vectors), positions, vectors.dimension))
    np.testing.assert_array_equal(again.scales, forward.scales[positions])
    for row, position in enumerate(positions):
        new, old = slice(*again.starts[row : row + 2]), slice(*forward.starts[position : position + 2])
        for name in ("components", "codes"):
            np.testing.assert_array_equal(getattr(again, name)[new], getattr(forward, name)[old])


@given(vectors=samples.sparse_vectors(max_size=40), k=st.integers(1, 50), data=st.data())
def test_finds_the_true_top_k_of_what_is_stored(vectors: SparseVectors, k: int, data: st.DataObject) -> None:
    shard = shard_of(vectors)
    queries = data.draw(samples.sparse_rows(vectors.dimension, max_size=4))
    assert_exact(shard, queries, search(shard, queries, k))


@pytest.mark.parametrize("k", [1, 10, 2000])
def test_several_groups_of_blocks(k: int) -> None:
    shard = shard_of(samples.random_vectors(1300, per_vector=12))
    queries = naive.rows(samples.random_vectors(8, per_vector=6, seed=1))
    found = search(shard, queries, k)
    assert_exact(shard, queries, found)
    if k == 1:
        assert found.counters[2] < found.counters[1] / 2


def test_a_layout_without_residuals_has_exact_codes() -> None:
    for rows, whole in (
        ([{0: 1.0}], 0.5),
        ([{0: 1.0}] * 2, 0.5),
        ([{}], 0.5),
    ):  # own components only, shared only, none
        vectors = SparseVectors.from_dicts(rows, 1)
        assert rounding_of(samples.shared(vectors)) == whole
        assert rounding_of(shared_of(vectors)) == (0.0 if rows[0] else 0.5)
