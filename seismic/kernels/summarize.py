"""Summaries of list blocks, from which a query estimates them: cut to most of their mass, inverted list by list."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U8, U16, U32, Ids
from seismic.kernels.constants import BLOCK
from seismic.kernels.jit import jit
from seismic.kernels.simd import trailing_zeros

BUCKETS = 256
"""Steps of value in which a document's mass is added."""

CODE_BITS = 3
"""Bits of a code in a summary. More bits do not order blocks better."""

MAX_CODE = (1 << CODE_BITS) - 1

MAX_BLOCKS = 1 << (16 - CODE_BITS)
"""Largest number of blocks in a list: the 16 bits of an entry hold the block's number and the code."""

MAX_SHAPES = 48
"""Number of different padded lengths, from 1 to MAX_BLOCKS."""


class Cut(NamedTuple):
    """Vectors cut to their heaviest components: a document has counts[document] of them from indptr[document] on.

    ``counts`` int32 [n]; ``components`` uint16 or uint32 and ``codes`` uint8 [nnz], unused in between.
    """

    counts: I32
    components: Ids
    codes: U8


class Inverted(NamedTuple):
    """Inverted summaries of consecutive lists.

    By list: the numbers of ``shapes``, ``runs`` and ``entries``, int64. By shape: ``lengths`` uint16 and ``counts``
    uint32. By run: ``components``. By entry: ``values`` uint16, block within the list << CODE_BITS | code.
    """

    shapes: I64
    runs: I64
    entries: I64
    lengths: U16
    counts: U32
    components: Ids
    values: U16


class Scratch(NamedTuple):
    """Scratch arrays of one range of lists.

    By component: ``codes`` uint8 and ``fill`` int64 [dimension], 0 between lists; ``touched`` int64 [dimension]. By
    entry of a list: ``components`` int64, ``values`` uint16. By padded length: ``counts`` and ``places`` int64.
    """

    codes: U8
    fill: I64
    touched: I64
    components: I64
    values: U16
    counts: I64
    places: I64


@jit
def make_scratch(dimension: int, entries: int) -> Scratch:
    """Make scratch arrays for lists of at most `entries` summary entries."""
    return Scratch(
        np.zeros(dimension, np.uint8),
        np.zeros(dimension, np.int64),
        np.empty(dimension, np.int64),
        np.empty(entries, np.int64),
        np.empty(entries, np.uint16),
        np.empty(MAX_SHAPES, np.int64),
        np.empty(MAX_SHAPES, np.int64),
    )


@jit
def cut_vectors(
    indptr: I64, components: Ids, values: F32, scales: F32, first: int, last: int, energy: float, cut: Cut
) -> None:
    """Cut documents first .. last - 1 to the heaviest components that hold the share `energy` of their L1 mass.

    Components whose values fall in the same 1/256 of the document's largest value are kept or cut together. A value
    becomes the nearest multiple of its component's scale, at least one.
    """
    mass = np.empty(BUCKETS, np.float32)
    for document in range(first, last):
        start, stop = indptr[document], indptr[document + 1]
        lowest, unit = _energy_bucket(values, start, stop, energy, mass)
        place = start
        for item in range(start, stop):
            if min(BUCKETS - 1, np.int64(values[item] * unit)) >= lowest:
                cut.components[place] = components[item]
                code = np.int64(np.rint(values[item] / scales[components[item]]))
                cut.codes[place] = min(max(code, 1), MAX_CODE)
                place += 1
        cut.counts[document] = place - start


@jit
def _energy_bucket(values: F32, start: int, stop: int, energy: float, mass: F32) -> tuple[int, float]:
    """Return the highest bucket that holds `energy` of the mass with those above it, and the buckets per unit."""
    largest, total = np.float32(0), np.float32(0)
    for item in range(start, stop):
        largest = max(largest, values[item])
    unit = np.float32(BUCKETS) / largest if largest > 0 else np.float32(0)
    mass[:] = 0
    for item in range(start, stop):
        mass[min(BUCKETS - 1, np.int64(values[item] * unit))] += values[item]
        total += values[item]
    kept, bucket = np.float32(0), BUCKETS
    while bucket > 0 and kept < np.float32(energy) * total:
        bucket -= 1
        kept += mass[bucket]
    return bucket, unit


