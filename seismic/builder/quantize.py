"""The forward index of vectors in position order: what a layout stores of them."""

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import run_even
from seismic.kernels import quantize
from seismic.kernels.score import Forward
from seismic.params import Layout
from seismic.vectors import SparseVectors

LEAST_CODE = 34
"""The layout `small` drops components whose code is smaller: those below 0.133 of their document's heaviest.

On 319,203 documents that keeps 66 % of the components and 0.957 of the exact top 10 (recall). At equal recall, a
threshold for all documents keeps about as many, shares of each document's L1 or squared norm more; but this needs no
other document, so a vector that is taken out of an index and put into another loses nothing more.
"""


def quantize_vectors(
    vectors: SparseVectors, numbers: npt.NDArray[np.uint32], threads: int, layout: Layout = "shared"
) -> Forward:
    """The forward index of vectors in position order."""
    scales, codes = np.empty(len(vectors), np.float32), np.empty(vectors.nnz, np.uint8)
    residuals = np.empty(vectors.nnz, np.int8)

    def task(span: tuple[int, int]) -> None:
        quantize.quantize(vectors.indptr, vectors.values, *span, scales, codes, residuals)

    run_even(task, len(vectors), threads)
    found = Forward(numbers, vectors.indptr.astype(np.int32), vectors.components, codes, residuals, scales)
    return _coarsened(found) if layout == "small" else found


def stored_vectors(vectors: SparseVectors, layout: Layout) -> SparseVectors:
    """What a layout stores of vectors, as values."""
    found = quantize_vectors(vectors, np.arange(len(vectors), dtype=np.uint32), 1, layout)
    scales = np.repeat(found.scales, np.diff(found.starts)).astype(np.float64)
    values = (scales * (found.codes + found.residuals / 256)).astype(np.float32)
    return SparseVectors.trusted(found.starts.astype(np.int64), found.components, values, vectors.dimension)


def _coarsened(forward: Forward) -> Forward:
    """Without light components, and all residuals 0."""
    kept = forward.codes >= LEAST_CODE
    ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(kept, dtype=np.int32)])
    codes = forward.codes[kept]
    return forward._replace(
        starts=ends[forward.starts],
        components=forward.components[kept],
        codes=codes,
        residuals=np.zeros(len(codes), np.int8),
    )
