"""The plan of a build: its shards, and how many are built at once within the memory limit."""

import math
from typing import NamedTuple

from seismic.components import NARROW_DIMENSION
from seismic.errors import ParameterError
from seismic.kernels.constants import POSITION_WINDOW
from seismic.kernels.maxima import block_windows, has_superblocks
from seismic.layouts import LAYOUTS, Storage
from seismic.params import BuildParams
from seismic.store.schema import MAX_OFFSET
from seismic.threads import even_ranges
from seismic.vectors import SparseVectors

PROCESS, PER_DOCUMENT = 300_000_000, 40
"""Bytes of a build outside its shards: the process with its libraries, and per document of the collection the start of
its vector, a hash of its id and the like."""

ORDER_DOCUMENT, SHARD_DOCUMENT = 140, 40
"""Bytes per document of a shard while documents are ordered, and afterwards, in addition to its values."""

SHARD_COMPONENT, MAXIMA_COMPONENT, IMPACTS_COMPONENT = 120, 20, 24
"""Bytes per component of the vocabulary, and per window of a shard's maxima and of its impacts."""

WIDE_VALUE = 3.5
"""Additional bytes per value if components have 32 bits."""

SUPERBLOCKS_VALUE = 0.25
"""Additional bytes per value if dense rows of maxima have superblocks."""


class ShardPlan(NamedTuple):
    """``ranges``: documents (first, last + 1) of each shard; ``side_by_side``: shards built at once; ``threads`` per
    shard."""

    ranges: list[tuple[int, int]]
    side_by_side: int
    threads: int


def plan_shards(
    vectors: SparseVectors, params: BuildParams, shards: int, workers: int, memory: int | None = None
) -> ShardPlan:
    """Cut a build into `shards` equal ranges, or more if building one would exceed `memory` bytes of anonymous memory.

    As many shards are built at once as fit `memory` (None: no limit) and `workers`. The ranges do not depend on
    `workers`. Raises ParameterError if even shards of one document would exceed it.
    """
    ranges = even_ranges(len(vectors), shards)
    if memory is None:
        side_by_side = min(len(ranges), workers)
        return ShardPlan(ranges, side_by_side, max(1, workers // side_by_side))
    left = memory - PROCESS - PER_DOCUMENT * len(vectors)
    while (most := _most_bytes(vectors, params, ranges)) > left or _most_values(vectors, ranges) > MAX_OFFSET:
        if len(ranges) == len(vectors) or left <= 0:
            least = math.ceil((memory - left + most) / 1e6)
            raise ParameterError(f"memory is {memory / 1e6:,.0f} MB, expected at least {least:,} MB for these vectors")
        wanted = max(len(ranges) + 1, math.floor(len(ranges) * most / left))
        ranges = even_ranges(len(vectors), min(wanted, len(vectors)))
    side_by_side = min(len(ranges), workers, left // max(1, most))  # nothing takes no memory
    return ShardPlan(ranges, side_by_side, max(1, workers // side_by_side))


def _most_values(vectors: SparseVectors, ranges: list[tuple[int, int]]) -> int:
    return max(int(vectors.indptr[last] - vectors.indptr[first]) for first, last in ranges)


def _most_bytes(vectors: SparseVectors, params: BuildParams, ranges: list[tuple[int, int]]) -> int:
    storage = LAYOUTS[params.layout]
    return max(
        shard_bytes(last - first, int(vectors.indptr[last] - vectors.indptr[first]), vectors.dimension, storage)
        for first, last in ranges
    )


def shard_bytes(documents: int, values: int, dimension: int, storage: Storage) -> int:
    """Return an upper bound of the anonymous memory that building a shard takes."""
    used = dimension if dimension <= NARROW_DIMENSION else min(dimension, values)
    windows = math.ceil(documents / POSITION_WINDOW) if storage.has_impacts(small=documents <= POSITION_WINDOW) else 0
    of_windows = MAXIMA_COMPONENT * block_windows(documents) + IMPACTS_COMPONENT * windows
    by_value = storage.bytes_per_value + (WIDE_VALUE if used > NARROW_DIMENSION else 0)
    by_value += SUPERBLOCKS_VALUE if has_superblocks(documents) else 0
    stored = documents * SHARD_DOCUMENT + math.ceil(values * by_value)
    return max(documents * ORDER_DOCUMENT, stored) + used * (SHARD_COMPONENT + of_windows)
