"""Bitmaps of windows of a sorted order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seismic.kernels.windows import count_bits, mark_places, mark_positions


@settings(deadline=None)
@given(documents=st.integers(1, 300), data=st.data())
def test_a_window_marks_its_documents_either_way(documents: int, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(documents))), np.uint32)
    positions = order[: data.draw(st.integers(0, documents))]  # others have no value
    places = np.full(documents, 2**32 - 1, np.uint32)
    places[positions] = np.arange(len(positions), dtype=np.uint32)
    first = data.draw(st.integers(0, len(positions)))
    last = data.draw(st.integers(first, len(positions)))
    expected = np.zeros(documents, bool)
    expected[positions[first:last]] = True
    by_place, by_position = (np.zeros(-(-documents // 8), np.uint8) for _ in range(2))
    mark_places(places, first, last - first, by_place)
    mark_positions(positions[first:last], by_position)
    np.testing.assert_array_equal(by_place, np.packbits(expected, bitorder="little"))
    np.testing.assert_array_equal(by_position, by_place)
    assert count_bits(by_place) == last - first
