import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels.words import WordTable, count_terms_in_rows, number_words, place_words
from tests import naive, samples

FOLDED = np.array([0, 0, 2, 3, 4, 4, *range(6, 256)], np.uint8)
"""Bytes 0 and 1 separate words, 5 counts as 4."""

TEXTS = st.lists(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 200]), max_size=30).map(bytes), max_size=8)


@pytest.mark.usefixtures("wrapping_hash")
@given(TEXTS, st.integers(1, 5))
def test_words_are_numbered_by_appearance(texts: list[bytes], bits: int) -> None:
    data, starts = np.frombuffer(b"".join(texts), np.uint8), samples.offsets([len(text) for text in texts], np.int64)
    expected, known = naive.number_words(texts, FOLDED.tolist())
    numbers, ends = np.empty(len(data) + 1, np.int32), np.zeros(len(texts), np.int64)
    table, row, words = table_of(1 << bits), 0, 0
    while row < len(texts):
        row, words = number_words(data, starts, row, FOLDED, table, words, numbers, ends)
        larger = table_of(2 * len(table.slots))
        larger.hashes[:words], larger.ends[:words] = table.hashes[:words], table.ends[:words]
        larger.text[: len(table.text)] = table.text
        place_words(larger.hashes, words, larger.slots)
        table = larger
    assert [numbers[first:end].tolist() for first, end in itertools.pairwise([0, *ends])] == expected
    limits = [0, *table.ends[:words].tolist()]
    found = [table.text[first:end].tobytes() for first, end in itertools.pairwise(limits)]
    assert found == known


def table_of(slots: int) -> WordTable:
    room = slots // 2
    hashes, ends, text = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(20 * slots, np.uint8)
    return WordTable(np.zeros(slots, np.int32), hashes, ends, text)


@given(st.lists(st.lists(st.integers(-1, 6), max_size=20), max_size=8))
def test_terms_are_counted_by_row(rows: list[list[int]]) -> None:
    terms, ends = (
        np.array(list(itertools.chain.from_iterable(rows)), np.int64),
        np.cumsum([len(row) for row in rows], dtype=np.int64),
    )
    components, counts = np.empty(len(terms), np.int64), np.empty(len(terms), np.float32)
    indptr = np.empty(len(rows) + 1, np.int64)
    count_terms_in_rows(terms, ends, components, counts, indptr)
    found = [
        dict(zip(components[first:end].tolist(), counts[first:end].tolist(), strict=True))
        for first, end in itertools.pairwise(indptr)
    ]
    assert found == [{term: row.count(term) for term in sorted(set(row)) if term >= 0} for row in rows]
    assert all(list(row) == sorted(row) for row in found)
