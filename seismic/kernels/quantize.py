"""float32 values -> 8-bit codes and residuals with one scale per document, and back."""

import numpy as np

from seismic.kernels.arrays import F32, I8, I64, U8, U32, Ids
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward


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


@jit
def restore(forward: Forward, positions: U32, indptr: I64, components: Ids, values: F32) -> None:
    """The vectors at `positions` as float32 values, which `quantize` turns into the same codes, residuals and scales.

    So nothing is lost however often a vector is taken out of one index and put into another.
    """
    for row in range(len(positions)):
        position = positions[row]
        scale, start = forward.scales[position], np.int64(forward.starts[position])
        largest = scale * np.float32(255)  # the value whose 255th part is the scale, which rounding may have missed
        while largest / np.float32(255) < scale:
            largest = np.nextafter(largest, np.float32(np.inf))
        while largest / np.float32(255) > scale:
            largest = np.nextafter(largest, np.float32(0))
        for at in range(indptr[row], indptr[row + 1]):
            source = start + at - indptr[row]
            fine = (np.int64(forward.codes[source]) << 8) + np.int64(forward.residuals[source])
            components[at] = forward.components[source]
            values[at] = largest if fine == 65280 else np.float32(np.float64(scale) * fine / 256)
