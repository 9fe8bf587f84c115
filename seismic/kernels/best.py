"""The k best of many scored documents: collected unsorted, thinned out at 2 k, sorted once.

A heap costs log k per document added and again per document sorted. A radix sort at the end is cheaper.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I64, U64
from seismic.kernels.jit import jit

STEPS = 1024
"""Steps of the histogram of scores by which documents are thinned out."""

MIN_ROOM = 1024
"""Documents collected before they are thinned out, for any small k. Fewer would not be worth a histogram."""

FEW = 64
"""Up to this number of documents are sorted by insertion."""

DIGIT_BITS, DIGITS = 8, 8
"""Radix sort: bits of a digit, digits of a key."""

SCORE_SHIFT = np.uint64(32)
NUMBERS = np.uint64(0xFFFFFFFF)


class Best(NamedTuple):
    """Scratch arrays of one search at a time.

    ``keys`` uint64: the bits of a document's score, then those of its inverted number. Bits of positive floats order as
    the floats do, so the larger key is the better document; no two are equal. ``spare`` uint64, of the same length;
    ``histogram`` int64 [STEPS].
    """

    keys: U64
    spare: U64
    histogram: I64


@jit
def make_best(room: int) -> Best:
    """Make scratch arrays for `room` documents; see `room_for`."""
    return Best(np.empty(room, np.uint64), np.empty(room, np.uint64), np.empty(STEPS, np.int64))


@jit(inline=True)
def room_for(k: int, more: int) -> int:
    """Return the room needed to collect `more` documents between calls of `thin_out`."""
    return max(2 * k, MIN_ROOM) + more


@jit(inline=True)
def key_of(score: float, number: int) -> np.uint64:
    """Return the key of a document with a positive score."""
    return np.uint64(np.float32(score).view(np.uint32)) << SCORE_SHIFT | (NUMBERS - np.uint64(number))


@jit(inline=True)
def score_of(key: np.uint64) -> float:
    """Return the score in a key."""
    return np.uint32(key >> SCORE_SHIFT).view(np.float32)


@jit(allocates=False)
def thin_out(best: Best, count: int, k: int) -> tuple[int, float]:
    """Drop documents that cannot be in the top k. There are `count` of them, at least k.

    Returns the number of documents left, less than 2 k, and a lower bound of the k-th score.
    """
    keys, histogram = best.keys, best.histogram
    low = high = np.int64(keys[0] >> SCORE_SHIFT)
    for entry in range(1, count):
        bits = np.int64(keys[entry] >> SCORE_SHIFT)
        low, high = min(low, bits), max(high, bits)
    step = (high - low) // STEPS + 1
    histogram[:] = 0
    for entry in range(count):
        histogram[(np.int64(keys[entry] >> SCORE_SHIFT) - low) // step] += 1
    bucket, left = STEPS, k
    while left > 0:
        bucket -= 1
        left -= histogram[bucket]
    threshold, kept = np.uint64(low + bucket * step) << SCORE_SHIFT, 0
    for entry in range(count):
        if keys[entry] >= threshold:
            keys[kept] = keys[entry]
            kept += 1
    if kept >= 2 * k:  # too many scores are nearly equal
        sort_descending(best, kept)
        kept, threshold = k, keys[k - 1]
    return kept, score_of(threshold)


@jit(allocates=False)
def sort_descending(best: Best, count: int) -> None:
    """Radix-sort the keys, largest first, from the last digit on. Skips digits that are equal in all keys."""
    if count <= FEW:
        _insert_in_order(best.keys, count)
        return
    keys, spare, histogram = best.keys, best.spare, best.histogram[: 1 << DIGIT_BITS]
    last = np.uint64((1 << DIGIT_BITS) - 1)
    for digit in range(DIGITS):
        shift = np.uint64(DIGIT_BITS * digit)
        histogram[:] = 0
        for entry in range(count):
            histogram[last - (keys[entry] >> shift & last)] += 1
        if count == 0 or histogram[last - (keys[0] >> shift & last)] == count:
            continue
        start = 0
        for value in range(len(histogram)):
            histogram[value], start = start, start + histogram[value]
        for entry in range(count):
            value = last - (keys[entry] >> shift & last)
            spare[histogram[value]] = keys[entry]
            histogram[value] += 1
        for entry in range(count):
            keys[entry] = spare[entry]


@jit(inline=True)
def _insert_in_order(keys: U64, count: int) -> None:
    for entry in range(1, count):
        key, place = keys[entry], entry
        while place > 0 and keys[place - 1] < key:
            keys[place] = keys[place - 1]
            place -= 1
        keys[place] = key


@jit(allocates=False)
def write_best(best: Best, count: int, scores: F32, numbers: I64) -> None:
    """Write the len(scores) best documents, best first, padded with score 0 and number -1."""
    sort_descending(best, count)
    for entry in range(len(scores)):
        if entry < count:
            scores[entry] = score_of(best.keys[entry])
            numbers[entry] = np.int64(NUMBERS - (best.keys[entry] & NUMBERS))
        else:
            scores[entry], numbers[entry] = 0.0, -1
