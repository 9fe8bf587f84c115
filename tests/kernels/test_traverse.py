from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels import signature, traverse
from seismic.kernels.score import Forward, load_query
from seismic.kernels.traverse import Blocks, Summaries, Workspace, make_workspace, search_blocks_batch
from tests import naive, samples
from tests.kernels.conftest import in_forms, signed
from tests.naive import Row


class Case(NamedTuple):
    """Documents, their posting lists in blocks with whole maxima as summaries, and a query."""

    vectors: SparseVectors
    lists: dict[int, list[list[int]]]
    query: Row

    @property
    def documents(self) -> list[Row]:
        return naive.stored(naive.rows(self.vectors))

    @property
    def summaries(self) -> dict[int, list[Row]]:
        rows = naive.rows(self.vectors)
        return {
            component: [naive.maximum([rows[position] for position in block]) for block in blocks]
            for component, blocks in self.lists.items()
        }

    def arrays(self) -> tuple[Blocks, Summaries, Forward]:
        dimension = self.vectors.dimension
        summaries = samples.summaries(self.summaries, dimension)
        return samples.blocks(self.lists, dimension), summaries, samples.forward(self.vectors)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    vectors = draw(samples.sparse_vectors())
    lists: dict[int, list[list[int]]] = {}
    for component, postings in sorted(naive.invert(naive.rows(vectors)).items()):
        labels = draw(st.lists(st.integers(0, 4), min_size=len(postings), max_size=len(postings)))
        groups = naive.group(labels, 5)
        lists[component] = [[postings[at][0] for at in group] for group in groups if group]
    (query,) = draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    return Case(vectors, lists, query)


class Found(NamedTuple):
    numbers: np.ndarray
    scores: np.ndarray
    counters: list[int]


def search(case: Case, k: int, query_cut: int, heap_factor: float) -> Found:
    blocks, summaries, forward = case.arrays()
    room = int(blocks.lists[-1])
    workspace = make_workspace(case.vectors.dimension, len(case.vectors), room)
    numbers, scores = np.full((1, k), -7), np.full((1, k), np.nan, np.float32)
    counters = np.zeros(4, np.int64)
    query = samples.queries([case.query])
    search_blocks_batch(
        blocks, summaries, forward, *query, query_cut, heap_factor, workspace, scores, numbers, counters
    )
    for array in (workspace.visited, *workspace.table):
        assert not array.any()
    return Found(numbers[0], scores[0], counters.tolist())


@given(cases(), st.integers(1, 25))
def test_without_pruning_it_is_exact(case: Case, k: int) -> None:
    found = search(case, k, samples.COMPONENTS, 1e-9)
    naive.assert_top_k(found.numbers, found.scores, case.documents, case.query)


@given(cases(), st.integers(1, 5), st.floats(0.1, 2))
def test_blocks_whose_estimate_reaches_the_threshold_are_visited(case: Case, k: int, heap_factor: float) -> None:
    found = search(case, k, samples.COMPONENTS, heap_factor)
    hits = found.numbers[found.numbers >= 0].tolist()
    worst = float(found.scores[k - 1])
    for component in case.query.keys() & case.lists.keys():
        for block, estimate in zip(
            case.lists[component], naive.estimates(case.summaries[component], case.query), strict=True
        ):
            if estimate > heap_factor * worst * (1 + 1e-4):
                scores = {position: naive.dot(case.documents[position], case.query) for position in block}
                assert all(scores[position] <= worst * (1 + 1e-5) for position in block if position not in hits)


