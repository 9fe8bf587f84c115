"""Exact search by adding up: weight x impact of every posting of the query's components, window by window.

Nothing is skipped, but a posting costs less than a nanosecond, and hits cost nothing more: the sums are the scores. So
its time hardly grows with k. (Adding up bounds of 16 bits instead took 268 us for 388 on 319,203 documents, but to
score the 1,053 that could be in the top 1,000 another 750; on 5,183 documents 30 us for 36, and 830 for 1,195. A value
for every document, for components that a seventh of them have, takes 0.2 ns for each where a posting takes 0.8: 60 us
less.)"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, F64, I64, U8, U32
from seismic.kernels.best import Best, key_of, make_best, room_for, thin_out, write_best
from seismic.kernels.bounds import span
from seismic.kernels.impacts import WINDOW, Impacts
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK
from seismic.kernels.shared import Shared
from seismic.kernels.simd import reaching, stopped, trailing_zeros

GROUP = 64
"""Documents whose scores are compared at once."""

ROUNDING = 1 - 2.0**-23
"""A float32 score is at least `least` only if what it was rounded from is at least this x `least`."""


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread. ``sums`` float64 [WINDOW], all 0 between searches; ``best``;
    ``stop`` uint8 [1], as of `exact`."""

    sums: F64
    best: Best
    stop: U8


@jit
def make_accumulate_workspace(k: int) -> Workspace:
    """A workspace for searches of up to k hits."""
    return Workspace(np.zeros(WINDOW, np.float64), make_best(room_for(k, GROUP)), np.zeros(1, np.uint8))


@jit(allocates=False)
def search_accumulate(
    impacts: Impacts,
    shared: Shared,
    components: U32,
    values: F32,
    least_score: float,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_exact` by another way; of `shared` it reads scales and numbers. Adds lists, blocks bounded, of which
    there are none, blocks visited and documents scored to `counters` [4]."""
    n, k, sums = len(shared.scales), len(scores), workspace.sums
    windows = -(-n // WINDOW)
    count, least = 0, np.float64(least_score)
    for window in range(windows):
        if stopped(workspace.stop):
            break
        for at in range(len(components)):
            component = np.int64(components[at])
            start, (first, last) = np.int64(impacts.starts[component]), span(impacts.ends, component, windows, window)
            _add(impacts, start + first, start + last, np.float64(values[at]), sums)
        count, least = _take(shared, window * WINDOW, n, least, allowed, workspace, k, count)
        sums[: n - window * WINDOW] = 0
    write_best(workspace.best, count, scores, numbers)
    counters[0] += len(components)
    counters[2] += len(shared.starts) - 1
    counters[3] += n


@jit(allocates=False)
def _add(impacts: Impacts, first: int, last: int, weight: float, sums: F64) -> None:
    for at in range(first, last):
        sums[impacts.positions[np.uint64(at)]] += weight * np.float64(impacts.values[np.uint64(at)])


@jit(allocates=False)
def _take(
    shared: Shared, start: int, n: int, least: float, allowed: U8, workspace: Workspace, k: int, count: int
) -> tuple[int, float]:
    """Collect the allowed documents of the window that begins at `start` and may be among the k best; how many there
    are then, and what the k-th of them scores at least."""
    one, best, room = np.uint64(1), workspace.best, room_for(k, 0)
    for first in range(start, min(n, start + WINDOW), GROUP):
        mask = _reached(shared.scales, workspace.sums, start, first, n, least)
        while mask != 0:
            position = first + np.int64(trailing_zeros(mask))
            mask &= mask - one
            if len(allowed) > 0 and not (allowed[position // BLOCK] >> (position % BLOCK)) & 1:
                continue
            score = np.float32(np.float64(shared.scales[position]) * workspace.sums[position - start] / 256)
            if score > 0 and score >= least:
                best.keys[count] = key_of(score, np.int64(shared.numbers[position]))
                count += 1
        if count >= room:
            count, least = thin_out(best, count, k)
    return count, least


@jit(inline=True)
def _reached(scales: F32, sums: F64, start: int, first: int, n: int, least: float) -> np.uint64:
    """A bit for each of the documents from `first` on, of a GROUP, that has a component of the query and may score
    `least`."""
    limit = max(least * (256 * ROUNDING), 1e-300)
    if first + GROUP <= n:
        return np.uint64(reaching(sums, first - start, scales, first, limit))
    mask = np.uint64(0)
    for position in range(first, n):
        if np.float64(scales[position]) * sums[position - start] >= limit:
            mask |= np.uint64(1) << np.uint64(position - first)
    return mask


@jit(allocates=False)
def search_accumulate_batch(
    impacts: Impacts,
    shared: Shared,
    indptr: I64,
    components: U32,
    values: F32,
    least_scores: F32,
    allowed: U8,
    workspace: Workspace,
    scores: F32,
    numbers: I64,
    counters: I64,
) -> None:
    """`search_accumulate` for the queries of a CSR triple, into rows of `scores`, `numbers` and
    `counters` [n, 4]."""
    for row in range(len(indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(indptr[row], indptr[row + 1])
        search_accumulate(
            impacts,
            shared,
            components[span],
            values[span],
            least_scores[row],
            allowed,
            workspace,
            scores[row],
            numbers[row],
            counters[row],
        )
