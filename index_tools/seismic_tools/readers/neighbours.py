"""Ground truth of the BigANN benchmarks (`.gt`, `.ibin`): the best documents of every query."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic_tools.readers.batch import BrokenFileError, readable


class Neighbours(NamedTuple):
    """``numbers`` int32 and ``scores`` float32 [queries, k]: document numbers, best first, and their inner products."""

    numbers: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]


def read_neighbours(path: Path) -> Neighbours:
    """Read ground truth: uint32 queries, k; int32 numbers; float32 scores; all little-endian.

    InputError for other content.
    """
    with readable(path, "ground truth of BigANN"):
        size = path.stat().st_size
        header = np.fromfile(path, "<u4", 2)
        if len(header) < 2:
            raise BrokenFileError(f"found {size} bytes, expected a header of 8 bytes")
        queries, k = (int(number) for number in header)
        if size != 8 + 8 * queries * k:
            raise BrokenFileError(
                f"found {size:,} bytes, expected {8 + 8 * queries * k:,} for {k:,} hits of {queries:,} queries"
            )
        numbers = np.fromfile(path, "<i4", queries * k, offset=8).reshape(queries, k)
        scores = np.fromfile(path, "<f4", queries * k, offset=8 + 4 * queries * k).reshape(queries, k)
        if len(numbers) and numbers.size and numbers.min() < -1:
            raise BrokenFileError(f"found document number {numbers.min()}, expected numbers from 0, or -1 for none")
        if not np.isfinite(scores).all():
            raise BrokenFileError("found a score that is not finite")
        return Neighbours(numbers, scores)