@jit
def summarize_lists(
    indptr: I64,
    cut: Cut,
    list_starts: I32,
    members: U32,
    first: int,
    last: int,
    rare: float,
    scratch: Scratch,
    out: Inverted,
) -> tuple[int, int, int]:
    """Summarise the blocks of lists first .. last - 1 into `out`, and return the shapes, runs and entries written.

    A summary is the coordinate-wise maximum of the block's cut documents. Components in less than the share `rare` of a
    list's blocks are left out.
    """
    shapes, runs, entries = 0, 0, 0
    for component in range(first, last):
        start, stop = list_starts[component], list_starts[component + 1]
        row, count, shortest = component - first, 0, np.int64((stop - start) * rare)
        for block in range(start, stop):
            count = _summarize(indptr, cut, members[block], block - start, scratch, count)
        _invert(count, shortest, scratch, out, row, shapes, runs, entries)
        shapes += out.shapes[row]
        runs += out.runs[row]
        entries += out.entries[row]
    return shapes, runs, entries


@jit
def _summarize(indptr: I64, cut: Cut, member: int, number: int, scratch: Scratch, count: int) -> int:
    """Append a block's summary to the list's entries, and return their new number."""
    codes, begin = scratch.codes, count
    documents = np.uint64(member & 255)
    while documents != 0:
        document = (np.int64(member) >> 8) * BLOCK + np.int64(trailing_zeros(documents))
        documents &= documents - np.uint64(1)
        for item in range(indptr[document], indptr[document] + cut.counts[document]):
            component = cut.components[item]
            if codes[component] == 0:
                scratch.components[count] = component
                count += 1
            codes[component] = max(codes[component], cut.codes[item])
    for item in range(begin, count):
        component = scratch.components[item]
        scratch.values[item] = (number << CODE_BITS) | np.int64(codes[component])
        codes[component] = 0
    return count


@jit
def padded_length(length: int) -> tuple[int, int]:
    """Return the index of the padded length, and the length: 1 to 8, then four per doubling."""
    if length <= 8:
        return length - 1, length
    step, which = 2, 8
    while 8 * step < length:
        step *= 2
        which += 4
    quarters = -(-length // step)  # 5 to 8
    return which + quarters - 5, quarters * step


@jit
def _invert(
    count: int, shortest: int, scratch: Scratch, out: Inverted, row: int, shapes: int, runs: int, entries: int
) -> None:
    """Write a list's runs of at least `shortest` entries, sorted by padded length, blocks ascending."""
    fill, touched, distinct = scratch.fill, scratch.touched, 0
    for item in range(count):
        component = scratch.components[item]
        if fill[component] == 0:
            touched[distinct] = component
            distinct += 1
        fill[component] += 1
    out.shapes[row], out.runs[row] = _place_runs(distinct, shortest, scratch, out, shapes, runs)
    entry = entries
    for run in range(runs, runs + out.runs[row]):
        component = out.components[run]
        padded = padded_length(fill[component])[1]
        out.values[entry + fill[component] : entry + padded] = 0
        fill[component] = entry
        entry += padded
    for item in range(count):
        place = fill[scratch.components[item]]
        if place >= 0:
            out.values[place] = scratch.values[item]
            fill[scratch.components[item]] = place + 1
    for item in range(distinct):
        fill[touched[item]] = 0
    out.entries[row] = entry - entries


@jit
def _place_runs(
    distinct: int, shortest: int, scratch: Scratch, out: Inverted, shapes: int, runs: int
) -> tuple[int, int]:
    """Sort the touched components by padded length, and return the shapes and runs written.

    `fill` becomes -1 where a run is too short.
    """
    fill, touched, counts, places = scratch.fill, scratch.touched, scratch.counts, scratch.places
    counts[:] = 0
    for item in range(distinct):
        if fill[touched[item]] < shortest:
            fill[touched[item]] = -1
        else:
            counts[padded_length(fill[touched[item]])[0]] += 1
    shape, run = shapes, runs
    for which in range(MAX_SHAPES):
        places[which] = run
        run += counts[which]
        if counts[which] > 0:
            out.counts[shape] = counts[which]
            shape += 1
    shape, upto = shapes - 1, runs
    for item in range(distinct):
        length = fill[touched[item]]
        if length >= 0:
            which = padded_length(length)[0]
            out.components[places[which]] = touched[item]
            places[which] += 1
    for item in range(runs, run):
        if item == upto:
            shape += 1
            upto += np.int64(out.counts[shape])
            out.lengths[shape] = padded_length(fill[out.components[item]])[1]
    return shape + 1 - shapes, run - runs
