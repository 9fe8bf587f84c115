"""Impacts: every posting of every component, for term-at-a-time accumulation.

An impact is a stored value in 1/256 of its document's scale, so that the accumulated sums are the scores and nothing
else has to be read. Positions are 16 bits wide within windows, whose sums fit the cache.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import I32, I64, U16, U32
from seismic.kernels.constants import POSITION_WINDOW, POSITION_WINDOW_BITS
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward, fine


class Impacts(NamedTuple):
    """Component -> its postings, ascending.

    ``starts`` int32 [dimension + 1] into ``positions`` uint16, within a window, and ``values`` uint16: 256 x code +
    residual. ``ends`` uint32 [dimension x windows]: where the postings of each window end, counted from the component's
    start.
    """

    starts: I32
    positions: U16
    values: U16
    ends: U32


@jit
def count_impacts(forward: Forward, windows: int, counts: I64) -> None:
    """Count postings by component and window into `counts` int64 [dimension x windows]."""
    for position in range(len(forward.scales)):
        window = position >> POSITION_WINDOW_BITS
        for at in range(forward.starts[position], forward.starts[position + 1]):
            counts[np.int64(forward.components[at]) * windows + window] += 1


@jit
def fill_impacts(forward: Forward, impacts: Impacts) -> None:
    """Fill ``positions`` and ``values``, given ``starts``."""
    fill = impacts.starts[:-1].astype(np.int64)
    for position in range(len(forward.scales)):
        for at in range(forward.starts[position], forward.starts[position + 1]):
            component = forward.components[at]
            impacts.positions[fill[component]] = position & (POSITION_WINDOW - 1)
            impacts.values[fill[component]] = np.int64(fine(forward.codes, forward.residuals, np.uint64(at)))
            fill[component] += 1
