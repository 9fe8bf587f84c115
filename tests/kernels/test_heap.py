import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels import heap
from tests import naive, samples

hits = st.lists(st.tuples(st.integers(0, 1000), samples.eighths), max_size=60, unique_by=lambda hit: hit[0])


def keep(offered: list[tuple[int, float]], capacity: int) -> tuple[np.ndarray, np.ndarray, int]:
    scores, numbers, size = np.full(capacity, np.nan, np.float32), np.full(capacity, -7), 0
    for number, score in offered:
        size = heap.push(scores, numbers, size, score, number)
    return scores, numbers, size


@given(hits, st.integers(1, 70))
def test_keeps_the_best_in_order(offered: list[tuple[int, float]], capacity: int) -> None:
    scores, numbers, size = keep(offered, capacity)
    expected = naive.best_first(offered, capacity)
    assert size == len(expected)
    heap.sort_best_first(scores, numbers, size)
    assert list(zip(numbers[:size].tolist(), scores[:size].tolist(), strict=True)) == expected
    assert numbers[size:].tolist() == [-1] * (capacity - size)
    assert scores[size:].tolist() == [0] * (capacity - size)


@given(hits.filter(bool), st.integers(1, 20))
def test_the_root_is_the_worst_kept(offered: list[tuple[int, float]], capacity: int) -> None:
    scores, numbers, _ = keep(offered, capacity)
    assert (numbers[0], scores[0]) == naive.best_first(offered, capacity)[-1]


@given(st.permutations(range(12)))
def test_ties_go_to_the_lower_number_in_any_order(numbers: list[int]) -> None:
    scores, kept, size = keep([(number, 1.0) for number in numbers], 5)
    heap.sort_best_first(scores, kept, size)
    assert kept.tolist() == [0, 1, 2, 3, 4]
