"""Document order: similar documents become neighbours."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from seismic.builder.ranges import Report, run_even
from seismic.kernels import heaviest, order, pack
from seismic.kernels.heaviest import Heads
from seismic.kernels.sample import sample
from seismic.params import BuildParams
from seismic.threads import in_order
from seismic.vectors import SparseVectors

ORDER_HEAD = 10
"""Heaviest components by which a document is assigned to a cluster."""

CENTROID_HEAD = 24
"""Heaviest components kept of a centroid."""

DOCUMENTS_PER_CLUSTER = 80
"""By default. Smaller clusters hardly save visits, and take k-means longer."""

SAMPLED = 4
"""All rounds of k-means except the last use every SAMPLED-th document: as good centroids in half the time."""

ONE_LEVEL = 500_000
"""Larger shards are cut by k-means into parts, and these into clusters."""

PART = 80_000
"""Documents in a part. A document is then compared with about 1,000 centroids instead of one for every 80 documents of
the shard. Visits hardly grow."""

PART_HEAD = 200
"""Heaviest components kept of the centroid of a part."""

ORDER_STREAM = 2**32
"""Random stream of the document order."""


def take_heads(vectors: SparseVectors, cut: int, threads: int) -> Heads:
    """Return the `cut` heaviest components of every vector."""
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
    """Order documents by k-means on their heads: position -> document number, uint32 [n].

    The clusters follow each other in random order. Windows of neighbours are then packed into shared blocks.
    """
    n = len(vectors)
    wanted = max(1, n // DOCUMENTS_PER_CLUSTER) if params.order_clusters is None else params.order_clusters
    if min(wanted, n) == 0:
        report("order", 1.0)
        return np.arange(n, dtype=np.uint32)
    members = cluster_documents(vectors, min(wanted, n), params, threads, report)
    packed = np.empty(n, np.uint32)

    def pack_range(span: tuple[int, int]) -> None:
        first, last = span[0] * pack.PACKING_WINDOW, min(span[1] * pack.PACKING_WINDOW, n)
        pack.pack_blocks(
            vectors.indptr, vectors.components, vectors.values, members, vectors.dimension, first, last, packed
        )

    run_even(pack_range, -(-n // pack.PACKING_WINDOW), threads)
    return packed


def cluster_documents(
    vectors: SparseVectors, n_clusters: int, params: BuildParams, threads: int, report: Report
) -> npt.NDArray[np.uint32]:
    """Return the document numbers, cluster by cluster, uint32 [n]. A large shard is cut into parts first."""
    n, heads = len(vectors), take_heads(vectors, ORDER_HEAD, threads)
    n_parts = 1 if n <= ONE_LEVEL else math.ceil(n / PART)
    work = (1 if n_parts == 1 else 2) * _assignments(n, params)

    def done(documents: int) -> None:
        report("order", documents / work)

    means = partial(_k_means, vectors, params, done)
    everything = np.arange(n, dtype=np.uint32)
    if n_parts == 1:
        return means(heads, everything, n_clusters, CENTROID_HEAD, ORDER_STREAM, threads)[1]
    starts, members = means(heads, everything, n_parts, PART_HEAD, ORDER_STREAM, threads)

    def order_part(part: int) -> None:
        span = slice(starts[part], starts[part + 1])
        numbers = members[span]
        if len(numbers):
            own = Heads(*(array[numbers] for array in heads))
            wanted = max(1, len(numbers) * n_clusters // n)
            members[span] = means(own, numbers, wanted, CENTROID_HEAD, ORDER_STREAM + 1 + part, 1)[1]

    for _ in in_order(order_part, range(n_parts), threads):
        pass
    return members


def _assignments(n: int, params: BuildParams) -> int:
    """Return the number of documents that all rounds of k-means assign."""
    return n + (params.order_rounds - 1) * math.ceil(n / SAMPLED)


def _k_means(
    vectors: SparseVectors,
    params: BuildParams,
    done: Callable[[int], None],
    heads: Heads,
    numbers: npt.NDArray[np.uint32],
    n_clusters: int,
    head: int,
    stream: int,
    threads: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Cluster the documents `numbers`, whose heads are `heads`, and return (starts, members). Calls done(documents)."""
    chosen = np.empty(n_clusters, np.uint32)
    sample(len(numbers), params.seed, stream, chosen, np.empty(len(numbers), np.uint32))
    centroids = take_heads(reordered(vectors, numbers[chosen]), head, 1)
    some, of_some = Heads(*(np.ascontiguousarray(array[::SAMPLED]) for array in heads)), numbers[::SAMPLED]
    for _ in range(params.order_rounds - 1):
        starts, members = _assign(some, centroids, vectors.dimension, threads, done)
        update = partial(_update_centroids, vectors, starts, of_some[members], centroids)
        run_even(update, n_clusters, threads)
    starts, members = _assign(heads, centroids, vectors.dimension, threads, done)
    return starts, numbers[members]


def _assign(
    heads: Heads, centroids: Heads, dimension: int, threads: int, done: Callable[[int], None]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Assign documents to their nearest centroids, and return the clusters (starts, members). Calls done(documents)."""
    inverted = order.invert_centroids(centroids, dimension)
    n_clusters, cluster_of = len(centroids.counts), np.empty(len(heads.counts), np.int32)

    def task(span: tuple[int, int]) -> None:
        order.assign_documents(heads, inverted, n_clusters, *span, cluster_of)
        done(span[1] - span[0])

    run_even(task, len(cluster_of), threads)
    starts, members = order.group_by_cluster(cluster_of, n_clusters)
    return starts, members


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
    """Return the vectors `numbers` in that order."""
    indptr = np.concatenate([[0], np.cumsum(np.diff(vectors.indptr)[numbers])])
    components = np.empty(indptr[-1], vectors.components.dtype)
    values = np.empty(indptr[-1], np.float32)

    def gather(span: tuple[int, int]) -> None:
        order.gather_vectors(
            vectors.indptr, vectors.components, vectors.values, numbers, *span, indptr, components, values
        )

    run_even(gather, len(numbers), threads)
    return SparseVectors.trusted(indptr, components, values, vectors.dimension)
