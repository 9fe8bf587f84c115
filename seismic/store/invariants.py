"""Invariants that keep kernels inside their arrays, checked before a kernel sees an array from a file.

`schema` checks the offsets. A 16-bit number that only indexes a lookup table needs no check: the tables of searches
have all 65,536 entries. 32-bit numbers are scanned here, at memory speed. Any code is safe. Scales must keep sums
finite, because counting sorts turn sums into indices.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.errors import CorruptIndexError
from seismic.kernels.constants import BLOCK
from seismic.kernels.impacts import Impacts
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared, bits_match
from seismic.vectors import MAX_VALUE, MIN_VALUE

LEAST_SCALE = MIN_VALUE / np.float32(1000)
"""Below every scale of accepted values, and far above those of which float32 products lose digits."""


def check_forward(forward: Forward, dimension: int, place: str) -> None:
    """Check `numbers` (become hits), `components` (look up query weights) and `scales` (multiply scores)."""
    check_below(forward.numbers, len(forward.numbers), f"{place}: number")
    if forward.components.dtype == np.uint32:
        check_below(forward.components, dimension, f"{place}: components")
    check_scales(forward.scales, f"{place}: scale")


def check_shared(shared: Shared, dimension: int, place: str) -> None:
    """Check also `documents` (number of codes per row) and `own_ends` (assign components to documents)."""
    check_below(shared.numbers, len(shared.numbers), f"{place}: numbers")
    for name in ("components", "own_components"):
        if getattr(shared, name).dtype == np.uint32:
            check_below(getattr(shared, name), dimension, f"{place}: {name}")
    check_scales(shared.scales, f"{place}: scales")
    if not bits_match(shared.documents, shared.starts, shared.code_starts):
        raise CorruptIndexError(f"{place}: documents: found bits that do not match the numbers of codes")
    ends = shared.own_ends.reshape(-1, BLOCK)
    if (ends[:, 1:] < ends[:, :-1]).any() or not np.array_equal(ends[:, -1], np.diff(shared.own_starts)):
        raise CorruptIndexError(f"{place}: own_ends do not rise to the number of the block's own components")
    _check_last_block(shared, place)


def _check_last_block(shared: Shared, place: str) -> None:
    """Check that documents beyond the last one, which complete the last block, have no components."""
    beyond = len(shared.numbers) % BLOCK
    if beyond == 0:
        return
    if (shared.documents[shared.starts[-2] : shared.starts[-1]] >> beyond).any():
        raise CorruptIndexError(f"{place}: documents: found bits beyond the last document")
    if shared.own_ends[beyond - BLOCK - 1] != shared.own_ends[-1]:
        raise CorruptIndexError(f"{place}: own_ends: found components beyond the last document")


def check_impacts(impacts: Impacts, place: str) -> None:
    """Check `ends`, which delimit the postings of each window."""
    _check_ends(impacts.ends, impacts.starts, f"{place}: ends", "postings")


def check_maxima(maxima: Maxima, place: str) -> None:
    """Check `ends`, which delimit the blocks of each window, and `scales`, factors of upper bounds."""
    _check_ends(maxima.ends, maxima.block_starts, f"{place}: ends", "blocks")
    check_scales(maxima.scales, f"{place}: scale")


def _check_ends(ends: npt.NDArray[np.uint32], starts: npt.NDArray[np.int32], place: str, what: str) -> None:
    """Raise CorruptIndexError if the ends [components x windows] leave the span of their component."""
    dimension = len(starts) - 1
    by_window = ends.reshape(dimension, len(ends) // dimension if dimension else 1)
    if (by_window[:, 1:] < by_window[:, :-1]).any() or not np.array_equal(by_window[:, -1], np.diff(starts)):
        raise CorruptIndexError(f"{place} do not rise to the number of the component's {what}")


def check_blocks(blocks: Blocks, documents: int, most_blocks: int, place: str) -> None:
    """Check `members`, which select documents, and the length of the longest list, for which searches have room."""
    longest = int(np.diff(blocks.lists).max(initial=0))
    if longest != most_blocks:
        raise CorruptIndexError(f"{place}: blocks: found {longest} in the longest list, expected {most_blocks}")
    last = max(0, documents - 1) // BLOCK
    check_below(blocks.members, (last << 8) + (1 << (documents - last * BLOCK)), f"{place}: blocks")


def check_summaries(summaries: Summaries, place: str) -> None:
    """Check `components` (look up query weights) and `scales` (multiply estimates).

    Searches have room for every block number that an entry can hold.
    """
    if summaries.components.dtype == np.uint32:
        check_below(summaries.components, len(summaries.scales), f"{place}: components")
    check_scales(summaries.scales, f"{place}: scale")


def check_below(numbers: npt.NDArray[Any], limit: int, place: str) -> None:
    """Raise CorruptIndexError if an unsigned number is `limit` or more."""
    largest = int(numbers.max(initial=0))
    if len(numbers) and largest >= limit:
        raise CorruptIndexError(f"{place}: found {largest}, expected less than {limit}")


def check_scales(scales: npt.NDArray[np.float32], place: str) -> None:
    """Raise CorruptIndexError if a scale is negative, NaN, too large for float32 sums, or too small for products.

    A document or component without values has the scale 0.
    """
    if len(scales) and not (scales.min() >= 0 and scales.max() <= MAX_VALUE):  # NaN passes through min and max
        raise CorruptIndexError(f"{place}: found {scales.min()} to {scales.max()}, expected 0 to {MAX_VALUE:g}")
    least = np.min(scales, where=scales > 0, initial=LEAST_SCALE)
    if least < LEAST_SCALE:
        raise CorruptIndexError(f"{place}: found {least}, expected 0, or {LEAST_SCALE:g} or more")


def check_column(column: pa.Array, place: str) -> None:
    """Raise CorruptIndexError if reading a row of an Arrow column could leave its buffers."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        _check_offsets(column, np.dtype(np.int32), place)
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        _check_offsets(column, np.dtype(np.int64), place)
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            check_column(column.field(number), place)
    elif not pa.types.is_primitive(kind) and not pa.types.is_null(kind):
        check_text(column, place)


def check_text(column: pa.Array, place: str) -> None:
    """Raise CorruptIndexError if a column breaks a rule of Arrow; reads it all, to find text that is not UTF-8."""
    try:
        column.validate(full=True)
    except pa.ArrowException as error:
        raise CorruptIndexError(f"{place}: {error}") from None


def _check_offsets(column: pa.Array, dtype: np.dtype[Any], place: str) -> None:
    _, offsets, values = column.buffers()
    if len(column) == 0 or offsets is None:
        return
    ends = np.frombuffer(offsets, dtype, len(column) + 1, column.offset * dtype.itemsize)
    size = 0 if values is None else values.size
    if ends[0] < 0 or ends[-1] > size or (ends[1:] < ends[:-1]).any():
        raise CorruptIndexError(f"{place}: text offsets do not rise from 0 to {size}, the number of bytes")
