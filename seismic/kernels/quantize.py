"""Quantization: float32 values to 8-bit codes and residuals, with one scale per document."""

import numpy as np

from seismic.kernels.arrays import F32, I64, U32, Ids
from seismic.kernels.jit import jit
from seismic.kernels.score import Forward

MAX_CODE = 255
"""Largest code, of a document's heaviest value."""

MAX_FINE = 256 * MAX_CODE
"""Largest value in units of scale / 256."""


@jit
def count_kept(indptr: I64, values: F32, numbers: U32, first: int, last: int, least_code: int, counts: I64) -> None:
    """Count the values of documents numbers[first:last] that `is_kept` keeps, in counts[first:last]."""
    for row in range(first, last):
        start, stop = indptr[numbers[row]], indptr[np.int64(numbers[row]) + 1]
        largest, count = _largest(values, start, stop), 0
        for entry in range(start, stop):
            count += _is_kept(values[entry], largest, least_code)
        counts[row] = count


@jit
def quantize(
    indptr: I64,
    components: Ids,
    values: F32,
    first: int,
    last: int,
    least_code: int,
    residuals: bool,
    binary: bool,
    forward: Forward,
) -> None:
    """Fill rows first .. last - 1 of a forward index, given its ``numbers`` and ``starts``.

    value = scale x (code + residual / 256), within scale / 512, and exact for integers as far as `_scale` allows. No
    value becomes 0, so that a document that shares a component with a query always scores above 0. Values much lighter
    than the heaviest are left out if there is a `least_code`. `residuals`: whether to fill them. `binary`: whether all
    scales are powers of 2.
    """
    for row in range(first, last):
        number, place = forward.numbers[row], np.int64(forward.starts[row])
        start, stop = indptr[number], indptr[np.int64(number) + 1]
        largest = _largest(values, start, stop)
        scale = _scale(values, start, stop, largest, least_code, residuals, binary)
        forward.scales[row] = scale
        for entry in range(start, stop):
            if _is_kept(values[entry], largest, least_code):
                fine = _fine(values[entry], scale)
                code = (fine + 128) >> 8
                forward.components[place], forward.codes[place] = components[entry], code
                if residuals:
                    forward.residuals[place] = fine - (code << 8)
                place += 1


@jit
def count_distorted(
    indptr: I64, values: F32, first: int, last: int, share: float, tolerated: float, binary: bool
) -> tuple[int, int, int]:
    """Count the values of documents first .. last - 1 that 16 bits store with an error above `share` and `tolerated`.

    `share` is relative to the value, `tolerated` absolute. Returns the number of documents that have some, the number
    of values, and the entry with the largest error, or -1.
    """
    documents, distorted, worst, most = 0, 0, -1, np.float64(0)
    for document in range(first, last):
        start, stop, before = indptr[document], indptr[document + 1], distorted
        step = np.float64(_scale(values, start, stop, _largest(values, start, stop), 0, True, binary)) / 256
        for entry in range(start, stop):
            value = np.float64(values[entry])
            if 2 * share * value < step:  # heavier values are off by half a step at most
                error = abs(max(np.rint(value / step), 1.0) * step - value)
                if error > share * value and error > tolerated:
                    distorted += 1
                    if error > most:
                        worst, most = entry, error
        documents += distorted > before
    return documents, distorted, worst


@jit(inline=True)
def _largest(values: F32, start: int, stop: int) -> float:
    largest = np.float32(0)
    for entry in range(start, stop):
        largest = max(largest, values[entry])
    return largest


@jit(inline=True)
def _is_kept(value: float, largest: float, least_code: int) -> bool:
    """Return whether a value is stored: whether its code is at least `least_code`, given a scale of largest / 255.

    The rule does not depend on the scale in use, so it keeps all values of a vector that is stored again.
    """
    return least_code == 0 or (_fine(value, largest / np.float32(MAX_CODE)) + 128) >> 8 >= least_code


@jit
def _scale(values: F32, start: int, stop: int, largest: float, least_code: int, residuals: bool, binary: bool) -> float:
    """Return a document's scale: the largest value / 255, or a power of 2 if all values kept are integers or `binary`.

    With a power of 2, integers up to 65,280, or up to 255 without residuals, are stored exactly. Sums of such values
    are exact too, so documents with equal scores tie. Values that were stored with a power of 2 are stored exactly with
    every smaller one that holds them.
    """
    if binary:
        return _binary_scale(largest)
    if largest > (MAX_FINE if residuals else MAX_CODE):
        return largest / np.float32(MAX_CODE)
    for entry in range(start, stop):
        if values[entry] != np.floor(values[entry]) and _is_kept(values[entry], largest, least_code):
            return largest / np.float32(MAX_CODE)
    return _binary_scale(largest)


@jit(inline=True)
def _binary_scale(largest: float) -> float:
    """Return the smallest power of 2 whose MAX_CODE-fold holds the largest value; 0 without one."""
    scale = np.float32(MAX_FINE // MAX_CODE)
    while largest > scale * MAX_CODE:
        scale *= 2
    while largest > 0 and largest <= scale / 2 * MAX_CODE:
        scale /= 2
    return scale if largest > 0 else np.float32(0)


@jit(inline=True)
def _fine(value: float, scale: float) -> int:
    """Return a value in units of scale / 256."""
    return min(max(np.int64(np.rint(np.float64(value) / np.float64(scale) * 256)), 1), MAX_FINE)
