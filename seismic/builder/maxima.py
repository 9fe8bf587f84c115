"""Maxima of shared blocks, from which exact search computes upper bounds."""

from collections.abc import Callable

import numpy as np

from seismic.builder.ranges import Report
from seismic.kernels import maxima
from seismic.kernels.constants import BLOCK, BLOCK_WINDOW
from seismic.kernels.maxima import Maxima, block_windows, has_superblocks, padded_blocks, padded_superblocks
from seismic.kernels.score import Forward
from seismic.layouts import DEFAULT, LAYOUTS, Storage
from seismic.store.schema import check_offset
from seismic.threads import even_ranges, in_order

PARTS = 64
"""Parts of the vocabulary whose superblocks are filled by one thread at a time."""


def find_maxima(
    forward: Forward, dimension: int, threads: int, report: Report, storage: Storage = LAYOUTS[DEFAULT]
) -> Maxima:
    """Return the maxima of every component over the shared blocks. The windows are split between threads."""
    n_blocks, windows = -(-len(forward.scales) // BLOCK), block_windows(len(forward.scales))
    padded = padded_blocks(len(forward.scales))
    superblocks = padded_superblocks(len(forward.scales)) if has_superblocks(len(forward.scales)) else 0
    spans = [(window * BLOCK_WINDOW, min(window * BLOCK_WINDOW + BLOCK_WINDOW, n_blocks)) for window in range(windows)]
    counts, largest = np.zeros((windows, dimension), np.int32), np.zeros((windows, dimension), np.float32)

    def count(window: int) -> None:
        maxima.count_maxima(forward, *spans[window], counts[window], largest[window])

    _run(count, windows, threads)
    totals = counts.sum(axis=0)
    dense = totals > storage.dense_fraction * n_blocks
    counts[:, dense] = 0
    ends = np.cumsum(counts, axis=0)
    block_starts = np.concatenate([[0], np.cumsum(ends[-1])])
    code_starts = np.concatenate([[0], np.cumsum(np.where(dense, padded + superblocks, totals))])
    check_offset(int(code_starts[-1]), "maxima")
    result = Maxima(
        block_starts.astype(np.int32),
        np.empty(block_starts[-1], np.uint16),
        ends.T.astype(np.uint32).ravel(),
        code_starts.astype(np.int32),
        np.zeros(code_starts[-1], np.uint8),
        largest.max(axis=0) / np.float32(255),
    )

    def fill(window: int) -> None:
        before = ends[window] - counts[window]
        maxima.fill_maxima(forward, *spans[window], dense.astype(np.uint8), before, result)

    _run(fill, windows, threads)
    if superblocks:
        ranges = even_ranges(dimension, PARTS)

        def fill_more(part: int) -> None:
            maxima.fill_superblocks(result, *ranges[part], padded)

        _run(fill_more, len(ranges), threads)
    report("maxima", 1.0)
    return result


def _run(task: Callable[[int], None], parts: int, threads: int) -> None:
    for _ in in_order(task, range(parts), threads):
        pass
