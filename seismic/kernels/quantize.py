"""Quantization: float32 values to 8-bit codes and residuals, with one scale per document."""

import numpy as np

from seismic.kernels.arrays import F32, I64, U32, Ids
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward


@jit
def count_kept(indptr: I64, values: F32, numbers: U32, first: int, last: int, least_code: int, counts: I64) -> None:
    """Count the values of documents numbers[first:last] with a code of at least `least_code`, in counts[first:last]."""
    for row in range(first, last):
        start, stop = indptr[numbers[row]], indptr[np.int64(numbers[row]) + 1]
        scale, count = _scale(values, start, stop), 0
        for entry in range(start, stop):
            if _code(_fine(values[entry], scale)) >= least_code:
                count += 1
        counts[row] = count


@jit
def quantize(
    indptr: I64, components: Ids, values: F32, first: int, last: int, least_code: int, residuals: bool, forward: Forward
) -> None:
    """Fill rows first .. last - 1 of a forward index, given its ``numbers`` and ``starts``.

    value = scale x (code + residual / 256), within scale / 512. No value becomes 0, so that a document that shares a
    component with a query always scores above 0. Values whose code is below `least_code` are left out. `residuals`:
    whether to fill them.
    """
    for row in range(first, last):
        number, place = forward.numbers[row], np.int64(forward.starts[row])
        start, stop = indptr[number], indptr[np.int64(number) + 1]
        scale = _scale(values, start, stop)
        forward.scales[row] = scale
        for entry in range(start, stop):
            fine = _fine(values[entry], scale)
            code = _code(fine)
            if code >= least_code:
                forward.components[place], forward.codes[place] = components[entry], code
                if residuals:
                    forward.residuals[place] = fine - (code << 8)
                place += 1


@jit
def _scale(values: F32, start: int, stop: int) -> float:
    largest = np.float32(0)
    for entry in range(start, stop):
        largest = max(largest, values[entry])
    return largest / np.float32(255)


@jit
def _fine(value: float, scale: float) -> int:
    """Return a value in units of scale / 256."""
    return min(max(np.int64(np.rint(np.float64(value) / np.float64(scale) * 256)), 1), 65280)


@jit
def _code(fine: int) -> int:
    return (fine + 128) >> 8
