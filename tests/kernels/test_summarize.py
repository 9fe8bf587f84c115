import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.summarize import Inverted, make_scratch, summarize_lists
from tests import naive, samples
from tests.naive import Row

Lists = dict[int, list[list[int]]]
Runs = dict[int, list[tuple[int, int]]]


def summarized(
    vectors: SparseVectors, lists: Lists, energy: float, first: int = 0, last: int | None = None
) -> dict[int, tuple[float, Runs]]:
    """List -> (scale, component -> (block, code)), of the lists that have summaries."""
    last = vectors.dimension if last is None else last
    room = sum(len(vectors[position][0]) for blocks in lists.values() for block in blocks for position in block)
    out = Inverted(
        np.zeros(room, vectors.components.dtype),
        np.zeros(room, np.uint32),
        np.zeros(room, np.uint16),
        np.zeros(room, np.uint8),
        np.zeros(last - first, np.int64),
        np.zeros(last - first, np.float32),
    )
    scratch = make_scratch(vectors.dimension, room)
    guarded = np.zeros(2 * len(scratch.mass), np.float32)  # what is written beyond the histogram shows
    scratch = scratch._replace(mass=guarded[: len(scratch.mass)])
    csr = samples.csr(vectors)
    total = summarize_lists(*csr, *samples.blocks(lists, vectors.dimension), first, last, energy, scratch, out)
    assert not scratch.maxima.any()
    assert not scratch.fill.any()
    assert not guarded[len(scratch.mass) :].any()
    run = entry = 0
    result = {}
    for at in np.flatnonzero(out.runs).tolist():
        runs: Runs = {}
        for _ in range(out.runs[at]):
            span = slice(entry, entry + int(out.lengths[run]))
            runs[int(out.components[run])] = list(zip(out.blocks[span].tolist(), out.codes[span].tolist(), strict=True))
            run, entry = run + 1, span.stop
        result[first + at] = (float(out.scales[at]), runs)
    assert total == (run, entry)
    return result


@st.composite
def vectors_in_blocks(
    draw: st.DrawFn, values: st.SearchStrategy[float] = samples.weights
) -> tuple[SparseVectors, Lists]:
    """Vectors, and blocks of any of them for some components."""
    vectors = draw(samples.sparse_vectors(values))
    block = st.lists(st.integers(0, len(vectors) - 1), min_size=1, max_size=8, unique=True).map(sorted)
    lists = st.dictionaries(st.integers(0, vectors.dimension - 1), st.lists(block, min_size=1, max_size=5), max_size=4)
    return vectors, draw(lists)


@given(vectors_in_blocks(values=samples.eighths), st.sampled_from([1 / 8, 0.5, 0.75, 1.0]))
def test_equals_the_oracle(case: tuple[SparseVectors, Lists], energy: float) -> None:
    vectors, lists = case
    documents = naive.rows(vectors)
    expected = {}
    for component, blocks in lists.items():
        summaries = [naive.summarize([documents[position] for position in block], energy) for block in blocks]
        if any(summaries):
            expected[component] = naive.invert_summaries(summaries)
    assert summarized(vectors, lists, energy) == expected


@given(vectors_in_blocks(), st.floats(0.01, 1))
def test_summaries_hold_their_energy_and_hardly_more(case: tuple[SparseVectors, Lists], energy: float) -> None:
    vectors, lists = case
    documents = naive.rows(vectors)
    found = summarized(vectors, lists, energy)
    for component, blocks in lists.items():
        _, runs = found.get(component, (0, {}))
        for number, block in enumerate(blocks):
            whole = naive.maximum([documents[position] for position in block])
            kept = {c: whole[c] for c, entries in runs.items() if number in dict(entries)}
            assert_minimal(whole, kept, energy)


def assert_minimal(whole: Row, kept: Row, energy: float) -> None:
    """Enough mass, and without the smallest step of components too little."""
    needed = energy * sum(whole.values())
    assert sum(kept.values()) >= needed * (1 - 1e-5)
    steps = [step for step in naive.energy_buckets(whole) if step]
    used = [step for step in steps if step.keys() & kept.keys()]
    assert used == steps[: len(used)]
    assert kept == {component: value for step in used for component, value in step.items()}
    assert sum(value for step in used[:-1] for value in step.values()) <= needed * (1 + 1e-5)


@given(vectors_in_blocks())
def test_codes_are_off_by_half_a_step_and_never_zero(case: tuple[SparseVectors, Lists]) -> None:
    vectors, lists = case
    documents = naive.rows(vectors)
    for component, (scale, runs) in summarized(vectors, lists, 1.0).items():
        whole = [naive.maximum([documents[position] for position in block]) for block in lists[component]]
        for entry_component, entries in runs.items():
            for block, code in entries:
                assert code > 0
                wanted = whole[block][entry_component]
                assert abs(scale * code - wanted) <= scale * (0.501 if wanted > scale / 2 else 1)


def test_ranges_give_their_part() -> None:
    vectors = samples.random_vectors(30, empty=0)
    lists = {3: [[0, 1], [2]], 5: [[3]], 9: [[4, 5, 6]]}
    whole = summarized(vectors, lists, 0.5)
    assert sorted(whole) == [3, 5, 9]
    assert summarized(vectors, lists, 0.5, 4, 9) == {5: whole[5]}


@pytest.mark.parametrize("value", [1e-15, 1e15])
def test_extreme_values_are_summarised(value: float) -> None:
    vectors = SparseVectors.from_dicts([{0: value}])
    (scale, runs) = summarized(vectors, {0: [[0]]}, 0.5)[0]
    assert scale * runs[0][0][1] == pytest.approx(value, rel=1e-5)


def test_blocks_of_empty_documents_have_no_summary() -> None:
    assert summarized(SparseVectors.from_dicts([{}, {}], 3), {0: [[0, 1]]}, 0.5) == {}
