"""A lower bound of the k-th largest of many scores.

A heap holds the k largest for a small k. For a larger one scores are counted in steps of their bits, at the same cost
for any k: bits of positive floats order as the floats do.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels import heap
from seismic.kernels.arrays import F32, I64, U32
from seismic.kernels.jit import jit

FEW = 32
"""Largest k for which a heap is used."""

STEP_BITS = 14
"""Bits of a float32 below a step: 512 steps per octave, so that a bound is less than 0.2 % too low."""

STEPS = 6 << (23 - STEP_BITS)
"""Steps counted: six octaves up to the largest possible score. Lower scores count in the lowest step."""

SIZE, AT, BASE, LOWEST, HIGHEST = range(5)


class KthScore(NamedTuple):
    """Scratch arrays of one search at a time.

    ``largest`` float32 [FEW]: the heap. ``counts`` uint32 [STEPS]: scores in each step. ``state`` int64 [5]: the size
    of the heap, or the scores counted from step `at` on; the step of the k-th score, or the lowest one while there are
    fewer than k; the bits of step 0; the range of steps that are not 0.
    """

    largest: F32
    counts: U32
    state: I64


@jit
def make_kth_score() -> KthScore:
    """Make scratch arrays."""
    state = np.zeros(5, np.int64)
    state[LOWEST], state[HIGHEST] = STEPS, -1
    return KthScore(np.zeros(FEW, np.float32), np.zeros(STEPS, np.uint32), state)


@jit(inline=True)
def _bits(score: float) -> int:
    return np.int64(np.float32(score).view(np.uint32)) >> STEP_BITS


@jit(allocates=False)
def forget(kth: KthScore, most: float) -> None:
    """Forget all scores. Those to come are rarely above `most`, which is where bounds are precise."""
    state = kth.state
    for step in range(state[LOWEST], state[HIGHEST] + 1):
        kth.counts[step] = 0
    state[BASE] = max(0, _bits(most) + 1 - STEPS)
    state[SIZE], state[AT], state[LOWEST], state[HIGHEST] = 0, STEPS, STEPS, -1


@jit(inline=True)
def keep(kth: KthScore, k: int, score: float) -> None:
    """Take in a score, which is not negative."""
    if k <= FEW:
        kth.state[SIZE] = heap.keep(kth.largest, k, kth.state[SIZE], score)
    else:
        _count(kth, k, score)


@jit(allocates=False)
def _count(kth: KthScore, k: int, score: float) -> None:
    """Count a score, unless the k-th one is in its step or above."""
    counts, state = kth.counts, kth.state
    size, at = state[SIZE], state[AT]
    step = min(max(_bits(score) - state[BASE], 0), STEPS - 1)
    if size < k:
        at = min(at, step)
        state[LOWEST] = at
    elif step <= at:
        return
    counts[step] += 1
    size += 1
    state[HIGHEST] = max(state[HIGHEST], step)
    while size - np.int64(counts[at]) >= k:
        size -= np.int64(counts[at])
        at += 1
    state[SIZE], state[AT] = size, at


@jit(inline=True)
def lower_bound(kth: KthScore, k: int) -> float:
    """Return a lower bound of the k-th score; 0 if there are fewer than k."""
    size, at = kth.state[SIZE], kth.state[AT]
    if k <= FEW:
        return kth.largest[0] if size == k else np.float32(0)
    step = (at + kth.state[BASE]) << STEP_BITS if size >= k and at > 0 else 0
    return np.uint32(step).view(np.float32)
