"""Check that a shard's files agree: each file except shared.arrow holds values of the same vectors in another form.

Hashes prove that files are as they were written, not that they belong together. Of the files of the layout `lists`,
forward.arrow is compared, which scores; posting lists and their summaries only choose candidates.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from seismic.errors import CorruptIndexError
from seismic.kernels import quantize
from seismic.kernels.copies import find_above_maxima, find_unlike_impacts
from seismic.kernels.score import Forward
from seismic.layouts import Storage
from seismic.store.schema import FORWARD, IMPACTS, MAXIMA, SHARED
from seismic.store.shard import Restored, Shard

CHUNK = 1 << 14
"""Positions restored at a time."""


def check_copies(shard: Shard, storage: Storage, place: str, positions: int | None = None) -> None:
    """Raise CorruptIndexError if another file of the shard disagrees with shared.arrow, or if a compaction would change
    values there. Only the first `positions` are compared, if given."""
    maxima, impacts, dimension = shard.maxima, shard.impacts, shard.dimension
    if len(shard) == 0 or dimension == 0:
        return
    block_windows = len(maxima.ends) // dimension
    in_maxima, in_impacts = np.zeros(dimension, np.int64), np.zeros(dimension, np.int64)
    for first, found in _restored(shard, len(shard) if positions is None else min(positions, len(shard))):
        fine = _fine(shard, first, found)
        if not _is_stable(found, storage):
            raise CorruptIndexError(
                f"{place}: {SHARED}: codes: found values, at or after position {first}, that would change if they were "
                "stored again"
            )
        if shard.lists is not None and not _equals(shard.lists.forward, shard, first, found, fine):
            raise _disagreement(place, FORWARD, "components, codes", first)
        csr = (first, found.indptr, found.components)
        position = find_above_maxima(maxima, block_windows, *csr, found.values, in_maxima)
        if position >= 0:
            raise _disagreement(place, MAXIMA, "codes", position)
        if impacts is not None:
            position = find_unlike_impacts(impacts, len(impacts.ends) // dimension, *csr, fine, in_impacts)
            if position >= 0:
                raise _disagreement(place, IMPACTS, "positions, values", position)


def _restored(shard: Shard, end: int) -> Iterator[tuple[int, Restored]]:
    """Yield the vectors before position `end`, CHUNK at a time, with the first position."""
    for first in range(0, end, CHUNK):
        yield first, shard.restore(np.arange(first, min(first + CHUNK, end), dtype=np.uint32))


def _fine(shard: Shard, first: int, found: Restored) -> npt.NDArray[np.int64]:
    """Return the values in 1/256 of their scales."""
    scales = shard.shared.scales[first : first + len(found.indptr) - 1].astype(np.float64)
    fine = np.rint(found.values / np.repeat(scales, np.diff(found.indptr)) * 256)
    return fine.astype(np.int64)


def _is_stable(found: Restored, storage: Storage) -> bool:
    """Return whether a compaction keeps the values."""
    rows, nnz = len(found.indptr) - 1, len(found.values)
    numbers, counts = np.arange(rows, dtype=np.uint32), np.empty(rows, np.int64)
    quantize.count_kept(found.indptr, found.values, numbers, 0, rows, storage.least_code, counts)
    if not np.array_equal(counts, np.diff(found.indptr)):
        return False
    again = Forward(
        *(numbers, found.indptr.astype(np.int32), np.empty_like(found.components)),
        *(np.empty(nnz, np.uint8), np.zeros(nnz, np.int8), np.empty(rows, np.float32)),
    )
    quantize.quantize(*found, 0, rows, storage.least_code, storage.residuals, storage.binary_scales, again)
    scales = np.repeat(again.scales.astype(np.float64), counts)
    return np.allclose(scales * (again.codes + again.residuals / 256), found.values, rtol=1e-6, atol=0)


def _equals(forward: Forward, shard: Shard, first: int, found: Restored, fine: npt.NDArray[np.int64]) -> bool:
    rows = slice(first, first + len(found.indptr) - 1)
    starts = forward.starts[rows.start : rows.stop + 1]
    span = slice(starts[0], starts[-1])
    values = forward.codes[span].astype(np.int64) * 256 + forward.residuals[span]
    pairs = (
        (forward.numbers[rows], shard.shared.numbers[rows]),
        (forward.scales[rows], shard.shared.scales[rows]),
        (starts - starts[0], found.indptr),
        (forward.components[span], found.components),
        (values, fine),
    )
    return all(np.array_equal(one, other) for one, other in pairs)


def _disagreement(place: str, file: str, columns: str, position: int) -> CorruptIndexError:
    return CorruptIndexError(
        f"{place}: {file}: {columns}: found other values than in shared.arrow, at or after position {position}"
    )
