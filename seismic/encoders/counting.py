"""Count the terms of texts: a kernel splits them into words, and each new word becomes a term once."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.encoders.pieces import checked_text
from seismic.encoders.words import Terms, spaced
from seismic.kernels.words import WordTable, count_terms_in_rows, number_words, place_words
from seismic.stop import current
from seismic.vectors import SparseVectors

PART_BYTES = 1 << 20
"""Texts are split together up to this size; a search may be stopped between two parts."""

FIRST_SLOTS = 1 << 10

WORD_BYTES = 8
"""Bytes reserved per word; the table grows where words are longer."""


def _folded() -> npt.NDArray[np.uint8]:
    """Return uint8 [256]: what `words_of` makes of ASCII, and bytes of other letters as they are; 0 between words."""
    letters = [chr(byte).lower() if chr(byte).isalnum() or byte == ord("_") else "\0" for byte in range(128)]
    return np.array([*map(ord, letters), *range(128, 256)], np.uint8)


_FOLDED = _folded()


class TermFrequencies:
    """Counts the terms of texts, and remembers the term of every word. For one thread."""

    def __init__(self, terms: Terms) -> None:
        self._number, self._words = terms, 0
        self._terms = np.zeros(FIRST_SLOTS, np.int64)
        self._table = _table(FIRST_SLOTS, FIRST_SLOTS * WORD_BYTES)

    def __call__(self, texts: Sequence[str]) -> SparseVectors:
        """Return the term frequencies of texts. The dimension is the largest number + 1.

        Raises InputError for anything other than text, StoppedError if the time is up.
        """
        parts = [self._count(part) for part in _parts(texts)]
        return SparseVectors.concatenate(parts) if len(parts) != 1 else parts[0]

    def numbers(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the number of each term in order, -1 for stop words, and the end of each text among them."""
        data = [spaced(text).encode() for text in texts]
        starts = np.cumsum([0, *map(len, data)])
        text = np.frombuffer(b"".join(data), np.uint8)
        numbers, ends, row = np.empty(len(text) // 2 + len(data), np.int32), np.zeros(len(data), np.int64), 0
        while row < len(data):
            row, words = number_words(text, starts, row, _FOLDED, self._table, self._words, numbers, ends)
            self._remember(words)
            if row < len(data):
                self._grow(len(data[row]))
        return self._terms[numbers[: ends[-1] if len(ends) else 0]], ends

    def _count(self, texts: Sequence[str]) -> SparseVectors:
        terms, ends = self.numbers(texts)
        indptr = np.empty(len(texts) + 1, np.int64)
        components, counts = np.empty(len(terms), np.int64), np.empty(len(terms), np.float32)
        count_terms_in_rows(terms, ends, components, counts, indptr)
        largest = int(terms.max(initial=-1))
        return SparseVectors.trusted(indptr, components[: indptr[-1]], counts[: indptr[-1]], largest + 1)

    def _remember(self, words: int) -> None:
        """Number the terms of new words, which are the last of the table."""
        if words == self._words:
            return
        if words > len(self._terms):
            self._terms = np.concatenate([self._terms, np.empty(len(self._table.slots), np.int64)])
        start = self._table.ends[self._words - 1] if self._words else 0
        ends = np.concatenate([[0], self._table.ends[self._words : words] - start])
        data = self._table.text[start : start + ends[-1]].tobytes()
        new = pa.LargeStringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(data)).to_pylist()
        self._terms[self._words : words] = list(map(self._number, new))
        self._words = words

    def _grow(self, least: int) -> None:
        """Double the table, with room for the words of another text of `least` bytes."""
        before, slots = self._table, 2 * len(self._table.slots)
        self._table = _table(slots, max(slots * WORD_BYTES, 2 * (len(before.text) + least)))
        self._table.hashes[: self._words] = before.hashes[: self._words]
        self._table.ends[: self._words] = before.ends[: self._words]
        self._table.text[: len(before.text)] = before.text
        place_words(self._table.hashes, self._words, self._table.slots)


def _table(slots: int, size: int) -> WordTable:
    room = slots // 2
    hashes, ends, text = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(size, np.uint8)
    return WordTable(np.zeros(slots, np.int32), hashes, ends, text)


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield consecutive texts of up to PART_BYTES characters; a longer text alone."""
    part, size = list[str](), 0
    for text in texts:
        size += len(checked_text(text))
        if part and size > PART_BYTES:
            current().check()
            yield part
            part, size = [], len(text)
        part.append(text)
    current().check()
    yield part


def warm_up() -> None:
    """Compile or load the kernels that count terms."""
    words = map(str, range(FIRST_SLOTS))  # more than fit into the first table
    TermFrequencies(Terms(int, None, None))([" ".join(words)])
