"""Building one shard: order -> quantise -> prune -> cluster -> summarise.

Each step wraps kernels of the same name. Work is cut into ranges that do not depend on the number of threads, and every
range is independent of the others, so the bytes are the same at any number of threads.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.kernels import cluster, heaviest, order, prune, quantize, summarize
from seismic.kernels.heaviest import Heads
from seismic.kernels.sample import sample
from seismic.kernels.score import Forward
from seismic.kernels.traverse import Lists
from seismic.params import BuildParams
from seismic.store.schema import check_offset
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors

Report = Callable[[str, float], None]
"""report(stage, share): another share of a stage is done."""

ORDER_HEAD = 16
"""Heaviest components by which a document finds its cluster of the order."""
CENTROID_HEAD = 64
"""Heaviest components kept of a centroid of the order."""
RANGES = 64
"""Ranges a step is cut into."""
ENTRIES = 1 << 21
"""Summary entries one range may need scratch for, unless a single list needs more."""

_SELF_STREAM = 2**32
"""The random stream of the order; posting lists use their component's number."""


class Postings(NamedTuple):
    """``starts`` int64 [dimension + 1], ``positions`` uint32 [postings], ascending within a list."""

    starts: npt.NDArray[np.int64]
    positions: npt.NDArray[np.uint32]


class Blocks(NamedTuple):
    """``lists`` int64 [dimension + 1]: list -> blocks. ``starts`` int64 [blocks + 1]: block -> ``positions`` uint32."""

    lists: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    positions: npt.NDArray[np.uint32]


def build_shard(vectors: SparseVectors, params: BuildParams, threads: int, report: Report) -> tuple[Forward, Lists]:
    """The arrays of one shard's files."""
    check_offset(vectors.nnz, "values")
    numbers = order_documents(vectors, params, threads, report)
    ordered = reordered(vectors, numbers)
    forward = quantize_vectors(ordered, numbers, threads)
    postings = prune_postings(ordered, params, report)
    blocks = cluster_lists(ordered, postings, params, threads, report)
    lists = summarize_lists(ordered, blocks, params, threads, report)
    return forward, lists


def _run(task: Callable[[tuple[int, int]], Any], ranges: list[tuple[int, int]], threads: int) -> None:
    for _ in in_order(task, ranges, threads):
        pass


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

    _run(task, even_ranges(len(vectors), RANGES), threads)
    return heads


def order_documents(
    vectors: SparseVectors, params: BuildParams, threads: int, report: Report
) -> npt.NDArray[np.uint32]:
    """uint32 [n]: position -> document number, by k-means on the documents' heads.

    Within a cluster the documents nearest to its centroid come first; ties go by number.
    """
    n = len(vectors)
    n_clusters = n // 80 if params.order_clusters is None else min(params.order_clusters, n)
    if n_clusters < 2:
        report("order", 1.0)
        return np.arange(n, dtype=np.uint32)
    heads = take_heads(vectors, ORDER_HEAD, threads)
    centroids = _first_centroids(vectors, n_clusters, params.seed)
    cluster_of, similarity = np.empty(n, np.int32), np.empty(n, np.float32)
    for round_number in range(params.order_rounds):
        inverted = order.invert_centroids(centroids, vectors.dimension)

        def assign(span: tuple[int, int], inverted: order.CentroidLists = inverted) -> None:
            order.assign_documents(heads, inverted, n_clusters, *span, cluster_of, similarity)
            report("order", (span[1] - span[0]) / n / params.order_rounds)

        _run(assign, even_ranges(n, RANGES), threads)
        if round_number + 1 < params.order_rounds:
            starts, members = order.group_by_cluster(cluster_of, n_clusters)
            update = partial(_update_centroids, vectors, starts, members, centroids)
            _run(update, even_ranges(n_clusters, RANGES), threads)
    return np.lexsort((-similarity, cluster_of)).astype(np.uint32)


def _first_centroids(vectors: SparseVectors, n_clusters: int, seed: int) -> Heads:
    """The heads of sampled documents."""
    chosen = np.empty(n_clusters, np.uint32)
    sample(len(vectors), seed, _SELF_STREAM, chosen, np.empty(len(vectors), np.uint32))
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


def reordered(vectors: SparseVectors, numbers: npt.NDArray[np.uint32]) -> SparseVectors:
    """The vectors `numbers`, in that order."""
    indptr = np.concatenate([[0], np.cumsum(np.diff(vectors.indptr)[numbers])])
    components = np.empty(indptr[-1], vectors.components.dtype)
    values = np.empty(indptr[-1], np.float32)
    order.gather_vectors(vectors.indptr, vectors.components, vectors.values, numbers, indptr, components, values)
    return SparseVectors.trusted(indptr, components, values, vectors.dimension)


