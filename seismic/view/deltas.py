"""Delta shards: shards of changed documents, built in memory, and merged as their number grows."""

from collections.abc import Sequence

import pyarrow as pa

from seismic.builder.maxima import find_maxima
from seismic.builder.order import order_documents
from seismic.builder.quantize import quantize_vectors
from seismic.builder.shards import Counted
from seismic.builder.shared import share_blocks
from seismic.components import used_components
from seismic.documents.widening import with_schema
from seismic.layouts import Storage
from seismic.params import BuildParams
from seismic.store.manifest import ShardEntry
from seismic.store.shard import Shard
from seismic.vectors import SparseVectors
from seismic.view.live import LiveShard

GROWTH = 2
"""A new delta shard absorbs the previous one unless that is more than GROWTH times as large. The number of delta shards
is at most logarithmic in their documents, and so is the number of times a document is rebuilt."""

LEAST = 64
"""Smaller shards count as this large, because building them takes as long."""

PARAMS = BuildParams(order_rounds=1)
"""One round of clustering takes half the time, and the upper bounds are nearly as tight."""


def with_documents(
    deltas: Sequence[LiveShard],
    vectors: SparseVectors,
    documents: pa.Table,
    storage: Storage,
    counted: Counted | None = None,
) -> tuple[LiveShard, ...]:
    """Return delta shards with new documents added at the end. Merges the last old shards with them if it pays.

    `storage` is the generation's; `counted` counts the vectors that have each field. Old documents get the
    columns and types of the new ones.
    """
    untouched = [delta for delta in deltas if delta.live]
    if len(vectors) == 0:
        return tuple(untouched)
    merged: list[LiveShard] = []
    size = max(LEAST, len(vectors))
    while untouched and max(LEAST, untouched[-1].live) <= GROWTH * size:
        merged.insert(0, untouched.pop())
        size += merged[0].live
    old = [part for delta in merged for part in delta.live_vectors(vectors.dimension)]
    batches = [pa.table(batch) for delta in merged for batch in delta.document_batches()]
    rows = [*(with_schema(batch, documents.schema) for batch in batches), documents]
    together = SparseVectors.concatenate([*old, vectors])
    return (*untouched, LiveShard(build_delta(together, pa.concat_tables(rows), storage, counted)))


def build_delta(vectors: SparseVectors, documents: pa.Table, storage: Storage, counted: Counted | None = None) -> Shard:
    """Build a read-only shard in memory: Numba would compile other kernels for writeable arrays."""
    fields = counted(vectors) if counted else {}
    if (used := used_components(vectors)) is not None:
        vectors = used.renumbered(vectors)
    numbers = order_documents(vectors, PARAMS, 1, _quiet)
    forward = quantize_vectors(vectors, numbers, 1, storage)
    shared = share_blocks(forward, vectors.dimension, 1, storage.residuals)
    maxima = find_maxima(forward, vectors.dimension, 1, _quiet, storage)
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
        fields=fields,
    )
    return Shard(entry, documents.combine_chunks(), shared, maxima, None, None, used)


def _quiet(stage: str, share: float) -> None:
    """Ignore progress."""
