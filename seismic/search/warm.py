"""What requests may ask for besides hits, once: so that the first to ask need not wait for its kernels."""

import numpy as np
import pyarrow as pa

from seismic.filters.bits import count_documents, none_of
from seismic.filters.sorted_column import SortedColumn
from seismic.planner import Choice
from seismic.query import Query, as_rows
from seismic.search.execute import Executor
from seismic.search.explain import bounds_around
from seismic.search.facets import matches
from seismic.view.scope import Part, Scope
from seismic.view.view import View


def warm_up_extras(view: View, executor: Executor, query: Query, exact: Choice) -> None:
    """Search among one document of each shard, mark it if it matches, bound blocks, and flip a window of a column.
    Nothing of a shard is read but what these touch."""
    narrow = Scope(tuple(_first_of(len(shard)) for shard in view.shards))
    if narrow.count:
        executor.run(view, narrow, as_rows([query]), 1, exact)
    for shard, part in zip(view.shards, narrow.parts, strict=True):
        if part.count:
            matches(shard.shard.shared, part.allowed, query, view.manifest.dimension)
            bounds_around(shard.shard, query, 0.0)
    SortedColumn([pa.array([1])], pa.int64(), np.zeros(1, np.uint32))


def _first_of(documents: int) -> Part:
    bits = none_of(documents)
    bits[:1] = 1
    return Part(bits, count_documents(bits))
