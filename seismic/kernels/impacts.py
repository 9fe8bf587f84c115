"""Impacts: every posting of every component, for adding up what all documents score.

An impact is a value rounded up to 8 bits, so that the sum of weight x impact bounds what a document scores. Positions
are 16 bits wide, within windows of 65,536 documents, whose sums stay in the cache while they are added up.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward

WINDOW_BITS = 16
WINDOW = 1 << WINDOW_BITS
"""Documents of a window."""


class Impacts(NamedTuple):
    """Component -> its postings, ascending.

    ``starts`` int32 [dimension + 1] into ``positions`` uint16, within a window, and ``codes`` uint8: value <= scale of
    the component's maxima x code. ``ends`` uint32 [dimension x windows]: where those of each window end, from the
    component's start.
    """

    starts: I32
    positions: U16
    codes: U8
    ends: U32


@jit
def count_impacts(forward: Forward, windows: int, counts: I64) -> None:
    """Count postings by component and window into `counts` int64 [dimension x windows]."""
    for position in range(len(forward.scales)):
        window = position >> WINDOW_BITS
        for at in range(forward.starts[position], forward.starts[position + 1]):
            counts[np.int64(forward.components[at]) * windows + window] += 1


@jit
def fill_impacts(forward: Forward, scales: F32, impacts: Impacts) -> None:
    """Fill ``positions`` and ``codes``, given ``starts`` and the components' `scales`."""
    fill = impacts.starts[:-1].astype(np.int64)
    for position in range(len(forward.scales)):
        scale = forward.scales[position]
        for at in range(forward.starts[position], forward.starts[position + 1]):
            component = forward.components[at]
            value = scale * (np.float32(forward.codes[at]) + np.float32(forward.residuals[at]) * np.float32(1 / 256))
            ratio = np.float64(value) / np.float64(scales[component])
            impacts.positions[fill[component]] = position & (WINDOW - 1)
            impacts.codes[fill[component]] = min(255, np.int64(np.ceil(ratio * (1 - 1e-7))))
            fill[component] += 1