def quantize_vectors(vectors: SparseVectors, numbers: npt.NDArray[np.uint32], threads: int) -> Forward:
    """The forward index of vectors in position order."""
    scales, codes = np.empty(len(vectors), np.float32), np.empty(vectors.nnz, np.uint8)
    residuals = np.empty(vectors.nnz, np.int8)

    def task(span: tuple[int, int]) -> None:
        quantize.quantize(vectors.indptr, vectors.values, *span, scales, codes, residuals)

    _run(task, even_ranges(len(vectors), RANGES), threads)
    return Forward(numbers, vectors.indptr.astype(np.int32), vectors.components, codes, residuals, scales)


def postings_per_list(params: BuildParams, documents: int) -> int:
    """The parameter, or its default: 400 at 319,203 documents, growing with their 0.7th power to 4,000 at 8.8 million.

    Neighbours of a query thicken slower than its collection: Seismic keeps 45 % of all postings in the former case
    and 11 % in the latter, for the same recall.
    """
    if params.postings_per_list is not None:
        return params.postings_per_list
    return max(10, round(400 * (documents / 319_203) ** 0.7))


def prune_postings(vectors: SparseVectors, params: BuildParams, report: Report) -> Postings:
    """The postings that static pruning keeps."""
    average = postings_per_list(params, len(vectors))
    if params.pruning == "fixed":
        threshold, cap = 0.0, average
    else:
        used = len(np.unique(vectors.components))
        threshold, cap = _global_threshold(vectors, average * used), int(average * params.max_fraction)
    counts = np.zeros(vectors.dimension, np.int64)
    prune.count_postings(vectors.components, vectors.values, threshold, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    positions, weights = np.empty(starts[-1], np.uint32), np.empty(starts[-1], np.float32)
    prune.invert(vectors.indptr, vectors.components, vectors.values, threshold, starts, positions, weights)
    kept = np.empty(len(starts), np.int64)
    prune.prune_postings(starts, positions, weights, cap, kept)
    report("prune", 1.0)
    return Postings(kept, positions[: kept[-1]].copy())


def _global_threshold(vectors: SparseVectors, budget: int) -> float:
    """The smallest value, in steps of 1/256 of it, that at most `budget` values reach; 0 if all fit."""
    if vectors.nnz <= budget:
        return 0.0
    histogram = np.zeros(1 << 16, np.int64)
    prune.count_values(vectors.values, histogram)
    reaching = np.cumsum(histogram[::-1])[::-1]
    bucket = int(np.argmax(reaching <= budget))
    return float(np.uint32(bucket << prune.SHIFT).view(np.float32))


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

    _run(task, _ranges_by_work(lengths, len(grouped) // RANGES + 1), threads)
    starts = np.append(np.flatnonzero(opens_block), len(grouped))
    return Blocks(np.searchsorted(starts[:-1], postings.starts), starts, grouped)


def _ranges_by_work(work: npt.NDArray[np.int64], most: int) -> list[tuple[int, int]]:
    """Consecutive ranges of at most `most` work each, but for single items that have more."""
    ranges, first, total = [], 0, 0
    for item, cost in enumerate(work.tolist()):
        if total + cost > most and item > first:
            ranges.append((first, item))
            first, total = item, 0
        total += cost
    return [*ranges, (first, len(work))] if len(work) > first else ranges


def summarize_lists(vectors: SparseVectors, blocks: Blocks, params: BuildParams, threads: int, report: Report) -> Lists:
    """Blocks with their summaries, inverted."""
    list_starts = blocks.starts[blocks.lists]
    nnz = np.concatenate([[0], np.cumsum(np.diff(vectors.indptr)[blocks.positions])])
    work = np.diff(nnz[list_starts])  # no summary has more entries than its documents have components

    def task(span: tuple[int, int]) -> summarize.Summaries:
        room = int(work[slice(*span)].sum())
        n_lists = span[1] - span[0]
        out = summarize.Summaries(
            np.empty(room, vectors.components.dtype),
            np.empty(room, np.uint32),
            np.empty(room, np.uint16),
            np.empty(room, np.uint8),
            np.empty(n_lists, np.int64),
            np.empty(n_lists, np.float32),
        )
        scratch = summarize.make_scratch(vectors.dimension, int(work[slice(*span)].max()))
        runs, entries = summarize.summarize_lists(
            vectors.indptr,
            vectors.components,
            vectors.values,
            *blocks,
            *span,
            params.summary_energy,
            scratch,
            out,
        )
        report("summarize", float(work[slice(*span)].sum()) / max(1, int(nnz[-1])))
        return summarize.Summaries(
            *(
                array[:size].copy()
                for array, size in zip(out, (runs, runs, entries, entries, n_lists, n_lists), strict=True)
            )
        )

    parts = list(in_order(task, _ranges_by_work(work, ENTRIES), threads))
    return _joined(parts, blocks)


def _joined(parts: list[summarize.Summaries], blocks: Blocks) -> Lists:
    components, lengths, numbers, codes, runs, scales = (np.concatenate(column) for column in zip(*parts, strict=True))
    check_offset(len(numbers), "summary entries")
    return Lists(
        blocks.lists.astype(np.int32),
        blocks.starts.astype(np.int32),
        blocks.positions,
        _offsets(runs),
        components,
        _offsets(lengths),
        numbers,
        codes,
        scales,
    )


def _offsets(lengths: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
