"""Estimates of the list blocks of the query's heaviest components, from their summaries.

An estimate is 16 bits wide: the sum of weight x code over the query's components, with integer weights.
"""

import numpy as np

from seismic.kernels.arrays import F32, I64, U16, U32
from seismic.kernels.constants import CACHE_LINE, GROUP
from seismic.kernels.jit import jit
from seismic.kernels.lists import LOCATED, Summaries, Workspace
from seismic.kernels.score import matches
from seismic.kernels.simd import add_rows, prefetch, stopped, trailing_zeros
from seismic.kernels.summarize import CODE_BITS, MAX_CODE


@jit
def load_weights(scales: F32, components: U32, values: F32, weights: U16) -> float:
    """Write the query's integer weights to `weights` [dimension], and return the score that one unit stands for."""
    total = np.float64(0)
    for term in range(len(components)):
        total += np.float64(values[term]) * np.float64(scales[components[term]]) * MAX_CODE
    unit = total / 65535 if total > 0 else np.float64(1)
    for term in range(len(components)):
        weights[components[term]] = np.int64(np.float64(values[term]) * np.float64(scales[components[term]]) / unit)
    return unit


@jit
def estimate(summaries: Summaries, chosen: I64, bases: I64, workspace: Workspace) -> None:
    """Fill ``estimates`` and ``group_maxima`` for the lists of the `chosen` components.

    The estimates of a list begin at its entry of `bases` [lists + 1].
    """
    located = 0
    for rank in range(len(chosen)):
        if stopped(workspace.stop):
            break
        located = locate(summaries, chosen[rank], bases[rank], workspace, located)
    add_located(summaries, workspace, located)
    for group in range(bases[len(chosen)] // GROUP):
        workspace.group_maxima[group] = add_rows(
            workspace.estimates, group * GROUP, workspace.table.signature, bases, workspace.weights, 0
        )


@jit(inline=True)
def add_located(summaries: Summaries, workspace: Workspace, located: int) -> None:
    """Add the located runs to the estimates."""
    entries, estimates = summaries.entries, workspace.estimates
    for run in range(located):
        base, start = np.uint64(workspace.run_bases[run]), np.uint64(workspace.run_starts[run])
        weight, stop = np.uint32(workspace.run_weights[run]), start + np.uint64(workspace.run_lengths[run])
        for place in range(start, stop):
            entry = np.uint32(entries[place])
            block = base + np.uint64(entry >> np.uint32(CODE_BITS))
            estimates[block] += np.uint16(weight * (entry & np.uint32(MAX_CODE)))


@jit
def locate(summaries: Summaries, component: int, base: int, workspace: Workspace, located: int) -> int:
    """Find and prefetch a list's runs of the query's components.

    Takes and returns the number of runs that wait to be added.
    """
    components, weights, one = summaries.components, workspace.weights, np.uint64(1)
    shape, entry = np.int64(summaries.shapes[component]), np.int64(summaries.starts[component])
    first, last = np.int64(summaries.runs[component]), np.int64(summaries.runs[component + 1])
    end, length = first, 0  # of the shape's runs
    for chunk in range(first, last, 64):
        mask = matches(components, chunk, last, workspace.table)
        while mask != 0:
            run = chunk + np.int64(trailing_zeros(mask))
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
            prefetch(summaries.entries, start + CACHE_LINE // summaries.entries.itemsize)
            workspace.run_starts[located], workspace.run_bases[located] = start, base
            workspace.run_lengths[located], workspace.run_weights[located] = length, weight
            located += 1
    return located
