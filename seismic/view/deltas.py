"""Delta shards: changed documents, built in memory like any shard, and merged as they become many."""

from collections.abc import Sequence

import pyarrow as pa

from seismic.builder.maxima import find_maxima
from seismic.builder.order import order_documents
from seismic.builder.quantize import quantize_vectors
from seismic.builder.shared import share_blocks
from seismic.params import BuildParams, Layout, stores_residuals
from seismic.store.manifest import ShardEntry
from seismic.store.shard import Shard
from seismic.vectors import SparseVectors
from seismic.view.live import LiveShard

GROWTH = 2
"""A delta shard takes in the one before it unless that is more than so many times as large: each document is rebuilt
a few times in all, and there are no more delta shards than the logarithm of their documents."""

LEAST = 64
"""Smaller shards count as this large: they take as long to build."""

PARAMS = BuildParams(order_rounds=1)
"""One round of clustering: half the time for bounds nearly as tight."""


def with_documents(
    deltas: Sequence[LiveShard], vectors: SparseVectors, documents: pa.Table, layout: Layout
) -> tuple[LiveShard, ...]:
    """Delta shards with new documents, which come last; the last of the old shards may be merged with them. `layout`:
    the generation's, which says what is stored of a vector."""
    kept = [delta for delta in deltas if delta.live]
    if len(vectors) == 0:
        return tuple(kept)
    merged: list[LiveShard] = []
    size = max(LEAST, len(vectors))
    while kept and max(LEAST, kept[-1].live) <= GROWTH * size:
        merged.insert(0, kept.pop())
        size += merged[0].live
    old = [part for delta in merged for part in delta.live_vectors(vectors.dimension)]
    rows = [*(pa.Table.from_batches(delta.document_batches()) for delta in merged), documents]
    return (*kept, LiveShard(build_delta(SparseVectors.concatenate([*old, vectors]), pa.concat_tables(rows), layout)))


def build_delta(vectors: SparseVectors, documents: pa.Table, layout: Layout) -> Shard:
    """A shard in memory. Like a mapped one it is read-only: another type of array is another kernel to Numba."""
    numbers = order_documents(vectors, PARAMS, 1, _quiet)
    forward = quantize_vectors(vectors, numbers, 1, layout)
    shared = share_blocks(forward, vectors.dimension, 1, stores_residuals(layout))
    maxima = find_maxima(forward, vectors.dimension, 1, _quiet)
    for array in (*shared, *maxima):
        array.flags.writeable = False
    entry = ShardEntry(
        folder="",
        first_document=0,
        documents=len(vectors),
        nnz=len(forward.codes),
        postings=0,
        blocks=0,
        most_blocks=0,
        files={},
    )
    return Shard(entry, documents.combine_chunks(), shared, maxima, None, None)


def _quiet(stage: str, share: float) -> None:
    """Nobody waits for it."""
