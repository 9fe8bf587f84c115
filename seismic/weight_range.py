"""The range of weights within a document: 16 bits cannot hold weights that are too light beside the heaviest one."""

import numpy as np

from seismic.kernels.quantize import MAX_FINE, count_raised
from seismic.layouts import LAYOUTS, Layout
from seismic.vectors import SparseVectors

SAMPLE = 100_000
"""Weights drawn to find how heavy light weights are."""

LIGHTEST, NEGLIGIBLE = 0.01, 0.1
"""An increase below this share (the second) of the weight at this quantile (the first) is not reported."""


class RangeWarning(UserWarning):
    """The weights of a document differ by more than 16 bits can hold, so that light ones are stored too large."""


def range_problem(vectors: SparseVectors, layout: Layout) -> str | None:
    """Describe the weights that would be stored more than twice as large as given, or return None if there are none.

    The lightest weight that 16 bits hold is 1/65,280 of the document's heaviest, and lighter ones are raised to it.
    Encoders compute noise of that size in a few documents, so increases are reported only if they are not negligible
    beside the lightest percent of all weights. A lossy layout leaves light weights out instead.
    """
    if LAYOUTS[layout].lossy or count_raised(vectors.indptr, vectors.values, 0, len(vectors), 0.0)[0] == 0:
        return None
    weights = vectors.values
    if len(weights) > SAMPLE:
        weights = weights[np.random.default_rng(0).integers(0, len(weights), SAMPLE)]
    tolerated = NEGLIGIBLE * float(np.quantile(weights, LIGHTEST, method="lower"))
    documents, raised, worst = count_raised(vectors.indptr, vectors.values, 0, len(vectors), tolerated)
    if documents == 0:
        return None
    row = int(np.searchsorted(vectors.indptr, worst, side="right")) - 1
    heaviest = vectors[row][1].max()
    others = f" (so are {raised} weights of {documents} documents)" if raised > 1 else ""
    return (
        f"row {row}, field 'values': found {vectors.values[worst]:g} for component {vectors.components[worst]} beside "
        f"{heaviest:g}, expected at least 1/{2 * MAX_FINE:,} of a document's heaviest weight: with 16 bits it is "
        f"stored as {heaviest / MAX_FINE:g}{others}; scale heavy weights down, for example to their logarithm, or "
        "leave out the light ones"
    )
