"""Visiting blocks and rescoring their documents."""

import numpy as np
import pytest

from seismic import SparseVectors
from seismic.kernels.candidate_blocks import collect_blocks, sort_blocks
from seismic.kernels.constants import BLOCK
from seismic.kernels.exact import search_exact_batch
from seismic.kernels.score import load_query
from seismic.kernels.shared import rounding_of
from seismic.kernels.topk import Known, Queries, TopK
from seismic.kernels.upper_bounds import add_upper_bounds, unit_of
from seismic.kernels.visit import TERM_ROUNDING, Reach, Workspace, kth_score, make_exact_workspace, rescore, visit
from tests import naive, samples
from tests.kernels.shards import ALL, SOME_DENSE, Shard, assert_exact, search, shard_of
from tests.naive import Row


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_returns_allowed_documents_only(share: float) -> None:
    shard = shard_of(samples.random_vectors(1300, per_vector=12), SOME_DENSE)
    queries = naive.rows(samples.random_vectors(6, per_vector=6, seed=1))
    chosen = np.random.default_rng(0).random(len(shard.documents)) < share
    allowed = np.packbits(chosen, bitorder="little")
    rest = shard._replace(documents=[row if kept else {} for row, kept in zip(shard.documents, chosen, strict=True)])
    for k in (1, 10, 1300):
        found = search(shard, queries, k, allowed=allowed)
        assert_exact(rest, queries, found)
        assert found.counters[2] <= len(queries) * np.count_nonzero(allowed)


def test_what_scores_too_little_may_be_left_out() -> None:
    shard = shard_of(samples.random_vectors(2000, per_vector=12), SOME_DENSE)
    for query in naive.rows(samples.random_vectors(5, per_vector=6, seed=1, empty=0)):
        whole = search(shard, [query], 50)
        for rank in (0, 9, 49):
            least = whole.scores[0, rank]
            found = search(shard, [query], 10, least_score=least)
            size = min(10, int((whole.scores[0] >= least).sum()))
            np.testing.assert_array_equal(found.numbers[0, :size], whole.numbers[0, :size])
            np.testing.assert_array_equal(found.scores[0, :size], whole.scores[0, :size])
        assert found.counters[2] <= whole.counters[2]
        assert search(shard, [query], 10, least_score=2 * whole.scores[0, 0]).counters[3] == 0
        beyond = search(shard, [query], 10, least_score=100 * whole.scores[0, 0])
        assert beyond.counters[1] == 0  # no block is bounded
        assert (beyond.numbers == -1).all()
        assert (beyond.scores == 0).all()


@pytest.mark.parametrize("rank", [1, 10, 70])
def test_what_hits_of_other_shards_exclude_may_be_left_out(rank: int) -> None:
    shard = shard_of(samples.random_vectors(2000, per_vector=12), SOME_DENSE)
    for query in naive.rows(samples.random_vectors(3, per_vector=6, seed=1, empty=0)):
        whole = search(shard, [query], 300)
        others = whole.scores[0, 5:300:3]  # scores of another shard's hits, best first
        numbers, scores = np.full((1, rank), -7), np.full((1, rank), np.nan, np.float32)
        counters = np.zeros((1, 4), np.int64)
        known = Known(np.zeros(1, np.float32), others[None, :].copy(), rank)
        top, csr = TopK(scores, numbers, counters), Queries(*samples.queries([query]))
        search_exact_batch(shard.maxima, shard.shared, csr, 1.0, 1.0, known, ALL, shard.workspace(), top)
        least = np.sort(np.concatenate([whole.scores[0], others]))[::-1][rank - 1]
        size = int((whole.scores[0] > least).sum())
        np.testing.assert_array_equal(numbers[0, :size], whole.numbers[0, :size])
        np.testing.assert_array_equal(scores[0, :size], whole.scores[0, :size])
        assert counters[0, 2] <= whole.counters[2]


def test_a_heap_factor_above_one_skips_more_and_keeps_true_scores() -> None:
    shard = shard_of(samples.random_vectors(2000, per_vector=12), SOME_DENSE)
    queries = naive.rows(samples.random_vectors(5, per_vector=6, seed=1, empty=0))
    whole, found = search(shard, queries, 10), search(shard, queries, 10, 1.5)
    assert found.counters[2] < whole.counters[2]
    for row, query in enumerate(queries):
        truth = naive.matches(shard.documents, query)
        scores = [truth[number] for number in found.numbers[row].tolist()]
        np.testing.assert_allclose(found.scores[row], scores, rtol=1e-5)
    assert_exact(shard, queries, search(shard, queries, 10, 0.5))


