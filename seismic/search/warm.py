"""Warm up everything that a request may need, so that the first query is as fast as the next."""

import numpy as np
import pyarrow as pa

from seismic.builder.memory import memory_limit
from seismic.filters.sorted_column import SortedColumn
from seismic.kernels.constants import BLOCK
from seismic.kernels.score import make_query_table
from seismic.kernels.score_all import score_documents
from seismic.planner import DEFAULT_KNOBS
from seismic.query import Query, as_rows
from seismic.search.execute import Executor, merge
from seismic.search.facets import matches
from seismic.search.methods import METHODS, first_document_of
from seismic.search.within import count_in_shard
from seismic.store.pages import prefer_huge_pages
from seismic.view.view import View

SHARE_OF_MEMORY = 2
"""A generation that takes at most 1 / SHARE_OF_MEMORY of the memory gets huge pages."""


def warm_up(view: View, executor: Executor) -> None:
    """Compile or load the kernels of every search method, and those of facets, explanations and ranges.

    Reads no more of a shard than these searches touch. From now on, files that are not in the page cache yet are read
    in huge pages if memory has room for them.
    """
    if view.manifest.bytes <= memory_limit() // SHARE_OF_MEMORY:
        for shard in view.base:
            prefer_huge_pages(shard.shard.mapped())
    dimension = view.dimension
    query = Query(np.zeros(min(1, dimension), np.uint32), np.ones(min(1, dimension), np.float32))
    for method in METHODS:
        for trial in method.trials(view):
            executor.run(view, trial.scope, as_rows([query]), min(trial.k, trial.scope.count), trial.choice)
        for shard in view.shards:
            if method.reachable and len(shard):
                method.reachable(shard.shard, first_document_of(shard.shard), query, 0.0)
    if single := executor.single(view, 1, DEFAULT_KNOBS["exact"]._replace(heap_factor=2.0)):
        for _ in range(2):  # arrays are held from the second search on
            executor.run_single(view, single, query)
    for shard in view.shards:
        if len(shard):
            first = first_document_of(shard.shard).allowed
            matches(shard.shard, first, query)
            count_in_shard(shard.shard, first, query.components)
            table, scores = make_query_table(shard.shard.dimension), np.zeros(len(shard), np.float32)
            score_documents(shard.shard.shared, table, scores, np.empty(BLOCK), np.ones(1, np.uint8))  # stops at once
    view.documents.ids([0] if view.documents.count else [])
    nothing = np.empty((1, 0), np.int64), np.empty((1, 0), np.float32)
    merge([nothing, nothing], 1)
    SortedColumn([pa.array([1])], pa.int64(), np.zeros(1, np.uint32))
