from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels import estimate as estimating
from seismic.kernels import lists, traverse
from seismic.kernels.constants import BLOCK, GROUP
from seismic.kernels.lists import Blocks, Summaries, make_workspace, padded
from seismic.kernels.score import Forward, load_query
from seismic.kernels.summarize import MAX_CODE
from seismic.kernels.topk import Queries, TopK
from seismic.kernels.traverse import search_lists_batch
from seismic.kernels.visit import ALL
from tests import naive, samples
from tests.naive import Codes, Row

EVERY_DOCUMENT = np.zeros(0, np.uint8)


class Case(NamedTuple):
    """Documents, their posting lists in blocks with whole maxima as summaries, and a query."""

    vectors: SparseVectors
    query: Row

    @property
    def documents(self) -> list[Row]:
        return naive.stored(naive.rows(self.vectors))

    @property
    def lists(self) -> dict[int, list[list[int]]]:
        postings = naive.invert(naive.rows(self.vectors))
        return {c: naive.in_blocks([position for position, _ in postings[c]], BLOCK) for c in sorted(postings)}

    @property
    def scales(self) -> Row:
        return naive.summary_scales(naive.rows(self.vectors))

    @property
    def summaries(self) -> dict[int, list[Codes]]:
        rows, scales = naive.rows(self.vectors), self.scales
        return {
            component: [naive.summarize([rows[position] for position in block], scales) for block in blocks]
            for component, blocks in self.lists.items()
        }

    def arrays(self) -> tuple[Blocks, Summaries, Forward]:
        dimension = self.vectors.dimension
        summaries = samples.summaries(self.summaries, self.scales, dimension)
        return samples.blocks(self.lists, dimension), summaries, samples.forward(self.vectors)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    vectors = draw(samples.sparse_vectors(max_size=60))
    (query,) = draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    return Case(vectors, query)


class Found(NamedTuple):
    numbers: np.ndarray
    scores: np.ndarray
    counters: list[int]


def search(case: Case, k: int, query_cut: int, heap_factor: float, allowed: np.ndarray = EVERY_DOCUMENT) -> Found:
    blocks, summaries, forward = case.arrays()
    room = sum(padded(len(list_)) for list_ in case.lists.values())
    workspace = make_workspace(case.vectors.dimension, len(case.vectors), room)
    numbers, scores = np.full((1, k), -7), np.full((1, k), np.nan, np.float32)
    counters = np.zeros((1, 4), np.int64)
    query = Queries(*samples.queries([case.query]))
    search_lists_batch(
        blocks, summaries, forward, query, query_cut, heap_factor, allowed, workspace, TopK(scores, numbers, counters)
    )
    for array in (workspace.visited, workspace.weights, workspace.estimates, *workspace.table):
        assert not array.any()
    return Found(numbers[0], scores[0], counters[0].tolist())


@given(cases(), st.integers(1, 25))
def test_without_pruning_it_is_exact(case: Case, k: int) -> None:
    found = search(case, k, samples.COMPONENTS, 1e-9)
    naive.assert_top_k(found.numbers, found.scores, case.documents, case.query)


@given(cases(), st.integers(1, 25), st.data())
def test_only_allowed_documents_are_scored(case: Case, k: int, data: st.DataObject) -> None:
    size = -(-len(case.vectors) // BLOCK)
    allowed = data.draw(st.lists(st.integers(0, ALL), min_size=size, max_size=size))
    documents = [row if allowed[at // BLOCK] >> at % BLOCK & 1 else {} for at, row in enumerate(case.documents)]
    found = search(case, k, samples.COMPONENTS, 1e-9, np.array(allowed, np.uint8))
    naive.assert_top_k(found.numbers, found.scores, documents, case.query)
    assert found.counters[3] == len(naive.matches(documents, case.query))


@given(cases(), st.integers(1, 5), st.floats(0.1, 2))
def test_blocks_whose_estimate_reaches_the_threshold_are_visited(case: Case, k: int, heap_factor: float) -> None:
    found = search(case, k, samples.COMPONENTS, heap_factor)
    hits = found.numbers[found.numbers >= 0].tolist()
    worst = float(found.scores[k - 1])
    largest = sum(weight * case.scales.get(component, 0) * MAX_CODE for component, weight in case.query.items())
    rounding = (len(case.query) * MAX_CODE + 1) * largest / 65535
    lists, summaries, documents = case.lists, case.summaries, case.documents
    for component in case.query.keys() & lists.keys():
        for block, estimate in zip(
            lists[component], naive.estimates(summaries[component], case.scales, case.query), strict=True
        ):
            if estimate > heap_factor * worst * (1 + 1e-4) + rounding:
                scores = {position: naive.dot(documents[position], case.query) for position in block}
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
    vectors = SparseVectors.from_dicts([{0: 16.0 / (1 + number // BLOCK)} for number in range(60 * BLOCK)])
    found = search(Case(vectors, {0: 1.0}), 1, 1, 1.0)
    assert found.numbers.tolist() == [0]
    assert found.counters[2] <= 2 + traverse.DOCUMENTS_AHEAD // BLOCK
    assert found.counters[3] == found.counters[2] * BLOCK


@pytest.mark.parametrize("dimension", samples.SPREAD)
def test_estimates_are_query_times_summary(dimension: int) -> None:
    case = Case(samples.random_vectors(700, dimension, per_vector=20, empty=0), {})
    _, summaries, _ = case.arrays()
    lists, codes, scales = case.lists, case.summaries, case.scales
    chosen = np.array(sorted(lists, key=lambda component: -len(lists[component]))[:5])
    bases = np.cumsum([0] + [padded(len(lists[component])) for component in chosen.tolist()])
    assert bases[-1] > 5 * GROUP
    for query in naive.rows(samples.random_vectors(3, dimension, per_vector=20, seed=1, empty=0)):
        workspace = make_workspace(dimension, len(case.vectors), int(bases[-1]))
        arrays = samples.queries([query])[1:]
        load_query(workspace.table, *arrays)
        unit = estimating.load_weights(summaries.scales, *arrays, workspace.weights)
        estimating.estimate(summaries, chosen, bases, workspace)
        assert (
            workspace.group_maxima.tolist() == workspace.estimates[: bases[-1]].reshape(-1, GROUP).max(axis=1).tolist()
        )
        for base, component in zip(bases, chosen.tolist(), strict=False):
            expected = naive.estimates(codes[component], scales, query)
            found = workspace.estimates[base : base + len(expected)] * unit
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=unit * MAX_CODE * len(query))
            assert (found <= np.array(expected) * (1 + 1e-5)).all()


def test_runs_are_added_when_their_buffer_is_full() -> None:
    vectors = samples.random_vectors(40, 120, per_vector=80, empty=0)
    (query,) = naive.rows(samples.random_vectors(1, 120, per_vector=80, seed=1, empty=0))
    case = Case(vectors, query)
    chosen = naive.heaviest(list(query.values()), 20)
    summaries = case.summaries
    located = sum(
        len(naive.invert_summaries(summaries.get(list(query)[place], [])).keys() & query.keys()) for place in chosen
    )
    assert located > lists.LOCATED
    found = search(case, 10, 20, 1e-9)
    naive.assert_top_k(found.numbers, found.scores, case.documents, query)
