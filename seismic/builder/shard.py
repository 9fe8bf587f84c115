"""Building one shard: each file is written as soon as its arrays are ready."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from seismic.builder.blocks import cut_lists, no_blocks
from seismic.builder.impacts import find_impacts
from seismic.builder.maxima import find_maxima
from seismic.builder.order import order_documents, reordered
from seismic.builder.prune import prune_postings
from seismic.builder.quantize import quantize_vectors
from seismic.builder.ranges import Report
from seismic.builder.shared import share_blocks
from seismic.builder.summarize import summarize_lists
from seismic.components import used_components
from seismic.documents.canonical import canonical_batches
from seismic.kernels.constants import POSITION_WINDOW
from seismic.layouts import Storage
from seismic.params import BuildParams
from seismic.store.files import write_batches
from seismic.store.manifest import ShardEntry
from seismic.store.schema import (
    COMPONENTS,
    DOCUMENTS,
    FORWARD,
    IMPACTS,
    MAXIMA,
    POSTINGS,
    SHARED,
    SUMMARIES,
    check_offset,
    components_schema,
    forward_batch,
    impacts_batch,
    maxima_batch,
    postings_batch,
    shared_batch,
    summaries_batch,
)
from seismic.vectors import SparseVectors

DOCUMENT_ROWS = 1 << 16
"""Rows in a record batch of documents.arrow. Each batch costs time when an index is opened."""


def build_shard(
    vectors: SparseVectors,
    documents: pa.Table,
    folder: Path,
    first_document: int,
    params: BuildParams,
    storage: Storage,
    threads: int,
    report: Report,
) -> ShardEntry:
    """Write a shard's files into `folder`, and return its entry for the manifest."""
    check_offset(vectors.nnz, "values")

    def write(name: str, batch: pa.RecordBatch) -> None:
        files[name] = write_batches(folder / name, batch.schema, [batch])

    files = {
        DOCUMENTS: write_batches(folder / DOCUMENTS, documents.schema, canonical_batches(documents, DOCUMENT_ROWS))
    }
    used = used_components(vectors)
    if used is not None:
        vectors = used.renumbered(vectors)
        write(COMPONENTS, pa.record_batch([pa.array(used.numbers)], schema=components_schema()))
    numbers = order_documents(vectors, params, threads, report)
    forward = quantize_vectors(vectors, numbers, threads, storage)
    nnz = len(forward.codes)
    shared = share_blocks(forward, vectors.dimension, threads, storage.residuals)
    write(SHARED, shared_batch(shared, vectors.dimension, storage.residuals))
    del shared
    maxima = find_maxima(forward, vectors.dimension, threads, report, storage)
    write(MAXIMA, maxima_batch(maxima, len(vectors)))
    if len(vectors) and storage.has_impacts(small=len(vectors) <= POSITION_WINDOW):
        write(IMPACTS, impacts_batch(find_impacts(forward, vectors.dimension), len(vectors)))
    if storage.lists:
        write(FORWARD, forward_batch(forward, vectors.dimension))
    del forward, maxima  # frees memory for the lists
    lists = no_blocks(vectors.dimension)
    if storage.lists:
        ordered = reordered(vectors, numbers, threads)
        lists = cut_lists(prune_postings(ordered, params, report))
        write(POSTINGS, postings_batch(lists))
        summaries = summarize_lists(ordered, lists, params, folder, threads, report)
        write(SUMMARIES, summaries_batch(summaries, ordered.dimension))
    return ShardEntry(
        folder=folder.name,
        first_document=first_document,
        documents=len(vectors),
        nnz=nnz,
        postings=int(np.bitwise_count(lists.members & np.uint32(255)).sum()),
        blocks=len(lists.members),
        most_blocks=int(np.diff(lists.lists).max(initial=0)),
        files=files,
    )
