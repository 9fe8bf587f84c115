"""The `exact` plan by term-at-a-time accumulation: add weight x impact for every posting of the query's components.

Nothing is skipped, but the sums are the scores, so time hardly grows with k. A window of documents at a time keeps the
sums in the cache.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, F64, U8, U32
from seismic.kernels.best import Best, key_of, make_best, room_for, thin_out, write_best
from seismic.kernels.constants import BLOCK, POSITION_WINDOW
from seismic.kernels.impacts import Impacts
from seismic.kernels.jit import jit
from seismic.kernels.shared import Shared
from seismic.kernels.simd import reaching, stopped, trailing_zeros
from seismic.kernels.topk import Queries, TopK, top_k_of
from seismic.kernels.upper_bounds import window_span

DOCUMENT_GROUP = 64
"""Documents whose scores are compared together."""

SCORE_ROUNDING = 1 - 2.0**-23
"""A float32 score reaches a threshold only if the sum it was rounded from reaches this share of it."""


class Workspace(NamedTuple):
    """Arrays of one search at a time; each thread has its own.

    ``sums`` float64 [POSITION_WINDOW], all 0 between searches; ``best``; ``stop`` uint8 [1], as of `visit.Workspace`.
    """

    sums: F64
    best: Best
    stop: U8


@jit
def make_accumulate_workspace(k: int) -> Workspace:
    """Make a workspace for searches of up to k hits."""
    return Workspace(
        np.zeros(POSITION_WINDOW, np.float64), make_best(room_for(k, DOCUMENT_GROUP)), np.zeros(1, np.uint8)
    )


@jit(allocates=False)
def search_accumulate(
    impacts: Impacts,
    shared: Shared,
    components: U32,
    values: F32,
    min_score: float,
    allowed: U8,
    workspace: Workspace,
    top: TopK,
) -> None:
    """Write the top k of one query as `search_exact` does with a heap factor and a bound share of 1.

    Of `shared` only scales and numbers are read. No block is counted as bounded.
    """
    n, k, sums = len(shared.scales), len(top.scores), workspace.sums
    windows = -(-n // POSITION_WINDOW)
    count, threshold = 0, np.float64(min_score)
    for window in range(windows):
        if stopped(workspace.stop):
            break
        for term in range(len(components)):
            component = np.int64(components[term])
            start, (first, last) = (
                np.int64(impacts.starts[component]),
                window_span(impacts.ends, component, windows, window),
            )
            _add_postings(impacts, start + first, start + last, np.float64(values[term]), sums)
        start = window * POSITION_WINDOW
        count, threshold = _collect_documents(shared, start, n, threshold, allowed, workspace, k, count)
        sums[: n - start] = 0
    write_best(workspace.best, count, top.scores, top.numbers)
    top.counters[0] += len(components)
    top.counters[2] += len(shared.starts) - 1
    top.counters[3] += n


@jit(allocates=False)
def _add_postings(impacts: Impacts, first: int, last: int, weight: float, sums: F64) -> None:
    """Add weight x impact of postings first .. last - 1: sums[positions[posting]] += weight * values[posting]."""
    for posting in range(first, last):
        position = impacts.positions[np.uint64(posting)]
        sums[position] += weight * np.float64(impacts.values[np.uint64(posting)])


@jit(allocates=False)
def _collect_documents(
    shared: Shared, start: int, n: int, threshold: float, allowed: U8, workspace: Workspace, k: int, count: int
) -> tuple[int, float]:
    """Add the allowed documents of the window at `start` that reach the threshold to ``best``.

    Takes and returns the number of documents there, and a lower bound of the k-th score.
    """
    one, best, room = np.uint64(1), workspace.best, room_for(k, 0)
    for first in range(start, min(n, start + POSITION_WINDOW), DOCUMENT_GROUP):
        mask = _reaching_documents(shared.scales, workspace.sums, start, first, n, threshold)
        while mask != 0:
            position = first + np.int64(trailing_zeros(mask))
            mask &= mask - one
            if len(allowed) > 0 and not (allowed[position // BLOCK] >> (position % BLOCK)) & 1:
                continue
            score = np.float32(np.float64(shared.scales[position]) * workspace.sums[position - start] / 256)
            if score > 0 and score >= threshold:
                best.keys[count] = key_of(score, np.int64(shared.numbers[position]))
                count += 1
        if count >= room:
            count, threshold = thin_out(best, count, k)
    return count, threshold


@jit(inline=True)
def _reaching_documents(scales: F32, sums: F64, start: int, first: int, n: int, threshold: float) -> np.uint64:
    """Return a bit for each document of the group at `first` that matches and may reach the threshold:
    scales[position] * sums[position - start] / 256 >= threshold, before rounding to float32."""
    limit = max(threshold * (256 * SCORE_ROUNDING), 1e-300)
    if first + DOCUMENT_GROUP <= n:
        return np.uint64(reaching(sums, first - start, scales, first, limit))
    mask = np.uint64(0)
    for position in range(first, n):
        if np.float64(scales[position]) * sums[position - start] >= limit:
            mask |= np.uint64(1) << np.uint64(position - first)
    return mask


@jit(allocates=False)
def search_accumulate_batch(
    impacts: Impacts, shared: Shared, queries: Queries, min_scores: F32, allowed: U8, workspace: Workspace, top: TopK
) -> None:
    """Run `search_accumulate` for each query, with its own of `min_scores`, into its row of `top`."""
    for row in range(len(queries.indptr) - 1):
        if stopped(workspace.stop):
            break
        span = slice(queries.indptr[row], queries.indptr[row + 1])
        search_accumulate(
            impacts,
            shared,
            queries.components[span],
            queries.values[span],
            min_scores[row],
            allowed,
            workspace,
            top_k_of(top, row),
        )
