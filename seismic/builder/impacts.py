"""Impacts: every posting, for term-at-a-time accumulation."""

import numpy as np

from seismic.kernels import impacts
from seismic.kernels.constants import POSITION_WINDOW
from seismic.kernels.impacts import Impacts
from seismic.kernels.score import Forward


def find_impacts(forward: Forward, dimension: int) -> Impacts:
    """Return the impacts of every posting of the forward index."""
    windows = -(-len(forward.scales) // POSITION_WINDOW)
    counts = np.zeros(dimension * windows, np.int64)
    impacts.count_impacts(forward, windows, counts)
    ends = np.cumsum(counts.reshape(dimension, windows), axis=1)
    result = Impacts(
        np.concatenate([[0], np.cumsum(ends[:, -1])]).astype(np.int32),
        np.empty(len(forward.components), np.uint16),
        np.empty(len(forward.components), np.uint16),
        ends.astype(np.uint32).ravel(),
    )
    impacts.fill_impacts(forward, result)
    return result
