"""Arrays of the `lists` plan: posting lists in blocks, the blocks' summaries, and scratch arrays."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32, Ids
from seismic.kernels.constants import BLOCK, GROUP
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, make_query_table
from seismic.kernels.summarize import MAX_BLOCKS

STEPS = 256
"""Steps of the candidates' sort."""

LOCATED = 1024
"""Runs located and prefetched before they are added."""


class Blocks(NamedTuple):
    """Posting lists in blocks.

    ``lists`` int32 [dimension + 1]: list -> list blocks. ``members`` uint32 [list blocks]: a shared block << 8 | a bit
    for each of its documents that is in the list.
    """

    lists: I32
    members: U32


class Summaries(NamedTuple):
    """Summaries of list blocks, inverted list by list.

    A run holds the entries of one component in the summaries of one list. Runs of equal length (a shape) lie together,
    so that a run's entries are found by arithmetic. ``shapes`` int32 [dimension + 1]: list -> shapes. ``lengths``
    uint16 and ``counts`` uint32 [shapes]: entries of a run, number of runs. ``runs`` int32 [dimension + 1]: list ->
    runs. ``components`` uint16 or uint32 [runs]. ``starts`` int32 [dimension + 1]: list -> entries. ``entries`` uint16:
    block within its list << CODE_BITS | code; a code of 0 is padding. ``scales`` float32 [dimension]: value = scale of
    the component x code.
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
    """Arrays of one search at a time; each thread has its own.

    ``table``; ``weights`` uint16 [dimension]: integer weights of the query. By list block, each list padded to GROUP:
    ``estimates`` uint16, ``group_maxima`` uint16: the largest of each group. ``weights``, ``estimates`` and ``visited``
    uint8 [shared blocks] are all 0 between searches. ``scored`` uint32 [documents]: positions scored. By located run:
    ``run_starts`` and ``run_bases`` int64, ``run_lengths`` and ``run_weights`` uint16. By candidate: ``members``
    uint32, ``keys`` uint16: its estimate. ``order`` uint32: candidates, best first. ``histogram`` int64 [STEPS + 1].
    ``stop`` uint8 [1]: once another thread sets it, a search ends soon, with hits that mean nothing.
    """

    table: QueryTable
    weights: U16
    estimates: U16
    group_maxima: U16
    visited: U8
    scored: U32
    run_starts: I64
    run_bases: I64
    run_lengths: U16
    run_weights: U16
    members: U32
    keys: U16
    order: U32
    histogram: I64
    stop: U8


@jit
def padded(blocks: int) -> int:
    """Round a number of list blocks up to a multiple of GROUP."""
    return (blocks + GROUP - 1) & -GROUP


@jit
def make_workspace(dimension: int, documents: int, blocks: int) -> Workspace:
    """Make a workspace for searches that estimate up to `blocks` list blocks, padding included."""
    return Workspace(
        make_query_table(dimension),
        np.zeros(max(dimension, 1 << 16), np.uint16),
        np.zeros(blocks + MAX_BLOCKS, np.uint16),  # MAX_BLOCKS more for entries whose block number is damaged
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
        np.empty(STEPS + 1, np.int64),
        np.zeros(1, np.uint8),
    )
