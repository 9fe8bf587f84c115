"""Static pruning of postings."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import Report
from seismic.kernels import prune
from seismic.kernels.summarize import MAX_BLOCKS
from seismic.params import BuildParams
from seismic.vectors import SparseVectors

WHOLE_FRACTION = 0.25
"""Global pruning keeps lists below this multiple of the average whole: rare components tell most and cost least."""


class Postings(NamedTuple):
    """``starts`` int64 [dimension + 1], ``positions`` uint32 [postings], ascending within a list."""

    starts: npt.NDArray[np.int64]
    positions: npt.NDArray[np.uint32]


def postings_per_list(params: BuildParams, documents: int) -> int:
    """Return the parameter or its default, which grows with documents^0.7: 400 at 319,203, 4,000 at 8.8 million.

    Larger collections need a smaller share of their postings for the same recall.
    """
    if params.postings_per_list is not None:
        return params.postings_per_list
    return max(50, int(400 * (documents / 319_203) ** 0.7))


def prune_postings(vectors: SparseVectors, params: BuildParams, report: Report) -> Postings:
    """Return the postings that static pruning keeps."""
    average = postings_per_list(params, len(vectors))
    frequency = np.bincount(vectors.components, minlength=vectors.dimension)
    thresholds, cap = np.zeros(vectors.dimension, np.float32), float(average)
    if params.pruning == "global":
        used = int(np.count_nonzero(frequency))
        thresholds[frequency > average * WHOLE_FRACTION] = _global_threshold(vectors, average * used)
        cap = average * params.max_fraction
    longest = int(min(cap, MAX_BLOCKS))
    counts = np.zeros(vectors.dimension, np.int64)
    prune.count_postings(vectors.components, vectors.values, thresholds, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    positions, weights = np.empty(starts[-1], np.uint32), np.empty(starts[-1], np.float32)
    prune.invert(vectors.indptr, vectors.components, vectors.values, thresholds, starts, positions, weights)
    kept = np.empty(len(starts), np.int64)
    prune.prune_postings(starts, positions, weights, longest, kept)
    report("prune", 1.0)
    return Postings(kept, positions[: kept[-1]].copy())


def _global_threshold(vectors: SparseVectors, budget: int) -> float:
    """Return the largest value, to within 1/256, that `budget` values reach, or 0 if there are no more values."""
    if vectors.nnz <= budget:
        return 0.0
    histogram = np.zeros(1 << 16, np.int64)
    prune.count_values(vectors.values, histogram)
    reaching = np.cumsum(histogram[::-1])[::-1]
    bucket = int(np.flatnonzero(reaching >= budget)[-1])
    return float(np.uint32(bucket << prune.SHIFT).view(np.float32))
