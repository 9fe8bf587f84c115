"""The forward index: what a layout stores of vectors, in position order."""

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import run_even
from seismic.kernels import quantize
from seismic.kernels.score import Forward
from seismic.layouts import DEFAULT, LAYOUTS, Storage
from seismic.store.schema import check_offset
from seismic.vectors import SparseVectors


def quantize_vectors(
    vectors: SparseVectors, numbers: npt.NDArray[np.uint32], threads: int, storage: Storage = LAYOUTS[DEFAULT]
) -> Forward:
    """Return the forward index of the vectors `numbers` in that order."""
    n, least_code, residuals, binary = len(numbers), storage.least_code, storage.residuals, storage.binary_scales
    csr, counts = (vectors.indptr, vectors.components, vectors.values), np.empty(n, np.int64)
    run_even(lambda span: quantize.count_kept(csr[0], csr[2], numbers, *span, least_code, counts), n, threads)
    starts = np.concatenate([[0], np.cumsum(counts)])
    check_offset(int(starts[-1]), "values")
    forward = Forward(
        numbers,
        starts.astype(np.int32),
        np.empty(starts[-1], vectors.components.dtype),
        np.empty(starts[-1], np.uint8),
        np.zeros(starts[-1], np.int8),  # takes no memory while untouched
        np.empty(n, np.float32),
    )
    run_even(lambda span: quantize.quantize(*csr, *span, least_code, residuals, binary, forward), n, threads)
    return forward


def stored_vectors(vectors: SparseVectors, storage: Storage) -> SparseVectors:
    """Return the vectors as a layout stores them."""
    forward = quantize_vectors(vectors, np.arange(len(vectors), dtype=np.uint32), 1, storage)
    scales = np.repeat(forward.scales, np.diff(forward.starts)).astype(np.float64)
    values = (scales * (forward.codes + forward.residuals / 256)).astype(np.float32)
    return SparseVectors.trusted(forward.starts.astype(np.int64), forward.components, values, vectors.dimension)