@given(cases(), st.integers(1, 25), st.integers(1, 10), st.floats(0.1, 2))
def test_hits_carry_their_true_scores(case: Case, k: int, query_cut: int, heap_factor: float) -> None:
    found = search(case, k, query_cut, heap_factor)
    visited = naive.heaviest(list(case.query.values()), query_cut)
    components = [list(case.query)[place] for place in visited]
    reachable = [row if row.keys() & set(components) else {} for row in case.documents]
    truth = naive.matches(reachable, case.query)
    hits = found.numbers[found.numbers >= 0].tolist()
    np.testing.assert_allclose(found.scores[: len(hits)], [truth[number] for number in hits], rtol=1e-5)
    lists, blocks, blocks_visited, scored = found.counters
    assert lists == len(components)
    assert blocks == sum(len(case.lists.get(component, ())) for component in components)
    assert len(hits) <= scored <= len(truth)
    assert blocks_visited <= blocks


@given(cases())
def test_only_the_heaviest_lists_are_visited(case: Case) -> None:
    found = search(case, len(case.vectors), 1, 1e-9)
    heaviest = naive.head(case.query, 1)
    reachable = [row if row.keys() & heaviest.keys() else {} for row in case.documents]
    naive.assert_top_k(found.numbers, found.scores, reachable, case.query)


def test_a_high_heap_factor_skips_blocks() -> None:
    vectors = SparseVectors.from_dicts([{0: 16.0 / (1 + number)} for number in range(60)])
    case = Case(vectors, {0: [[number] for number in range(60)]}, {0: 1.0})
    found = search(case, 1, 1, 1.0)
    assert found.numbers.tolist() == [0]
    assert found.counters[2] <= traverse.AHEAD
    assert found.counters[3] == found.counters[2]


def loaded(query: Row, dimension: int, blocks: int, mark: Callable[..., None] = signature.mark) -> Workspace:
    workspace = make_workspace(dimension, 1, blocks)
    _, components, values = samples.queries([query])
    load_query(workspace.table, components, values)
    workspace.table.signature[:] = signed(mark, components)
    return workspace


@in_forms(traverse._add_runs_by_lookup, traverse._add_runs_by_signature)
@pytest.mark.parametrize("dimension", samples.SPREAD)
def test_estimates_are_query_times_summary(
    form: Callable[..., None], mark: Callable[..., None], dimension: int
) -> None:
    rows = naive.rows(samples.random_vectors(200, dimension, per_vector=20, empty=0))
    summaries = {3: rows[:50], 7: rows[50:120], 9: rows[120:]}
    arrays = samples.summaries(summaries, dimension)
    for query in naive.rows(samples.random_vectors(3, dimension, per_vector=20, seed=1, empty=0)):
        workspace = loaded(query, dimension, 110, mark)
        workspace.estimates[:] = 0
        form(arrays, int(arrays.runs[7]), int(arrays.runs[8]), 40, workspace)
        found = workspace.estimates[40:] * arrays.scales[7]
        np.testing.assert_allclose(found, naive.estimates(summaries[7], query), rtol=1e-5)
        assert not workspace.estimates[:40].any()


@given(st.lists(st.just(0.0) | st.floats(2.0**-100, 100, width=32), min_size=1, max_size=80))
def test_candidates_are_sorted_but_for_one_step(estimates: list[float]) -> None:
    workspace = make_workspace(1, 1, len(estimates))
    workspace.estimates[:] = estimates
    highest = traverse._sort_candidates(len(estimates), workspace)
    assert highest == max(estimates)
    assert sorted(workspace.order.tolist()) == list(range(len(estimates)))
    ordered = workspace.estimates[workspace.order]
    best_after = np.maximum.accumulate(ordered[::-1])[::-1]
    assert (best_after - ordered <= highest / (traverse.BUCKETS - 1) * 1.001).all()


@pytest.mark.parametrize("highest", [1e-35, 1e36])
def test_extreme_estimates_stay_inside_the_histogram(highest: float) -> None:
    workspace = make_workspace(1, 1, 3)
    workspace.estimates[:] = [0, highest, highest]
    guarded = np.zeros(1024, np.int64)  # what is written beyond the histogram shows
    traverse._sort_candidates(3, workspace._replace(histogram=guarded[: len(workspace.histogram)]))
    assert not guarded[len(workspace.histogram) :].any()
    assert workspace.order.tolist() == [1, 2, 0]
