"""Bitmaps of documents."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels.bitmaps import count_bits, flip


@given(documents=st.integers(1, 300), data=st.data())
def test_bits_are_turned_and_counted(documents: int, data: st.DataObject) -> None:
    positions = np.array(data.draw(st.permutations(range(documents))), np.uint32)
    first = data.draw(st.integers(0, documents))
    last = data.draw(st.integers(first, documents))
    before = np.array(data.draw(st.lists(st.booleans(), min_size=documents, max_size=documents)))
    after = before.copy()
    after[positions[first:last]] ^= True
    bits = np.packbits(before, bitorder="little")
    flip(positions, first, last, bits)
    np.testing.assert_array_equal(bits, np.packbits(after, bitorder="little"))
    assert count_bits(bits) == after.sum()
