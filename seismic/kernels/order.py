"""Document order: k-means on the documents' heads, so that similar documents become neighbours."""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I32, I64, U32, Ids
from seismic.kernels.heaviest import Heads, select_heaviest
from seismic.kernels.jit import jit

CHUNK = 64
"""Scores compared together."""


class CentroidLists(NamedTuple):
    """Inverted centroids: ``starts`` int64 [dimension + 1] into ``clusters`` int32 and ``values`` float32."""

    starts: I64
    clusters: I32
    values: F32


@jit
def invert_centroids(centroids: Heads, dimension: int) -> CentroidLists:
    """Invert the centroids, scaled to unit length: component -> (cluster, value), clusters ascending."""
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
    """Assign documents first .. last - 1 to the centroid with the largest inner product, ties to the lower cluster."""
    scores = np.zeros(-(-n_clusters // CHUNK) * CHUNK, np.float32)
    bits = scores.view(np.int32)
    for document in range(first, last):
        scores[:] = 0
        for rank in range(heads.counts[document]):
            component, value = heads.components[document, rank], heads.values[document, rank]
            for place in range(lists.starts[component], lists.starts[np.int64(component) + 1]):
                scores[lists.clusters[place]] += value * lists.values[place]
        cluster_of[document] = _first_largest(bits)


@jit
def _first_largest(bits: I32) -> int:
    """Return the first index of the largest of some floats >= 0, given as bits.

    Bits of such floats order as the floats do, and LLVM vectorises a maximum of integers, not of floats.
    """
    largest, place = np.int32(-1), 0
    for chunk in range(0, len(bits), CHUNK):
        here = np.int32(0)
        for lane in range(CHUNK):
            here = max(here, bits[chunk + lane])
        if here > largest:
            largest, place = here, chunk
    while bits[place] != largest:
        place += 1
    return place


@jit
def group_by_cluster(cluster_of: I32, n_clusters: int) -> tuple[I64, U32]:
    """Return the members of each cluster, ascending: starts int64 [n_clusters + 1] into documents uint32 [n]."""
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
    """Set centroids first .. last - 1 to the heaviest components of the sum of their members, scaled to unit length.

    A cluster without members keeps its centroid.
    """
    sums, touched = np.zeros(dimension, np.float32), np.empty(dimension, np.int64)
    weights, chosen = np.empty(dimension, np.float32), np.empty(centroids.components.shape[1], np.int64)
    for cluster in range(first, last):
        count = 0
        for member in members[starts[cluster] : starts[cluster + 1]]:
            squares = np.float32(0)
            for place in range(indptr[member], indptr[np.int64(member) + 1]):
                squares += values[place] ** 2
            scale = np.float32(1) / np.sqrt(squares) if squares > 0 else np.float32(0)
            for place in range(indptr[member], indptr[np.int64(member) + 1]):
                if sums[components[place]] == 0:
                    touched[count] = components[place]
                    count += 1
                sums[components[place]] += values[place] * scale
        for place in range(count):
            weights[place] = sums[touched[place]]
            sums[touched[place]] = 0
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
    """Copy vectors chosen[first:last] of a CSR triple to rows first .. last - 1 of another."""
    for row in range(first, last):
        start, length = indptr[chosen[row]], out_indptr[row + 1] - out_indptr[row]
        for place in range(length):
            out_components[out_indptr[row] + place] = components[start + place]
            out_values[out_indptr[row] + place] = values[start + place]
