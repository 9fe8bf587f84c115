import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.heaviest import select_heaviest, take_heads
from tests import naive, samples


@given(st.lists(samples.weights, max_size=40), st.data())
def test_selects_the_largest_and_the_earlier_of_equals(values: list[float], data: st.DataObject) -> None:
    array = np.array(values, np.float32)
    start = data.draw(st.integers(0, len(values)))
    stop = data.draw(st.integers(start, len(values)))
    chosen = np.full(data.draw(st.integers(1, 20)), -1)
    count = select_heaviest(array, start, stop, chosen)
    expected = [start + place for place in naive.heaviest(values[start:stop], len(chosen))]
    assert chosen[:count].tolist() == expected
    assert (chosen[count:] == -1).all()


def test_equal_values_are_taken_in_their_order() -> None:
    chosen = np.zeros(3, np.int64)
    assert select_heaviest(np.array([2, 1, 2, 2, 2], np.float32), 0, 5, chosen) == 3
    assert chosen.tolist() == [0, 2, 3]


@given(samples.sparse_vectors(), st.integers(1, 30))
def test_heads_are_the_heaviest_components_of_every_document(vectors: SparseVectors, cut: int) -> None:
    heads = samples.empty_heads(vectors, cut)
    take_heads(*samples.csr(vectors), 0, len(vectors), heads)
    for found, expected in zip(heads, samples.heads(vectors, cut), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dimension", samples.SPREAD)
def test_heads_of_a_range_leave_the_others_alone(dimension: int) -> None:
    vectors = SparseVectors.from_dicts([{1: 1.0}, {2: 2.0}, {3: 3.0}], dimension)
    heads = samples.empty_heads(vectors, 2)
    take_heads(*samples.csr(vectors), 1, 2, heads)
    assert heads.counts.tolist() == [0, 1, 0]
    assert heads.components[:, 0].tolist() == [0, 2, 0]
