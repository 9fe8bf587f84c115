"""Inverted summaries of list blocks."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import Report, ranges_by_work, run_even
from seismic.builder.spool import Spool
from seismic.kernels import summarize
from seismic.kernels.constants import BLOCK
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.summarize import Cut, Inverted
from seismic.params import BuildParams
from seismic.store.schema import check_offset
from seismic.threads import in_order
from seismic.vectors import SparseVectors

ENTRIES = 1 << 21
"""Summary entries in the scratch arrays of a range, unless a single list has more."""

RARE = 1 / 200
"""Components in a smaller share of a list's blocks are left out of its summaries; they are hardly missed."""


def summarize_lists(
    vectors: SparseVectors, blocks: Blocks, params: BuildParams, folder: Path, threads: int, report: Report
) -> Summaries:
    """Return the inverted summaries of list blocks. Large arrays are mapped from temporary files in `folder`."""
    scales = _scales(vectors)
    cut = _cut_vectors(vectors, scales, params.summary_energy, threads)
    work = _work_by_list(cut, blocks)
    total = max(1, int(work.sum()))

    def task(span: tuple[int, int]) -> Inverted:
        part = _summarize_range(vectors, cut, blocks, work, span)
        report("summarize", float(work[slice(*span)].sum()) / total)
        return part

    counted: list[list[npt.NDArray[np.int64]]] = [[np.zeros(1, np.int64)] for _ in range(3)]
    kinds = (np.uint16, np.uint32, vectors.components.dtype, np.uint16)
    spools = [Spool(kind, folder) for kind in kinds]
    for part in in_order(task, ranges_by_work(work, ENTRIES), threads):
        check_offset(len(spools[3]) + len(part.values), "summary entries")
        for of_lists, added in zip(counted, part[:3], strict=True):
            of_lists.append(added)
        for spool, array in zip(spools, part[3:], strict=True):
            spool.append(array)
    shapes, runs, entries = (np.cumsum(np.concatenate(of_lists)).astype(np.int32) for of_lists in counted)
    lengths, counts, components, values = (spool.array() for spool in spools)
    return Summaries(shapes, lengths, counts, runs, components, entries, values, scales)


def _scales(vectors: SparseVectors) -> npt.NDArray[np.float32]:
    """Return each component's largest value / MAX_CODE, float32 [dimension]."""
    largest = np.zeros(vectors.dimension, np.float32)
    np.maximum.at(largest, vectors.components, vectors.values)
    return largest / np.float32(summarize.MAX_CODE)


def _cut_vectors(vectors: SparseVectors, scales: npt.NDArray[np.float32], energy: float, threads: int) -> Cut:
    cut = Cut(
        np.empty(len(vectors), np.int32),
        np.empty(vectors.nnz, vectors.components.dtype),
        np.empty(vectors.nnz, np.uint8),
    )
    csr = (vectors.indptr, vectors.components, vectors.values)

    def task(span: tuple[int, int]) -> None:
        summarize.cut_vectors(*csr, scales, *span, energy, cut)

    run_even(task, len(vectors), threads)
    return cut


def _work_by_list(cut: Cut, blocks: Blocks) -> npt.NDArray[np.int64]:
    """Count the components of each list's cut documents, an upper bound of its entries; int64 [dimension]."""
    by_block = np.zeros((-(-len(cut.counts) // BLOCK), BLOCK), np.int32)
    by_block.reshape(-1)[: len(cut.counts)] = cut.counts
    running = np.zeros(len(blocks.members) + 1, np.int64)
    for first in range(0, len(blocks.members), ENTRIES):
        members = blocks.members[first : first + ENTRIES]
        documents = np.unpackbits(members.astype(np.uint8)[:, None], axis=1, bitorder="little")
        running[first + 1 : first + 1 + len(members)] = (by_block[members >> 8] * documents).sum(axis=1)
    np.cumsum(running, out=running)
    return np.diff(running[blocks.lists])


def _summarize_range(
    vectors: SparseVectors, cut: Cut, blocks: Blocks, work: npt.NDArray[np.int64], span: tuple[int, int]
) -> Inverted:
    entries, lists = int(work[slice(*span)].sum()), span[1] - span[0]
    room = entries + entries // 3  # padded
    out = Inverted(
        np.empty(lists, np.int64),
        np.empty(lists, np.int64),
        np.empty(lists, np.int64),
        np.empty(min(entries, lists * summarize.MAX_SHAPES), np.uint16),
        np.empty(min(entries, lists * summarize.MAX_SHAPES), np.uint32),
        np.empty(entries, vectors.components.dtype),
        np.empty(room, np.uint16),
    )
    scratch = summarize.make_scratch(vectors.dimension, int(work[slice(*span)].max()))
    shapes, runs, written = summarize.summarize_lists(
        vectors.indptr, cut, blocks.lists, blocks.members, *span, RARE, scratch, out
    )
    sizes = (lists, lists, lists, shapes, shapes, runs, written)
    return Inverted(*(array[:size].copy() for array, size in zip(out, sizes, strict=True)))
