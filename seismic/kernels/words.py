"""Words of texts, numbered as they appear, and their frequencies."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U64
from seismic.kernels.jit import jit


class WordTable(NamedTuple):
    """A hash table of words. ``slots`` int32 [a power of 2]: 1 + number of the word there, or 0.

    ``hashes`` uint64 [room] and ``ends`` int64 [room]: of each word; ``text`` uint8: the bytes of all words.
    """

    slots: I32
    hashes: U64
    ends: I64
    text: U8


@jit(allocates=False)
def number_words(
    text: U8, starts: I64, first: int, folded: U8, table: WordTable, words: int, numbers: I32, ends: I64
) -> tuple[int, int]:
    """Write the number of each word of text[starts[row] : starts[row + 1]], for rows from `first` on.

    `folded` uint8 [256]: the byte that each byte of a word counts as; 0 for those between words. `numbers`
    [at least one per word], `ends` [rows]: end of each row's numbers. `words`: number of words in the table, which new
    ones join. Return the first row that did not fit into the table, or the number of rows, and the number of words.
    """
    mask, start = len(table.slots) - 1, np.uint64(0xCBF29CE484222325)  # FNV-1a, as of document ids
    for row in range(first, len(starts) - 1):
        out = np.int64(0) if row == 0 else ends[row - 1]
        begin, value = starts[row], start
        for at in range(starts[row], starts[row + 1] + 1):
            letter = folded[text[at]] if at < starts[row + 1] else np.uint8(0)
            if letter != 0:
                value = (value ^ np.uint64(letter)) * np.uint64(0x100000001B3)
                continue
            if at > begin:
                value = (value ^ (value >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
                slot = np.int64(value >> np.uint64(32)) & mask
                while table.slots[slot] != 0 and not _is_word(
                    text, begin, at, folded, table, table.slots[slot] - 1, value
                ):
                    slot = (slot + 1) & mask
                if table.slots[slot] == 0:
                    used = np.int64(0) if words == 0 else table.ends[words - 1]
                    if 2 * words >= len(table.slots) or words == len(table.ends) or used + at - begin > len(table.text):
                        return row, words
                    for byte in range(at - begin):
                        table.text[used + byte] = folded[text[begin + byte]]
                    table.hashes[words], table.ends[words] = value, used + at - begin
                    words += 1
                    table.slots[slot] = words
                numbers[out] = table.slots[slot] - 1
                out += 1
            begin, value = at + 1, start
        ends[row] = out
    return len(starts) - 1, words


@jit(inline=True)
def _is_word(text: U8, begin: int, end: int, folded: U8, table: WordTable, word: int, value: int) -> bool:
    """Return whether text[begin:end] is a word of the table."""
    start = np.int64(0) if word == 0 else table.ends[word - 1]
    if table.hashes[word] != value or table.ends[word] - start != end - begin:
        return False
    for byte in range(end - begin):  # noqa: SIM110 (Numba has no generators in all)
        if table.text[start + byte] != folded[text[begin + byte]]:
            return False
    return True


@jit
def place_words(hashes: U64, words: int, slots: I32) -> None:
    """Fill the empty slots of a table with the words that it has."""
    mask = len(slots) - 1
    for word in range(words):
        slot = np.int64(hashes[word] >> np.uint64(32)) & mask
        while slots[slot] != 0:
            slot = (slot + 1) & mask
        slots[slot] = word + 1


@jit
def count_terms_in_rows(terms: I64, ends: I64, components: I64, counts: F32, indptr: I64) -> None:
    """Write the distinct terms of each row, in their order, and their frequencies. Negative terms are left out.

    `terms` [n]: sorted within each row by this. `ends` [rows]: end of each row. `components` and `counts` [n], `indptr`
    [rows + 1]: the rows as CSR.
    """
    indptr[0] = out = first = np.int64(0)
    for row in range(len(ends)):
        terms[first : ends[row]].sort()
        for at in range(first, ends[row]):
            if terms[at] < 0:
                continue
            if out > indptr[row] and components[out - 1] == terms[at]:
                counts[out - 1] += np.float32(1)
            else:
                components[out], counts[out] = terms[at], np.float32(1)
                out += 1
        indptr[row + 1] = out
        first = ends[row]
