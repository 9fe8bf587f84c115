"""The forward index of vectors in position order."""

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import run_even
from seismic.kernels import quantize
from seismic.kernels.score import Forward
from seismic.vectors import SparseVectors


def quantize_vectors(vectors: SparseVectors, numbers: npt.NDArray[np.uint32], threads: int) -> Forward:
    """The forward index of vectors in position order."""
    scales, codes = np.empty(len(vectors), np.float32), np.empty(vectors.nnz, np.uint8)
    residuals = np.empty(vectors.nnz, np.int8)

    def task(span: tuple[int, int]) -> None:
        quantize.quantize(vectors.indptr, vectors.values, *span, scales, codes, residuals)

    run_even(task, len(vectors), threads)
    return Forward(numbers, vectors.indptr.astype(np.int32), vectors.components, codes, residuals, scales)
