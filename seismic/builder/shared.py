"""Shared blocks: the vectors of every 8 neighbours, shared components first."""

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import run_even
from seismic.kernels import shared
from seismic.kernels.constants import BLOCK
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared
from seismic.store.schema import check_offset


def share_blocks(forward: Forward, dimension: int, threads: int, residuals: bool = True) -> Shared:
    """Return the shared blocks of a forward index. `residuals`: whether they are stored; if not, they must be 0."""
    n, n_blocks = len(forward.scales), -(-len(forward.scales) // BLOCK)
    rows, codes, own = (np.empty(n_blocks, np.int64) for _ in range(3))
    run_even(lambda span: shared.count_shared(forward, *span, dimension, rows, codes, own), n_blocks, threads)
    starts, code_starts, own_starts = (_starts(counts) for counts in (rows, codes, own))
    n_rows, n_codes, n_own = starts[-1], code_starts[-1], own_starts[-1]
    result = Shared(
        np.empty(n, np.uint32),
        np.empty(n, np.float32),
        starts,
        np.empty(n_rows, forward.components.dtype),
        np.empty(n_rows, np.uint8),
        code_starts,
        np.empty(n_codes, np.uint8),
        np.empty(n_codes if residuals else 0, np.int8),
        own_starts,
        np.empty(n_own, forward.components.dtype),
        np.empty(n_own, np.uint8),
        np.empty(n_own if residuals else 0, np.int8),
        np.empty(n_blocks * BLOCK, np.uint32),
    )
    run_even(lambda span: shared.fill_shared(forward, *span, dimension, result), n_blocks, threads)
    return result


def _starts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    starts = np.concatenate([[0], np.cumsum(counts)])
    check_offset(int(starts[-1]), "values")
    return starts.astype(np.int32)
