"""Cutting posting lists into blocks: shallow k-means, as in Seismic (SIGIR 2024, section 5.2).

Sampled documents of the list serve as centroids; a small inverted index of their heads finds each document's
nearest one by inner product.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U32, Bool
from seismic.kernels.heaviest import Heads
from seismic.kernels.jit import jit
from seismic.kernels.sample import sample

MAX_BLOCKS = 1 << 16
"""Blocks of one list: their numbers are stored in 16 bits."""


class Scratch(NamedTuple):
    """What clustering one list needs; one per thread.

    By component: ``counts`` int64 [dimension], 0 between lists, and ``fill`` int64 [dimension]. By centroid entry:
    ``touched`` int64, ``clusters`` int32, ``values`` float32. By cluster: ``scores`` float32, ``sizes`` int64. By
    posting of the list: ``cluster_of`` int32, ``pool`` uint32.
    """

    counts: I64
    fill: I64
    touched: I64
    clusters: I32
    values: F32
    scores: F32
    sizes: I64
    cluster_of: I32
    pool: U32


@jit
def make_scratch(dimension: int, longest: int, cut: int) -> Scratch:
    """Scratch for lists of up to `longest` postings and heads of `cut` components."""
    blocks = min(longest, MAX_BLOCKS)
    return Scratch(
        np.zeros(dimension, np.int64),
        np.zeros(dimension, np.int64),
        np.empty(blocks * cut, np.int64),
        np.empty(blocks * cut, np.int32),
        np.empty(blocks * cut, np.float32),
        np.empty(blocks, np.float32),
        np.empty(blocks, np.int64),
        np.empty(longest, np.int32),
        np.empty(longest, np.uint32),
    )


@jit
def cluster_lists(
    starts: I64,
    positions: U32,
    heads: Heads,
    first: int,
    last: int,
    centroid_fraction: float,
    min_cluster_size: int,
    seed: int,
    scratch: Scratch,
    grouped: U32,
    opens_block: Bool,
) -> None:
    """Cut the lists of components first .. last - 1 into blocks.

    Fills `grouped` with each list's positions block by block, ascending within a block, and `opens_block` with True
    where a block begins; both are indexed as `positions`. Each list draws its centroids by (seed, component) alone.
    """
    for component in range(first, last):
        start, stop = starts[component], starts[component + 1]
        size = stop - start
        if size == 0:
            continue
        members = positions[start:stop]
        n_clusters = min(max(1, np.int64(np.rint(size * centroid_fraction))), MAX_BLOCKS)
        centroids = np.empty(n_clusters, np.uint32)
        sample(size, seed, component, centroids, scratch.pool)
        entries = _invert_heads(members, centroids, heads, scratch)
        _assign(members, heads, n_clusters, scratch)
        _dissolve_small(members, heads, n_clusters, min_cluster_size, scratch)
        for at in range(entries):
            scratch.counts[scratch.touched[at]] = 0
        _group(members, n_clusters, scratch, grouped[start:stop], opens_block[start:stop])


@jit
def _invert_heads(members: U32, centroids: U32, heads: Heads, scratch: Scratch) -> int:
    """Component -> (cluster, value) of the centroids; fill[c] is the end of component c's run, counts[c] its length."""
    distinct = 0
    for cluster in range(len(centroids)):
        document = members[centroids[cluster]]
        for rank in range(heads.counts[document]):
            component = heads.components[document, rank]
            if scratch.counts[component] == 0:
                scratch.touched[distinct] = component
                distinct += 1
            scratch.counts[component] += 1
    total = 0
    for at in range(distinct):
        scratch.fill[scratch.touched[at]] = total
        total += scratch.counts[scratch.touched[at]]
    for cluster in range(len(centroids)):
        document = members[centroids[cluster]]
        for rank in range(heads.counts[document]):
            at = scratch.fill[heads.components[document, rank]]
            scratch.clusters[at], scratch.values[at] = cluster, heads.values[document, rank]
            scratch.fill[heads.components[document, rank]] = at + 1
    return distinct


@jit
def _nearest(document: int, heads: Heads, n_clusters: int, scratch: Scratch) -> int:
    """The cluster of the largest inner product; clusters of size < 0 are out; ties: the lower cluster."""
    scores = scratch.scores
    for cluster in range(n_clusters):
        scores[cluster] = 0
    for rank in range(heads.counts[document]):
        component, value = heads.components[document, rank], heads.values[document, rank]
        end = scratch.fill[component]
        for at in range(end - scratch.counts[component], end):
            scores[scratch.clusters[at]] += value * scratch.values[at]
    best, highest = -1, np.float32(-1)
    for cluster in range(n_clusters):
        if scores[cluster] > highest and scratch.sizes[cluster] >= 0:
            best, highest = cluster, scores[cluster]
    return best


@jit
def _assign(members: U32, heads: Heads, n_clusters: int, scratch: Scratch) -> None:
    scratch.sizes[:n_clusters] = 0
    for at in range(len(members)):
        scratch.cluster_of[at] = _nearest(members[at], heads, n_clusters, scratch)
    for at in range(len(members)):
        scratch.sizes[scratch.cluster_of[at]] += 1


@jit
def _dissolve_small(members: U32, heads: Heads, n_clusters: int, min_cluster_size: int, scratch: Scratch) -> None:
    """Move the documents of clusters below `min_cluster_size` to their next best; if all are small they become one."""
    largest = 0
    for cluster in range(n_clusters):
        largest = max(largest, scratch.sizes[cluster])
    if largest < min_cluster_size:
        scratch.cluster_of[: len(members)] = 0
        return
    for cluster in range(n_clusters):
        if scratch.sizes[cluster] < min_cluster_size:
            scratch.sizes[cluster] = -1
    for at in range(len(members)):
        if scratch.sizes[scratch.cluster_of[at]] < 0:
            scratch.cluster_of[at] = _nearest(members[at], heads, n_clusters, scratch)


@jit
def _group(members: U32, n_clusters: int, scratch: Scratch, grouped: U32, opens_block: Bool) -> None:
    """Counting sort of the members by cluster."""
    sizes = scratch.sizes
    sizes[:n_clusters] = 0
    for at in range(len(members)):
        sizes[scratch.cluster_of[at]] += 1
    total = 0
    for cluster in range(n_clusters):
        if sizes[cluster] > 0:
            opens_block[total] = True
        sizes[cluster], total = total, total + sizes[cluster]
    for at in range(len(members)):
        cluster = scratch.cluster_of[at]
        grouped[sizes[cluster]] = members[at]
        sizes[cluster] += 1
