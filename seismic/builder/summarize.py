"""Summaries of blocks, inverted."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import Report, ranges_by_work
from seismic.builder.spool import Spool
from seismic.kernels import summarize
from seismic.kernels.traverse import Blocks, Summaries
from seismic.params import BuildParams
from seismic.store.schema import check_offset
from seismic.threads import in_order
from seismic.vectors import SparseVectors

ENTRIES = 1 << 21
"""Summary entries one range may need scratch for, unless a single list needs more."""


def summarize_lists(
    vectors: SparseVectors, blocks: Blocks, params: BuildParams, folder: Path, threads: int, report: Report
) -> Summaries:
    """The blocks' summaries, inverted; the arrays by run and by entry lie in temporary files in `folder`."""
    work = _work_by_list(vectors, blocks)
    total = max(1, int(work.sum()))

    def task(span: tuple[int, int]) -> summarize.Inverted:
        part = _summarize_range(vectors, blocks, work, span, params.summary_energy)
        report("summarize", float(work[slice(*span)].sum()) / total)
        return part

    components, entries = Spool(vectors.components.dtype, folder), Spool(np.int32, folder)
    numbers, codes = Spool(np.uint16, folder), Spool(np.uint8, folder)
    entries.append(np.zeros(1, np.int32))
    runs, scales = [np.zeros(1, np.int64)], [np.zeros(0, np.float32)]
    for part in in_order(task, ranges_by_work(work, ENTRIES), threads):
        check_offset(len(numbers) + len(part.blocks), "summary entries")
        entries.append(np.cumsum(part.lengths) + len(numbers))
        components.append(part.components)
        numbers.append(part.blocks)
        codes.append(part.codes)
        runs.append(part.runs)
        scales.append(part.scales)
    return Summaries(
        np.cumsum(np.concatenate(runs)).astype(np.int32),
        components.array(),
        entries.array(),
        numbers.array(),
        codes.array(),
        np.concatenate(scales),
    )


def _work_by_list(vectors: SparseVectors, blocks: Blocks) -> npt.NDArray[np.int64]:
    """int64 [dimension]: components of a list's documents, which bound its summary entries."""
    lengths = np.diff(vectors.indptr).astype(np.int32)
    running = np.zeros(len(blocks.positions) + 1, np.int64)
    np.cumsum(lengths[blocks.positions], out=running[1:])
    return np.diff(running[blocks.starts[blocks.lists]])


def _summarize_range(
    vectors: SparseVectors, blocks: Blocks, work: npt.NDArray[np.int64], span: tuple[int, int], energy: float
) -> summarize.Inverted:
    room, lists = int(work[slice(*span)].sum()), span[1] - span[0]
    out = summarize.Inverted(
        np.empty(room, vectors.components.dtype),
        np.empty(room, np.uint32),
        np.empty(room, np.uint16),
        np.empty(room, np.uint8),
        np.empty(lists, np.int64),
        np.empty(lists, np.float32),
    )
    scratch = summarize.make_scratch(vectors.dimension, int(work[slice(*span)].max()))
    csr = (vectors.indptr, vectors.components, vectors.values)
    runs, entries = summarize.summarize_lists(*csr, *blocks, *span, energy, scratch, out)
    sizes = (runs, runs, entries, entries, lists, lists)
    return summarize.Inverted(*(array[:size].copy() for array, size in zip(out, sizes, strict=True)))
