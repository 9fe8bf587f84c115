"""Summaries: what a query reads to estimate a block, cut to most of their mass, 8-bit, inverted list by list."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32, Ids
from seismic.kernels.jit import jit

BUCKETS = 256


class Inverted(NamedTuple):
    """Inverted summaries of consecutive lists.

    By run, a (list, component) pair: ``components`` uint16 or uint32 and ``lengths`` uint32. By entry, in the order
    of runs: ``blocks`` uint16 within the list, ascending in a run, and ``codes`` uint8. By list: ``runs`` int64
    counts runs, ``scales`` float32.
    """

    components: Ids
    lengths: U32
    blocks: U16
    codes: U8
    runs: I64
    scales: F32


class Scratch(NamedTuple):
    """By component: ``maxima`` float32 and ``fill`` int64 [dimension], 0 between lists. ``touched`` int64
    [dimension]. By entry of a list: ``components`` int64, ``blocks`` uint16, ``values`` float32. ``mass`` float32
    [BUCKETS]."""

    maxima: F32
    fill: I64
    touched: I64
    components: I64
    blocks: U16
    values: F32
    mass: F32


@jit
def make_scratch(dimension: int, entries: int) -> Scratch:
    """Scratch for lists of at most `entries` summary entries."""
    return Scratch(
        np.zeros(dimension, np.float32),
        np.zeros(dimension, np.int64),
        np.empty(dimension, np.int64),
        np.empty(entries, np.int64),
        np.empty(entries, np.uint16),
        np.empty(entries, np.float32),
        np.empty(BUCKETS, np.float32),
    )


@jit
def summarize_lists(
    indptr: I64,
    components: Ids,
    values: F32,
    list_starts: I32,
    block_starts: I32,
    positions: U32,
    first: int,
    last: int,
    energy: float,
    scratch: Scratch,
    out: Inverted,
) -> tuple[int, int]:
    """Summarise the blocks of lists first .. last - 1 into `out`; (runs, entries) written.

    A summary is the coordinate-wise maximum of its documents, cut to its heaviest components that hold `energy` of
    its L1 mass (components within 1/256 of the block's maximum of each other stay or go together).
    """
    runs, entries = 0, 0
    for component in range(first, last):
        count = 0
        for block in range(list_starts[component], list_starts[component + 1]):
            documents = positions[block_starts[block] : block_starts[block + 1]]
            number = block - list_starts[component]
            count = _summarize(indptr, components, values, documents, number, energy, scratch, count)
        written = _invert(count, scratch, out, component - first, runs, entries)
        runs += written
        entries += count
    return runs, entries


@jit
def _summarize(
    indptr: I64,
    components: Ids,
    values: F32,
    documents: U32,
    number: int,
    energy: float,
    scratch: Scratch,
    count: int,
) -> int:
    """Append one block's summary to the list's entries; the new count."""
    maxima, touched, distinct = scratch.maxima, scratch.touched, 0
    largest = np.float32(0)
    for document in documents:
        for at in range(indptr[document], indptr[np.int64(document) + 1]):
            component, value = components[at], values[at]
            if maxima[component] == 0:
                touched[distinct] = component
                distinct += 1
            maxima[component] = max(maxima[component], value)
            largest = max(largest, value)
    least = _energy_bucket(scratch, distinct, largest, energy)
    unit = np.float32(BUCKETS) / largest if largest > 0 else np.float32(0)
    for at in range(distinct):
        component = touched[at]
        if min(BUCKETS - 1, np.int64(maxima[component] * unit)) >= least:
            scratch.components[count] = component
            scratch.blocks[count] = number
            scratch.values[count] = maxima[component]
            count += 1
        maxima[component] = 0
    return count


@jit
def _energy_bucket(scratch: Scratch, distinct: int, largest: float, energy: float) -> int:
    """The highest bucket such that it and those above hold `energy` of the mass. A histogram: sorting each of
    millions of summaries would take most of the build."""
    mass, total = scratch.mass, np.float32(0)
    mass[:] = 0
    unit = np.float32(BUCKETS) / largest if largest > 0 else np.float32(0)
    for at in range(distinct):
        value = scratch.maxima[scratch.touched[at]]
        mass[min(BUCKETS - 1, np.int64(value * unit))] += value
        total += value
    kept, bucket = np.float32(0), BUCKETS
    while bucket > 0 and kept < np.float32(energy) * total:
        bucket -= 1
        kept += mass[bucket]
    return bucket


@jit
def _invert(count: int, scratch: Scratch, out: Inverted, row: int, runs: int, entries: int) -> int:
    """Counting sort of one list's entries by component, blocks ascending; the number of runs written."""
    fill, touched, distinct = scratch.fill, scratch.touched, 0
    largest = np.float32(0)
    for at in range(count):
        component = scratch.components[at]
        if fill[component] == 0:
            touched[distinct] = component
            distinct += 1
        fill[component] += 1
        largest = max(largest, scratch.values[at])
    ordered, total = np.sort(touched[:distinct]), entries
    for run in range(distinct):
        component = ordered[run]
        out.components[runs + run], out.lengths[runs + run] = component, fill[component]
        fill[component], total = total, total + fill[component]
    scale = largest / np.float32(255)
    for at in range(count):
        place = fill[scratch.components[at]]
        out.blocks[place] = scratch.blocks[at]
        out.codes[place] = max(1, np.int64(np.rint(scratch.values[at] / scale)))
        fill[scratch.components[at]] = place + 1
    for run in range(distinct):
        fill[ordered[run]] = 0
    out.runs[row], out.scales[row] = distinct, scale
    return distinct
