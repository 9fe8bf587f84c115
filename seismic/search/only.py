"""One query in a view with one shard: without what only batches, scopes and merging need."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.kernels.held import HeldArrays, hold
from seismic.planner import Choice
from seismic.search.methods import Method
from seismic.search.workspaces import Row, Terms, Workspaces
from seismic.store.shard import Shard
from seismic.view.scope import Part

TopLists: TypeAlias = tuple[npt.NDArray[np.int64], list[float], list[int]]
"""Document numbers int64 [k] and scores [k] of the hits of one query, best first, padded with -1 and 0; and the
counters of its search."""


class Kept(NamedTuple):
    """What a search used, and the arrays that the next ones with the same can use; None after the first.

    ``made``: that of the workspaces.
    """

    flag: npt.NDArray[np.uint8]
    made: int
    row: Row
    terms: Terms
    held: Any = None


class OnlyShard(NamedTuple):
    """The only shard of a view, and how its k best documents are found. ``holds``: whether with held arrays."""

    shard: Shard
    part: Part
    choice: Choice
    k: int
    method: Method
    holds: bool
    kept: dict[Workspaces, Kept]

    def held(self, workspaces: Workspaces, flag: npt.NDArray[np.uint8]) -> Kept | None:
        """Return held arrays, from the second search on with the same workspaces and flag; None before."""
        kept = self.kept.get(workspaces)
        if kept is None or kept.flag is not flag or kept.made != workspaces.made:
            return None
        if kept.held is None:
            shard, row, terms, workspace = self.shard, kept.row, kept.terms, workspaces.for_exact(self.k)
            where = (self.part.allowed, workspace, row.top, row.starts, row.indptr)
            held = hold(HeldArrays(shard.maxima, shard.shared, row.known, *where, terms.components, terms.values))
            kept = self.kept[workspaces] = kept._replace(held=held)
        return kept

    def keep(self, workspaces: Workspaces, flag: npt.NDArray[np.uint8], row: Row) -> None:
        """Keep what a search used for the next one."""
        if self.holds:
            self.kept[workspaces] = Kept(flag, workspaces.made, row, workspaces.for_terms())
