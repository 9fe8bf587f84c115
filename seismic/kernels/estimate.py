"""Estimates of all blocks of the query's heaviest lists, by their summaries.

They are 16 bits wide: the sum of weight x code over the query's components, with whole weights.
"""

import numpy as np

from seismic.kernels.arrays import F32, I64, U16, U32
from seismic.kernels.jit import jit
from seismic.kernels.lists import LOCATED, Summaries, Workspace
from seismic.kernels.maxima import GROUP
from seismic.kernels.score import LINE, matches
from seismic.kernels.simd import add_rows, prefetch, stopped, trailing_zeros
from seismic.kernels.summarize import CODE_BITS, MAX_CODE


@jit
def load_weights(scales: F32, components: U32, values: F32, weights: U16) -> float:
    """Spread out the query's weights for estimates; the score that one unit of an estimate means."""
    total = np.float64(0)
    for at in range(len(components)):
        total += np.float64(values[at]) * np.float64(scales[components[at]]) * MAX_CODE
    unit = total / 65535 if total > 0 else np.float64(1)
    for at in range(len(components)):
        weights[components[at]] = np.int64(np.float64(values[at]) * np.float64(scales[components[at]]) / unit)
    return unit


@jit
def estimate(summaries: Summaries, chosen: I64, bases: I64, n_lists: int, workspace: Workspace) -> None:
    """Fill `estimates` and `tops`."""
    located = 0
    for rank in range(n_lists):
        if stopped(workspace.stop):
            break
        located = locate(summaries, chosen[rank], bases[rank], workspace, located)
    add_located(summaries, workspace, located)
    for group in range(bases[n_lists] // GROUP):
        workspace.tops[group] = add_rows(
            workspace.estimates, group * GROUP, workspace.table.signature, bases, workspace.weights, 0
        )


@jit(inline=True)
def add_located(summaries: Summaries, workspace: Workspace, located: int) -> None:
    """Add the located runs to the estimates."""
    entries, estimates = summaries.entries, workspace.estimates
    for run in range(located):
        base, start = np.uint64(workspace.run_bases[run]), np.uint64(workspace.run_starts[run])
        weight, stop = np.uint32(workspace.run_weights[run]), start + np.uint64(workspace.run_lengths[run])
        for at in range(start, stop):
            entry = np.uint32(entries[at])
            place = base + np.uint64(entry >> np.uint32(CODE_BITS))
            estimates[place] += np.uint16(weight * (entry & np.uint32(MAX_CODE)))


@jit
def locate(summaries: Summaries, component: int, base: int, workspace: Workspace, located: int) -> int:
    """Find and prefetch the list's runs of the query's components; how many wait to be added."""
    components, weights, one = summaries.components, workspace.weights, np.uint64(1)
    shape, entry = np.int64(summaries.shapes[component]), np.int64(summaries.starts[component])
    first, last = np.int64(summaries.runs[component]), np.int64(summaries.runs[component + 1])
    end, length = first, 0  # of the shape's runs
    for at in range(first, last, 64):
        mask = matches(components, at, last, workspace.table)
        while mask != 0:
            run = at + np.int64(trailing_zeros(mask))
            mask &= mask - one
            weight = weights[components[run]]
            if weight == 0:
                continue
            while run >= end:
                entry += (end - first) * length
                first, length = end, np.int64(summaries.lengths[shape])
                end += np.int64(summaries.counts[shape])
                shape += 1
            if located == LOCATED:
                add_located(summaries, workspace, located)
                located = 0
            start = entry + (run - first) * length
            prefetch(summaries.entries, start)
            prefetch(summaries.entries, start + LINE // summaries.entries.itemsize)
            workspace.run_starts[located], workspace.run_bases[located] = start, base
            workspace.run_lengths[located], workspace.run_weights[located] = length, weight
            located += 1
    return located
