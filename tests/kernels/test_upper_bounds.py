"""Upper bounds of blocks, against naive sums."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.candidate_blocks import collect_blocks, refine, sort_blocks
from seismic.kernels.constants import BLOCK, BLOCK_WINDOW, GROUP, SUPERBLOCK
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import SAFETY
from seismic.kernels.upper_bounds import (
    add_upper_bounds,
    choose_heaviest,
    make_bound_scratch,
    whole_weight,
)
from tests import naive, samples
from tests.kernels.conftest import needs_jit
from tests.kernels.shards import ALL_DENSE, SOME_DENSE, shard_of


@pytest.mark.parametrize("dense", [range(0), SOME_DENSE, ALL_DENSE])
@given(vectors=samples.sparse_vectors(max_size=40), data=st.data())
def test_bounds_are_never_below_a_score(dense: range, vectors: SparseVectors, data: st.DataObject) -> None:
    shard = shard_of(vectors, dense)
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    _, components, values = samples.queries([query])
    scratch = shard.workspace().scratch
    unit, n_light = add_upper_bounds(shard.maxima, components, values, 0.0, 1, scratch)
    assert n_light == 0
    assert scratch.group_maxima.tolist() == [scratch.upper_bounds.max()]
    for block, first in enumerate(range(0, len(vectors), BLOCK)):
        best = max(naive.dot(row, query) for row in shard.documents[first : first + BLOCK])
        assert unit * (int(scratch.upper_bounds[block]) + len(query)) * SAFETY >= best
        assert (scratch.upper_bounds[block] > 0) == (best > 0)
    assert not scratch.upper_bounds[block + 1 :].any()


@needs_jit
def test_bounds_of_several_windows() -> None:
    """Compare with sums over all blocks, of random codes."""
    rng, dimension, groups = np.random.default_rng(0), 4, BLOCK_WINDOW // GROUP + 3
    n_blocks = groups * GROUP
    blocks = [np.flatnonzero(rng.random(n_blocks) < share) for share in (0.02, 0.0001, 0.0)]
    codes = [*(rng.integers(1, 256, len(row), np.uint8) for row in blocks), rng.integers(0, 256, n_blocks, np.uint8)]
    maxima = samples.readonly(
        Maxima(
            samples.offsets([*map(len, blocks), 0]),
            np.concatenate(blocks).astype(np.uint16),
            np.array([[(row < BLOCK_WINDOW).sum(), len(row)] for row in [*blocks, blocks[-1]]], np.uint32).ravel(),
            samples.offsets([*map(len, codes)]),
            np.concatenate(codes),
            np.ones(dimension, np.float32),
        )
    )
    components, values = np.arange(dimension, dtype=np.uint32), np.array([3, 2, 1, 0.5], np.float32)
    scratch = make_bound_scratch(dimension, groups)
    unit, _ = add_upper_bounds(maxima, components, values, 0.0, groups, scratch)
    expected = np.zeros(n_blocks, np.int64)
    for at, row in enumerate([*blocks, np.arange(n_blocks)]):
        expected[row] += codes[at].astype(np.int64) * whole_weight(values[at], np.float32(1), unit, dimension) >> 8
    np.testing.assert_array_equal(scratch.upper_bounds[:n_blocks], expected)
    np.testing.assert_array_equal(scratch.group_maxima, expected.reshape(-1, GROUP).max(axis=1))
    assert not scratch.upper_bounds[n_blocks:].any()


@needs_jit
def test_light_components_are_bounded_by_superblocks_and_refined() -> None:
    rng, groups = np.random.default_rng(1), BLOCK_WINDOW // GROUP + 3
    n_blocks, dimension = groups * GROUP, 4
    codes = rng.integers(0, 256, (dimension, n_blocks), np.uint8) * (rng.random((dimension, n_blocks)) < 0.3)
    superblocks = codes.reshape(dimension, -1, SUPERBLOCK).max(axis=2)
    padding = np.zeros((dimension, -superblocks.shape[1] % GROUP), np.uint8)
    rows = np.concatenate([codes, superblocks, padding], axis=1)
    maxima = samples.readonly(
        Maxima(
            np.zeros(dimension + 1, np.int32),
            np.empty(0, np.uint16),
            np.zeros(2 * dimension, np.uint32),
            samples.offsets([rows.shape[1]] * dimension),
            rows.ravel(),
            np.ones(dimension, np.float32),
        )
    )
    components, values = np.arange(dimension, dtype=np.uint32), np.array([4, 0.25, 5, 0.5], np.float32)
    scratch = make_bound_scratch(dimension, groups)
    unit, n_light = add_upper_bounds(maxima, components, values, 0.1, groups, scratch)
    assert n_light == 2  # 0.75 of 9.75
    weights = [whole_weight(value, np.float32(1), unit, dimension) for value in values]
    of_blocks = [weight * row.astype(np.int64) >> 8 for weight, row in zip(weights, codes, strict=True)]
    of_superblocks = [weight * row.astype(np.int64) >> 8 for weight, row in zip(weights, superblocks, strict=True)]
    heavy = of_blocks[0] + of_blocks[2]
    bounds = heavy + (of_superblocks[1] + of_superblocks[3]).repeat(SUPERBLOCK)
    np.testing.assert_array_equal(scratch.upper_bounds[:n_blocks], bounds)
    np.testing.assert_array_equal(scratch.group_maxima, bounds.reshape(-1, GROUP).max(axis=1))
    refined, low = sum(of_blocks), 40_000
    count = collect_blocks(scratch, groups, n_blocks - 1, low, 50_000)
    chosen = np.flatnonzero((bounds >= low) & (bounds < 50_000) & (np.arange(n_blocks) < n_blocks - 1))
    np.testing.assert_array_equal(scratch.blocks[:count], chosen)
    least = int(np.median(refined[chosen]))
    count = refine(maxima, n_light, count, least, scratch)
    chosen = chosen[refined[chosen] >= least]
    np.testing.assert_array_equal(scratch.blocks[:count], chosen)
    np.testing.assert_array_equal(scratch.keys[:count], refined[chosen])
    sort_blocks(scratch, count)
    np.testing.assert_array_equal(scratch.bounds[:count], refined[scratch.order[:count]])
    assert (np.diff(scratch.bounds[:count].astype(int)) <= (refined.max() - least) // 500).all()


@given(data=st.data(), share=st.floats(0.01, 1))
def test_the_heaviest_components(data: st.DataObject, share: float) -> None:
    """Check for the fewest components that make up the share, up to ties."""
    (query,) = data.draw(samples.sparse_rows(samples.WIDE, min_size=1, max_size=1))
    assume(query)
    _, components, values = samples.queries([query])
    scales = np.linspace(0.5, 2, samples.WIDE, dtype=np.float32)
    maxima = samples.maxima([], samples.WIDE, range(0))._replace(scales=scales)
    scratch = make_bound_scratch(samples.WIDE, 1)
    count, stretch = choose_heaviest(samples.readonly(maxima), components, values, share, scratch)
    most = {component: np.float64(weight) * scales[component] for component, weight in query.items()}
    chosen = scratch.components[:count].tolist()
    assert chosen == [component for component in components.tolist() if component in set(chosen)]
    assert scratch.values[:count].tolist() == [np.float32(query[component]) for component in chosen]
    kept, total = sum(most[component] for component in chosen), sum(most.values())
    assert kept >= share * total * (1 - 1e-9)
    lightest = min(most[component] for component in chosen)
    assert all(value <= lightest for component, value in most.items() if component not in chosen)
    without = sum(most[component] for component in chosen if most[component] > lightest * (1 + 1e-4))
    assert without < share * total
    assert stretch == pytest.approx((total / kept) ** 0.5)
