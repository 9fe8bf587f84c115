"""One query in a view with one shard: without what only batches, scopes and merging need."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.kernels.held import HeldArrays, hold
from seismic.planner import Choice
from seismic.query import Query
from seismic.search.methods import Method
from seismic.search.workspaces import Row, Workspaces
from seismic.store.shard import Shard
from seismic.view.scope import Part

_COMPONENTS, _VALUES = np.dtype(np.uint32), np.dtype(np.float32)


class _Kept(NamedTuple):
    """What a search used, and the arrays that the next one with the same can use; None after the first."""

    row: Row
    flag: npt.NDArray[np.uint8]
    held: Any


class OnlyShard(NamedTuple):
    """The only shard of a view, and how its k best documents are found. ``kept`` by id of the workspaces."""

    shard: Shard
    part: Part
    choice: Choice
    k: int
    method: Method
    kept: dict[int, _Kept]

    def holds(self, query: Query) -> bool:
        """Return whether a query can be searched for with held arrays."""
        plain = self.method.name == "bounds" and self.choice.plan == "exact" and self.shard.used is None
        return plain and query.components.dtype is _COMPONENTS and query.values.dtype is _VALUES

    def held(self, workspaces: Workspaces, row: Row, flag: npt.NDArray[np.uint8]) -> Any:
        """Return the arrays of a search, held from the second one on with the same row and flag; None before."""
        kept = self.kept.get(id(workspaces))
        if kept is None or kept.row is not row or kept.flag is not flag:
            self.kept[id(workspaces)] = _Kept(row, flag, None)
            return None
        if kept.held is None:
            shard, workspace = self.shard, workspaces.for_exact(self.k)
            where = (self.part.allowed, workspace, row.top, row.starts, row.indptr)
            kept = _Kept(row, flag, hold(HeldArrays(shard.maxima, shard.shared, row.known, *where)))
            self.kept[id(workspaces)] = kept
        return kept.held


class TopArrays(NamedTuple):
    """The hits of one query: document numbers int64 [k] and scores float32 [k], padded with -1 and 0, best first; and
    the ``counters`` int64 [4] of its search."""

    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    counters: npt.NDArray[np.int64]
