"""Maxima of shared blocks: what exact search adds up to bound every block."""

import numpy as np

from seismic.builder.ranges import Report
from seismic.kernels import maxima
from seismic.kernels.maxima import BLOCK, GROUP, Maxima, windows_of
from seismic.kernels.score import Forward
from seismic.store.schema import check_offset

DENSE_FRACTION = 0.1
"""A component in more than this share of the blocks gets a dense row."""

SMALL_DENSE_FRACTION = 0.25
"""The same in the layout `small`, where that saves a fifth of the maxima."""


def find_maxima(forward: Forward, dimension: int, report: Report, dense_fraction: float = DENSE_FRACTION) -> Maxima:
    """Every component's maxima over the shared blocks of the forward index."""
    n_blocks = -(-len(forward.scales) // BLOCK)
    padded = -(-n_blocks // GROUP) * GROUP
    counts = np.zeros((dimension, windows_of(len(forward.scales))), np.int64)
    largest = np.zeros(dimension, np.float32)
    maxima.count_maxima(forward, counts, largest)
    dense = counts.sum(axis=1) > dense_fraction * n_blocks
    code_counts = np.where(dense, padded, counts.sum(axis=1))
    counts[dense] = 0
    block_starts = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
    code_starts = np.concatenate([[0], np.cumsum(code_counts)])
    check_offset(int(code_starts[-1]), "maxima")
    found = Maxima(
        block_starts.astype(np.int32),
        np.empty(block_starts[-1], np.uint16),
        np.cumsum(counts, axis=1).astype(np.uint32).ravel(),
        code_starts.astype(np.int32),
        np.zeros(code_starts[-1], np.uint8),
        largest / np.float32(255),
    )
    maxima.fill_maxima(forward, dense.astype(np.uint8), found)
    report("maxima", 1.0)
    return found