def test_a_workspace_may_serve_smaller_shards() -> None:
    large, small = (shard_of(samples.random_vectors(size, seed=size), SOME_DENSE) for size in (1200, 30))
    queries = naive.rows(samples.random_vectors(3, seed=1, empty=0))
    workspace = large.workspace()
    for shard in (large, small, large):
        assert_exact(shard, queries, search(shard, queries, 10, workspace=workspace))


def test_ties_go_by_number_not_position() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 1.0}] * 20), range(0))
    numbers = np.random.default_rng(0).permutation(20).astype(np.uint32)
    shuffled = shard._replace(shared=samples.readonly(shard.shared._replace(numbers=numbers)))
    assert search(shuffled, [{0: 1.0}], 7).numbers.tolist() == [[0, 1, 2, 3, 4, 5, 6]]


def test_queries_without_a_match_have_no_hits() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 1.0}, {}], 3), range(0))
    found = search(shard, [{2: 1.0}, {}], 2)
    assert (found.numbers == -1).all()
    assert (found.scores == 0).all()
    assert found.counters[3] == 0


def test_blocks_are_visited_from_the_largest_upper_bound_down() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 1.0 + number // BLOCK} for number in range(4 * BLOCK)]), range(0))
    workspace, counters = loaded(shard, {0: 1.0}), np.zeros(4, np.int64)
    n_candidates = visit(shard.shared, 4, reach_of(shard, {0: 1.0}), ALL, workspace, 1, 0, counters)
    assert workspace.candidates[:n_candidates].tolist()[0] == 3 * BLOCK
    assert kth_score(workspace, 1, 0.0) == pytest.approx(4, rel=0.01)


def test_blocks_below_the_threshold_are_not_visited() -> None:
    shard = shard_of(SparseVectors.from_dicts([{0: 1.0 + number // BLOCK} for number in range(4 * BLOCK)]), range(0))
    workspace, counters = loaded(shard, {0: 1.0}), np.zeros(4, np.int64)
    reach = reach_of(shard, {0: 1.0})._replace(min_score=3.5)
    visit(shard.shared, 4, reach, ALL, workspace, 1, 0, counters)
    assert counters[2] == 1


def test_rescoring_settles_what_codes_leave_open() -> None:
    """Return two documents with equal codes and different residuals."""
    shard = shard_of(SparseVectors.from_dicts([{0: 1.0, 1: 255.0}, {0: 1.25, 1: 255.0}]), range(0))
    workspace, counters = loaded(shard, {0: 1.0}), np.zeros(4, np.int64)
    reach = reach_of(shard, {0: 1.0})
    n_candidates = visit(shard.shared, 1, reach, ALL, workspace, 1, 0, counters)
    assert sorted(workspace.candidates[:n_candidates].tolist()) == [0, 1]  # either may be the better one
    top = TopK(np.zeros(1, np.float32), np.zeros(1, np.int64), counters)
    rescore(shard.shared, n_candidates, reach.code_error, kth_score(workspace, 1, 0.0), workspace, top)
    assert (top.numbers[0], top.scores[0]) == (1, np.float32(1.25))


def test_more_candidates_than_there_is_room_for_hits() -> None:
    rows = [
        {0: 1.0 + (number % 50) / 64, 1: 1.0} for number in range(1500)
    ]  # many equal scores, all of them candidates
    shard = shard_of(SparseVectors.from_dicts(rows), range(2))
    small = make_exact_workspace(shard.dimension, len(rows), 40)
    for k in (1, 33, 40):
        assert_exact(shard, [{0: 1.0}], search(shard, [{0: 1.0}], k, 0.01, workspace=small))


def loaded(shard: Shard, query: Row) -> Workspace:
    """Return a workspace with a query's table, upper bounds and all blocks in order."""
    workspace, (_, components, values) = shard.workspace(), samples.queries([query])
    load_query(workspace.table, components, values)
    add_upper_bounds(shard.maxima, components, values, 0.0, 1, workspace.scratch)
    blocks = len(shard.shared.starts) - 1
    assert collect_blocks(workspace.scratch, 1, blocks, 0, 1 << 16) == blocks
    sort_blocks(workspace.scratch, blocks)
    return workspace


def reach_of(shard: Shard, query: Row) -> Reach:
    _, components, values = samples.queries([query])
    unit = unit_of(shard.maxima.scales, components, values)
    code_error = np.float32(values.sum() * (rounding_of(shard.shared) + len(query) * TERM_ROUNDING))
    return Reach(unit, code_error, len(query), 1.0, 0.0)
