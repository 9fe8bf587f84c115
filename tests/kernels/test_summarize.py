import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.constants import BLOCK
from seismic.kernels.summarize import (
    CODE_BITS,
    MAX_BLOCKS,
    MAX_CODE,
    MAX_SHAPES,
    Cut,
    Inverted,
    cut_vectors,
    make_scratch,
    padded_length,
    summarize_lists,
)
from tests import naive, samples

Lists = dict[int, list[list[int]]]
Runs = dict[int, list[tuple[int, int]]]


def scales_of(vectors: SparseVectors) -> np.ndarray:
    scales = np.zeros(vectors.dimension, np.float32)
    for component, scale in naive.summary_scales(naive.rows(vectors)).items():
        scales[component] = scale
    return scales


def cut(vectors: SparseVectors, energy: float) -> Cut:
    components = np.zeros_like(vectors.components)
    out = Cut(np.zeros(len(vectors), np.int32), components, np.zeros(vectors.nnz, np.uint8))
    cut_vectors(*samples.csr(vectors), scales_of(vectors), 0, len(vectors), energy, out)
    return out


def kept(vectors: SparseVectors, energy: float) -> list[dict[int, int]]:
    """Return each document's codes by component."""
    out = cut(vectors, energy)
    spans = [slice(start, start + count) for start, count in zip(vectors.indptr, out.counts, strict=False)]
    return [dict(zip(out.components[at].tolist(), out.codes[at].tolist(), strict=True)) for at in spans]


def summarized(
    vectors: SparseVectors, lists: Lists, energy: float, rare: float = 0, first: int = 0, last: int | None = None
) -> dict[int, Runs]:
    """Return (block, code) by list and component, for lists with summaries."""
    last = vectors.dimension if last is None else last
    room = sum(len(vectors[position][0]) for blocks in lists.values() for block in blocks for position in block)
    out = Inverted(
        *(np.zeros(last - first, np.int64) for _ in range(3)),
        np.zeros(room, np.uint16),
        np.zeros(room, np.uint32),
        np.zeros(room, vectors.components.dtype),
        np.full(2 * room, 12345, np.uint16),
    )
    scratch = make_scratch(vectors.dimension, room)
    blocks = samples.blocks(lists, vectors.dimension)
    total = summarize_lists(vectors.indptr, cut(vectors, energy), *blocks, first, last, rare, scratch, out)
    assert not scratch.codes.any()
    assert not scratch.fill.any()
    assert total == (out.shapes.sum(), out.runs.sum(), out.entries.sum())
    shape = run = entry = 0
    result: dict[int, Runs] = {}
    for at in np.flatnonzero(out.runs).tolist():
        runs: Runs = {}
        shapes = slice(shape, shape + int(out.shapes[at]))
        assert (np.diff(out.lengths[shapes].astype(int)) > 0).all()
        for length, count in zip(out.lengths[shapes].tolist(), out.counts[shapes].tolist(), strict=True):
            for _ in range(count):
                entries = out.values[entry : entry + length]
                codes = [(value >> CODE_BITS, value & MAX_CODE) for value in entries.tolist()]
                runs[int(out.components[run])] = [pair for pair in codes if pair != (0, 0)]
                assert padded_length(len(runs[int(out.components[run])]))[1] == length
                run, entry = run + 1, entry + length
        shape = shapes.stop
        result[first + at] = runs
    assert total == (shape, run, entry)
    return result


@st.composite
def vectors_in_blocks(draw: st.DrawFn) -> tuple[SparseVectors, Lists]:
    """Draw vectors, and blocks of some of them for some components."""
    vectors = draw(samples.sparse_vectors(samples.eighths, max_size=40))
    postings = st.lists(st.integers(0, len(vectors) - 1), min_size=1, unique=True).map(sorted)
    lists = st.dictionaries(st.integers(0, vectors.dimension - 1), postings, max_size=4)
    return vectors, {component: naive.in_blocks(list_, BLOCK) for component, list_ in draw(lists).items()}


@given(vectors_in_blocks(), st.sampled_from([1 / 8, 0.5, 0.75, 1.0]), st.sampled_from([0, 0.3, 0.7]))
def test_equals_the_oracle(case: tuple[SparseVectors, Lists], energy: float, rare: float) -> None:
    vectors, lists = case
    documents = naive.rows(vectors)
    scales = naive.summary_scales(documents)
    heads = [naive.cut(row, energy) for row in documents]
    expected = {}
    for component, blocks in lists.items():
        summaries = [naive.summarize([heads[position] for position in block], scales) for block in blocks]
        if runs := naive.invert_summaries(summaries, rare):
            expected[component] = runs
    assert summarized(vectors, lists, energy, rare) == expected


@given(samples.sparse_vectors(), st.floats(0.01, 1))
def test_what_is_kept_holds_its_energy_and_hardly_more(vectors: SparseVectors, energy: float) -> None:
    for row, codes in zip(naive.rows(vectors), kept(vectors, energy), strict=True):
        needed = energy * sum(row.values())
        assert sum(row[component] for component in codes) >= needed * (1 - 1e-5)
        steps = [step for step in naive.energy_buckets(row) if step]
        used = [step for step in steps if step.keys() & codes.keys()]
        assert used == steps[: len(used)]
        assert codes.keys() == {component for step in used for component in step}
        assert sum(value for step in used[:-1] for value in step.values()) <= needed * (1 + 1e-5)


@given(samples.sparse_vectors())
def test_codes_are_off_by_half_a_step_and_never_zero(vectors: SparseVectors) -> None:
    scales = scales_of(vectors)
    for row, codes in zip(naive.rows(vectors), kept(vectors, 1.0), strict=True):
        assert codes.keys() == row.keys()
        for component, code in codes.items():
            scale = float(scales[component])
            assert 1 <= code <= MAX_CODE
            assert abs(scale * code - row[component]) <= scale * (0.501 if row[component] > scale / 2 else 1)


def test_ranges_give_their_part() -> None:
    vectors = samples.random_vectors(30, empty=0)
    lists = {3: [[0, 1], [12]], 5: [[3]], 9: [[4, 5, 6]]}
    whole = summarized(vectors, lists, 0.5)
    assert sorted(whole) == [3, 5, 9]
    assert summarized(vectors, lists, 0.5, first=4, last=9) == {5: whole[5]}


@pytest.mark.parametrize("value", [1e-15, 1e15])
def test_extreme_values_are_summarised(value: float) -> None:
    assert summarized(SparseVectors.from_dicts([{0: value}]), {0: [[0]]}, 0.5) == {0: {0: [(0, MAX_CODE)]}}


def test_blocks_of_empty_documents_have_no_summary() -> None:
    assert summarized(SparseVectors.from_dicts([{}, {}], 3), {0: [[0, 1]]}, 0.5) == {}


def test_padded_lengths() -> None:
    which, padded = np.array([padded_length(length) for length in range(1, MAX_BLOCKS + 1)]).T
    lengths = np.arange(1, MAX_BLOCKS + 1)
    assert padded[:18].tolist() == [*range(1, 9), 10, 10, 12, 12, 14, 14, 16, 16, 20, 20]
    assert (padded >= lengths).all()
    assert (padded * 3 < lengths * 4).all()
    assert padded[-1] == MAX_BLOCKS
    assert set(np.diff(which).tolist()) == {0, 1}
    assert (np.diff(which) == (np.diff(padded) > 0)).all()
    assert which[-1] == MAX_SHAPES - 1
