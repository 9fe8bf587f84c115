"""Document order: similar documents become neighbours."""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import Report, run_even
from seismic.kernels import heaviest, order, pack
from seismic.kernels.heaviest import Heads
from seismic.kernels.sample import sample
from seismic.params import BuildParams
from seismic.vectors import SparseVectors

ORDER_HEAD = 10
"""Heaviest components by which a document finds its cluster of the order."""

CENTROID_HEAD = 24
"""Heaviest components kept of a centroid of the order."""

DOCUMENTS_PER_CLUSTER = 80
"""By default. On 319,203 documents exact search for 10 visits 79 blocks; with clusters of 40 documents 77 and of 160
documents 82, for twice and half the time of k-means. Documents in input order, packed, would do with 120."""

SAMPLED = 4
"""All rounds of k-means but the last look at one document of so many: the centroids are as good in half the time."""

ORDER_STREAM = 2**32
"""The random stream of the order; posting lists use their component's number."""


def take_heads(vectors: SparseVectors, cut: int, threads: int) -> Heads:
    """The `cut` heaviest components of every vector."""
    shape = (len(vectors), cut)
    heads = Heads(
        np.empty(shape, vectors.components.dtype),
        np.empty(shape, np.float32),
        np.empty(len(vectors), np.int32),
    )

    def task(span: tuple[int, int]) -> None:
        heaviest.take_heads(vectors.indptr, vectors.components, vectors.values, *span, heads)

    run_even(task, len(vectors), threads)
    return heads


def order_documents(
    vectors: SparseVectors, params: BuildParams, threads: int, report: Report
) -> npt.NDArray[np.uint32]:
    """uint32 [n]: position -> document number, by k-means on the documents' heads.

    Clusters stand in random order; windows of neighbours are then packed into shared blocks.
    """
    n = len(vectors)
    wanted = max(1, n // DOCUMENTS_PER_CLUSTER) if params.order_clusters is None else params.order_clusters
    if min(wanted, n) == 0:
        report("order", 1.0)
        return np.arange(n, dtype=np.uint32)
    members = _cluster(vectors, min(wanted, n), params, threads, report)
    packed = np.empty(n, np.uint32)

    def pack_range(span: tuple[int, int]) -> None:
        first, last = span[0] * pack.WINDOW, min(span[1] * pack.WINDOW, n)
        pack.pack_blocks(
            vectors.indptr, vectors.components, vectors.values, members, vectors.dimension, first, last, packed
        )

    run_even(pack_range, -(-n // pack.WINDOW), threads)
    return packed


def _cluster(
    vectors: SparseVectors, n_clusters: int, params: BuildParams, threads: int, report: Report
) -> npt.NDArray[np.uint32]:
    """Document numbers, cluster by cluster."""
    n = len(vectors)
    heads = take_heads(vectors, ORDER_HEAD, threads)
    centroids = _first_centroids(vectors, n_clusters, params.seed)
    some = Heads(*(np.ascontiguousarray(array[::SAMPLED]) for array in heads))
    work = n + (params.order_rounds - 1) * len(some.counts)

    def done(documents: int) -> None:
        report("order", documents / work)

    for _ in range(params.order_rounds - 1):
        starts, members = _assign(some, centroids, vectors.dimension, threads, done)
        update = partial(_update_centroids, vectors, starts, members * np.uint32(SAMPLED), centroids)
        run_even(update, n_clusters, threads)
    return _assign(heads, centroids, vectors.dimension, threads, done)[1]


def _assign(
    heads: Heads, centroids: Heads, dimension: int, threads: int, done: Callable[[int], None]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """(starts, members) of the clusters of the nearest centroids; calls done(documents)."""
    inverted = order.invert_centroids(centroids, dimension)
    n_clusters, cluster_of = len(centroids.counts), np.empty(len(heads.counts), np.int32)

    def task(span: tuple[int, int]) -> None:
        order.assign_documents(heads, inverted, n_clusters, *span, cluster_of)
        done(span[1] - span[0])

    run_even(task, len(cluster_of), threads)
    starts, members = order.group_by_cluster(cluster_of, n_clusters)
    return starts, members


def _first_centroids(vectors: SparseVectors, n_clusters: int, seed: int) -> Heads:
    """The heads of sampled documents."""
    chosen = np.empty(n_clusters, np.uint32)
    sample(len(vectors), seed, ORDER_STREAM, chosen, np.empty(len(vectors), np.uint32))
    return take_heads(reordered(vectors, chosen), CENTROID_HEAD, 1)


def _update_centroids(
    vectors: SparseVectors,
    starts: npt.NDArray[np.int64],
    members: npt.NDArray[np.uint32],
    centroids: Heads,
    span: tuple[int, int],
) -> None:
    order.update_centroids(
        vectors.indptr,
        vectors.components,
        vectors.values,
        starts,
        members,
        vectors.dimension,
        *span,
        centroids,
    )


def reordered(vectors: SparseVectors, numbers: npt.NDArray[np.uint32], threads: int = 1) -> SparseVectors:
    """The vectors `numbers`, in that order."""
    indptr = np.concatenate([[0], np.cumsum(np.diff(vectors.indptr)[numbers])])
    components = np.empty(indptr[-1], vectors.components.dtype)
    values = np.empty(indptr[-1], np.float32)

    def gather(span: tuple[int, int]) -> None:
        order.gather_vectors(
            vectors.indptr, vectors.components, vectors.values, numbers, *span, indptr, components, values
        )

    run_even(gather, len(numbers), threads)
    return SparseVectors.trusted(indptr, components, values, vectors.dimension)
