"""The range of weights within a document: 16 bits cannot hold weights that are too light beside the heaviest one."""

import numpy as np

from seismic.kernels.quantize import MAX_FINE, count_distorted
from seismic.layouts import Storage
from seismic.vectors import SparseVectors

ERROR = 0.1
"""Largest relative error of a stored weight that is not reported. Heavier weights than MAX_RANGE says have less."""

MAX_RANGE = int(2 * ERROR * MAX_FINE)
"""A document's heaviest weight over its lightest, up to which no error is larger."""

SAMPLE = 100_000
"""Weights drawn to find how heavy light weights are."""

LIGHTEST, NEGLIGIBLE = 0.01, 0.1
"""An error below this share (the second) of the weight at this quantile (the first) is not reported."""


class RangeWarning(UserWarning):
    """The weights of a document differ by more than 16 bits can hold, so that light ones are stored with an error."""


def range_problem(vectors: SparseVectors, storage: Storage) -> str | None:
    """Describe the weights that would be stored with a large relative error, or return None if there are none.

    The lightest weight that 16 bits hold is 1/65,280 of the document's heaviest: lighter ones are raised to it, and
    others become multiples of it. Encoders compute noise of that size in a few documents, so errors are reported only
    if they are not negligible beside the lightest percent of all weights. A lossy layout leaves light weights out.
    """
    binary = storage.binary_scales
    if storage.lossy or _distorted(vectors, 0.0, binary)[0] == 0:
        return None
    weights = vectors.values
    if len(weights) > SAMPLE:
        weights = weights[np.random.default_rng(0).integers(0, len(weights), SAMPLE)]
    light = float(np.quantile(weights, LIGHTEST, method="lower"))
    documents, distorted, worst = _distorted(vectors, NEGLIGIBLE * light, binary)
    if documents == 0:
        return None
    row = int(np.searchsorted(vectors.indptr, worst, side="right")) - 1
    value, heaviest = float(vectors.values[worst]), float(vectors[row][1].max())
    step = heaviest / MAX_FINE
    others = f" ({distorted} weights of {documents} documents are)" if distorted > 1 else ""
    return (
        f"row {row}, field 'values': found {value:g} for component {vectors.components[worst]} beside {heaviest:g}, "
        f"expected weights within a factor of {MAX_RANGE:,}: with 16 bits it is stored as "
        f"{max(1, round(value / step)) * step:g}{others}; scale heavy weights down, for example to their logarithm, "
        "or leave out the light ones"
    )


def _distorted(vectors: SparseVectors, tolerated: float, binary: bool) -> tuple[int, int, int]:
    return count_distorted(vectors.indptr, vectors.values, 0, len(vectors), ERROR, tolerated, binary)
