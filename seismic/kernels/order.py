"""Document order: k-means on documents' heads, so that neighbours in memory are neighbours in meaning."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U32, Ids
from seismic.kernels.heaviest import Heads, select_heaviest
from seismic.kernels.jit import jit

CHUNK = 64
"""Scores compared at once."""


class CentroidLists(NamedTuple):
    """Centroids, inverted: ``starts`` int64 [dimension + 1] into ``clusters`` int32 and ``values`` float32."""

    starts: I64
    clusters: I32
    values: F32


@jit
def invert_centroids(centroids: Heads, dimension: int) -> CentroidLists:
    """Component -> (cluster, value), clusters ascending, of centroids scaled to unit length."""
    starts = np.zeros(dimension + 1, np.int64)
    for cluster in range(len(centroids.counts)):
        for rank in range(centroids.counts[cluster]):
            starts[np.int64(centroids.components[cluster, rank]) + 1] += 1
    for component in range(dimension):
        starts[component + 1] += starts[component]
    fill = starts[:-1].copy()
    clusters, values = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    for cluster in range(len(centroids.counts)):
        squares = np.float32(0)
        for rank in range(centroids.counts[cluster]):
            squares += centroids.values[cluster, rank] ** 2
        scale = np.float32(1) / np.sqrt(squares) if squares > 0 else np.float32(0)
        for rank in range(centroids.counts[cluster]):
            component = centroids.components[cluster, rank]
            clusters[fill[component]] = cluster
            values[fill[component]] = centroids.values[cluster, rank] * scale
            fill[component] += 1
    return CentroidLists(starts, clusters, values)


@jit
def assign_documents(
    heads: Heads,
    lists: CentroidLists,
    n_clusters: int,
    first: int,
    last: int,
    cluster_of: I32,
) -> None:
    """The nearest centroid, by inner product of heads, of documents first .. last - 1; ties: the lower cluster."""
    scores = np.zeros(-(-n_clusters // CHUNK) * CHUNK, np.float32)
    bits = scores.view(np.int32)
    for document in range(first, last):
        scores[:] = 0
        for rank in range(heads.counts[document]):
            component, value = heads.components[document, rank], heads.values[document, rank]
            for at in range(lists.starts[component], lists.starts[np.int64(component) + 1]):
                scores[lists.clusters[at]] += value * lists.values[at]
        cluster_of[document] = _first_largest(bits)


@jit
def _first_largest(bits: I32) -> int:
    """Where the largest of some floats >= 0 stands first, given their bits, which order as they do: LLVM vectorises a
    maximum of integers, not of floats."""
    largest, at = np.int32(-1), 0
    for chunk in range(0, len(bits), CHUNK):
        here = np.int32(0)
        for lane in range(CHUNK):
            here = max(here, bits[chunk + lane])
        if here > largest:
            largest, at = here, chunk
    while bits[at] != largest:
        at += 1
    return at


@jit
def group_by_cluster(cluster_of: I32, n_clusters: int) -> tuple[I64, U32]:
    """(starts int64 [n_clusters + 1], documents uint32 [n]): members of each cluster, ascending."""
    starts = np.zeros(n_clusters + 1, np.int64)
    for cluster in cluster_of:
        starts[cluster + 1] += 1
    for cluster in range(n_clusters):
        starts[cluster + 1] += starts[cluster]
    fill = starts[:-1].copy()
    members = np.empty(len(cluster_of), np.uint32)
    for document in range(len(cluster_of)):
        members[fill[cluster_of[document]]] = document
        fill[cluster_of[document]] += 1
    return starts, members


@jit
def update_centroids(
    indptr: I64,
    components: Ids,
    values: F32,
    starts: I64,
    members: U32,
    dimension: int,
    first: int,
    last: int,
    centroids: Heads,
) -> None:
    """Centroids first .. last - 1 become the heaviest components of the sum of their unit-length members.

    A cluster without members keeps its centroid.
    """
    sums, touched = np.zeros(dimension, np.float32), np.empty(dimension, np.int64)
    weights, chosen = np.empty(dimension, np.float32), np.empty(centroids.components.shape[1], np.int64)
    for cluster in range(first, last):
        count = 0
        for member in members[starts[cluster] : starts[cluster + 1]]:
            squares = np.float32(0)
            for at in range(indptr[member], indptr[np.int64(member) + 1]):
                squares += values[at] ** 2
            scale = np.float32(1) / np.sqrt(squares) if squares > 0 else np.float32(0)
            for at in range(indptr[member], indptr[np.int64(member) + 1]):
                if sums[components[at]] == 0:
                    touched[count] = components[at]
                    count += 1
                sums[components[at]] += values[at] * scale
        for at in range(count):
            weights[at] = sums[touched[at]]
            sums[touched[at]] = 0
        if count > 0:
            centroids.counts[cluster] = select_heaviest(weights, 0, count, chosen)
            for rank in range(centroids.counts[cluster]):
                centroids.components[cluster, rank] = touched[chosen[rank]]
                centroids.values[cluster, rank] = weights[chosen[rank]]


@jit
def gather_vectors(
    indptr: I64,
    components: Ids,
    values: F32,
    chosen: U32,
    first: int,
    last: int,
    out_indptr: I64,
    out_components: Ids,
    out_values: F32,
) -> None:
    """Copy vectors chosen[first:last] of a CSR triple, in that order, to where `out_indptr` says."""
    for row in range(first, last):
        start, length = indptr[chosen[row]], out_indptr[row + 1] - out_indptr[row]
        for at in range(length):
            out_components[out_indptr[row] + at] = components[start + at]
            out_values[out_indptr[row] + at] = values[start + at]
