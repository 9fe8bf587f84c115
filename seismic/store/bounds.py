"""What kernels rely on, checked before they see an array: nothing a file holds may make them leave their arrays.

Offsets are checked in `schema`. Numbers of 16 bits need no check where they only look things up: the tables of
searches have room for all 65,536. Those of 32 bits are looked through here, at memory speed. Codes are safe, whatever
they are; scales must keep sums finite, as sums become places in counting sorts.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.errors import CorruptIndexError
from seismic.kernels.impacts import Impacts
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.maxima import BLOCK, Maxima
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared, bits_match
from seismic.vectors import MAX_VALUE


def check_forward(forward: Forward, dimension: int, place: str) -> None:
    """`numbers` go into hits, `components` look up the query's weights, `scales` multiply scores."""
    check_below(forward.numbers, len(forward.numbers), f"{place}: number")
    if forward.components.dtype == np.uint32:
        check_below(forward.components, dimension, f"{place}: components")
    check_scales(forward.scales, f"{place}: scale")


def check_shared(shared: Shared, dimension: int, place: str) -> None:
    """`documents` say how many codes belong to a row, `own_ends` which document a component belongs to."""
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


def check_impacts(impacts: Impacts, place: str) -> None:
    """`ends` say which postings are those of a window."""
    _check_ends(impacts.ends, impacts.starts, f"{place}: ends", "postings")


def check_maxima(maxima: Maxima, place: str) -> None:
    """`ends` say which blocks are those of a window, `scales` multiply bounds."""
    _check_ends(maxima.ends, maxima.block_starts, f"{place}: ends", "blocks")
    check_scales(maxima.scales, f"{place}: scale")


def _check_ends(ends: npt.NDArray[np.uint32], starts: npt.NDArray[np.int32], place: str, what: str) -> None:
    """CorruptIndexError if the ends [components x windows] leave their component's span, which begins at its start."""
    dimension = len(starts) - 1
    by_window = ends.reshape(dimension, len(ends) // dimension if dimension else 1)
    if (by_window[:, 1:] < by_window[:, :-1]).any() or not np.array_equal(by_window[:, -1], np.diff(starts)):
        raise CorruptIndexError(f"{place} do not rise to the number of the component's {what}")


def check_lists(blocks: Blocks, summaries: Summaries, documents: int, most_blocks: int, place: str) -> None:
    """`members` say which documents to score, `components` look up the query's weights, `scales` multiply estimates.

    Searches have room for `most_blocks` of a list, and beyond them for any that an entry of a summary can name.
    """
    longest = int(np.diff(blocks.lists).max(initial=0))
    if longest > most_blocks:
        raise CorruptIndexError(f"{place}: found a list of {longest} blocks, expected at most {most_blocks}")
    last = max(0, documents - 1) // BLOCK
    check_below(blocks.members, (last << 8) + (1 << (documents - last * BLOCK)), f"{place}: blocks")
    if summaries.components.dtype == np.uint32:
        check_below(summaries.components, len(summaries.scales), f"{place}: components")
    check_scales(summaries.scales, f"{place}: scale")


def check_below(numbers: npt.NDArray[Any], limit: int, place: str) -> None:
    """CorruptIndexError if an unsigned number is `limit` or more."""
    largest = int(numbers.max(initial=0))
    if len(numbers) and largest >= limit:
        raise CorruptIndexError(f"{place}: found {largest}, expected less than {limit}")


def check_scales(scales: npt.NDArray[np.float32], place: str) -> None:
    """CorruptIndexError if a scale is negative, too large for sums of float32, or no number."""
    if len(scales) and not (scales.min() >= 0 and scales.max() <= MAX_VALUE):  # NaN passes through min and max
        raise CorruptIndexError(f"{place}: found {scales.min()} to {scales.max()}, expected 0 to {MAX_VALUE:g}")


def check_column(column: pa.Array, place: str) -> None:
    """CorruptIndexError if reading a row of any Arrow column could leave its buffers."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        _check_offsets(column, np.dtype(np.int32), place)
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        _check_offsets(column, np.dtype(np.int64), place)
    elif pa.types.is_struct(kind):
        for at in range(kind.num_fields):
            check_column(column.field(at), place)
    elif not pa.types.is_primitive(kind) and not pa.types.is_null(kind):
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
        raise CorruptIndexError(f"{place}: offsets of text do not rise from 0 to {size}, the bytes present")
