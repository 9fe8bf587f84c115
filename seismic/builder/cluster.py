"""Posting lists cut into geometrically cohesive blocks."""

import numpy as np

from seismic.builder.order import take_heads
from seismic.builder.prune import Postings
from seismic.builder.ranges import RANGES, Report, ranges_by_work
from seismic.kernels import cluster
from seismic.kernels.traverse import Blocks
from seismic.params import BuildParams
from seismic.threads import in_order
from seismic.vectors import SparseVectors


def cluster_lists(
    vectors: SparseVectors, postings: Postings, params: BuildParams, threads: int, report: Report
) -> Blocks:
    """Posting lists cut into blocks."""
    heads = take_heads(vectors, params.doc_cut, threads)
    lengths = np.diff(postings.starts)
    grouped, opens_block = np.empty_like(postings.positions), np.zeros(len(postings.positions), np.bool_)

    def task(span: tuple[int, int]) -> None:
        longest = int(lengths[slice(*span)].max())
        scratch = cluster.make_scratch(vectors.dimension, longest, params.doc_cut)
        cluster.cluster_lists(
            *postings,
            heads,
            *span,
            params.centroid_fraction,
            params.min_cluster_size,
            params.seed,
            scratch,
            grouped,
            opens_block,
        )
        report("cluster", float(lengths[slice(*span)].sum()) / max(1, len(grouped)))

    for _ in in_order(task, ranges_by_work(lengths, len(grouped) // RANGES + 1), threads):
        pass
    starts = np.append(np.flatnonzero(opens_block), len(grouped)).astype(np.int32)
    return Blocks(np.searchsorted(starts[:-1], postings.starts).astype(np.int32), starts, grouped)


def no_blocks(dimension: int) -> Blocks:
    """Blocks of empty lists."""
    return Blocks(np.zeros(dimension + 1, np.int32), np.zeros(1, np.int32), np.zeros(0, np.uint32))
