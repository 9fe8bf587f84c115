"""Posting lists in blocks and their summaries, as the plan `lists` searches them, and its scratch arrays."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32, Ids
from seismic.kernels.jit import jit
from seismic.kernels.maxima import BLOCK, GROUP
from seismic.kernels.score import QueryTable, make_query_table
from seismic.kernels.summarize import MAX_BLOCKS

BUCKETS = 256
"""Steps of the counting sorts."""

LOCATED = 1024
"""Runs located and prefetched before they are added."""


class Blocks(NamedTuple):
    """Posting lists in blocks.

    ``lists`` int32 [dimension + 1]: list -> blocks. ``members`` uint32 [blocks]: a shared block << 8 | which of its
    documents are in the list, a bit each.
    """

    lists: I32
    members: U32


class Summaries(NamedTuple):
    """The blocks' summaries, inverted list by list.

    A run is what one list's summaries hold of one component. Runs of equal length (a shape) lie together, so a run's
    entries are found by arithmetic. ``shapes`` int32 [dimension + 1]: list -> shapes. ``lengths`` uint16 and
    ``counts`` uint32 [shapes]: entries of a run, and how many such runs. ``runs`` int32 [dimension + 1]: list -> runs.
    ``components`` uint16 or uint32 [runs]. ``starts`` int32 [dimension + 1]: list -> entries. ``entries`` uint16:
    block within its list << CODE_BITS | code; a code of 0 pads. ``scales`` float32 [dimension]: value = scale of the
    component x code.
    """

    shapes: I32
    lengths: U16
    counts: U32
    runs: I32
    components: Ids
    starts: I32
    entries: U16
    scales: F32


class Workspace(NamedTuple):
    """What one search at a time needs; one per thread.

    ``table``; ``weights`` uint16 [dimension]: the query's, whole, for estimates. By list block, each list padded to
    GROUP: ``estimates`` uint16, ``tops`` uint16: the largest of each group. ``weights``, ``estimates`` and
    ``visited`` uint8 [shared blocks] are all 0 between searches. ``scored`` uint32 [documents]: positions scored.
    By located run: ``run_starts`` and ``run_bases`` int64, ``run_lengths`` and ``run_weights`` uint16. By candidate:
    ``members`` uint32, ``bounds`` uint16: its estimate, ``order`` uint32. ``histogram`` int64 [BUCKETS + 1]. ``stop``
    uint8 [1]: once another thread sets it, a search ends soon, with hits that mean nothing.
    """

    table: QueryTable
    weights: U16
    estimates: U16
    tops: U16
    visited: U8
    scored: U32
    run_starts: I64
    run_bases: I64
    run_lengths: U16
    run_weights: U16
    members: U32
    bounds: U16
    order: U32
    histogram: I64
    stop: U8


@jit
def padded(blocks: int) -> int:
    """Blocks of a list, as estimates are laid out."""
    return (blocks + GROUP - 1) & -GROUP


@jit
def make_workspace(dimension: int, documents: int, blocks: int) -> Workspace:
    """A workspace for searches that estimate at most `blocks` blocks, padding included."""
    return Workspace(
        make_query_table(dimension),
        np.zeros(max(dimension, 1 << 16), np.uint16),
        np.zeros(blocks + MAX_BLOCKS, np.uint16),  # the rest is room for entries whose block is damaged
        np.zeros(blocks // GROUP, np.uint16),
        np.zeros(-(-documents // BLOCK), np.uint8),
        np.empty(documents, np.uint32),
        np.empty(LOCATED, np.int64),
        np.empty(LOCATED, np.int64),
        np.empty(LOCATED, np.uint16),
        np.empty(LOCATED, np.uint16),
        np.empty(blocks, np.uint32),
        np.empty(blocks, np.uint16),
        np.empty(blocks, np.uint32),
        np.empty(BUCKETS + 1, np.int64),
        np.zeros(1, np.uint8),
    )
