"""float32 values -> 8-bit codes and residuals with one scale per document, and back."""

import numpy as np

from seismic.kernels.arrays import F32, I8, I64, U8
from seismic.kernels.jit import jit


@jit
def quantize(
    indptr: I64,
    values: F32,
    first: int,
    last: int,
    scales: F32,
    codes: U8,
    residuals: I8,
) -> None:
    """Documents first .. last - 1: value = scale x (code + residual / 256), within scale / 512.

    No value becomes 0, so a document that shares a component with a query always scores above 0.
    """
    for document in range(first, last):
        largest = np.float32(0)
        for at in range(indptr[document], indptr[document + 1]):
            largest = max(largest, values[at])
        scale = largest / np.float32(255)
        scales[document] = scale
        for at in range(indptr[document], indptr[document + 1]):
            fine = np.int64(np.rint(np.float64(values[at]) / np.float64(scale) * 256))
            fine = min(max(fine, 1), 65280)
            code = (fine + 128) >> 8
            codes[at] = code
            residuals[at] = fine - (code << 8)
