"""One query over all shards of a view: with arrays that Numba unpacks once, and without what only batches need."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.kernels.held import HeldRow, HeldShard, hold, search_held
from seismic.kernels.shards import search_held_shards
from seismic.planner import Choice
from seismic.query import SAFE_MAX, SAFE_MIN
from seismic.search.methods import Method
from seismic.search.together import Place, hold_shards
from seismic.search.workspaces import Row, Terms, Workspaces

TopLists: TypeAlias = tuple[npt.NDArray[np.int64], list[float], list[int]]
"""Document numbers int64 [k] and scores [k] of the hits of one query, best first, padded with -1 and 0; and the
counters of its search."""


class Kept(NamedTuple):
    """What a search used: ``flag``, ``made`` of the workspaces, ``row`` and ``terms``; and how the next ones with the
    same search for terms, None after the first. ``arrays`` are those that this refers to."""

    flag: npt.NDArray[np.uint8]
    made: int
    row: Row
    terms: Terms
    search: Callable[[int, float, float], bool] | None = None
    arrays: Any = None

    def find(self, components: Any, values: Any) -> bool:
        """Search for a query of two buffers of uint32 and float32; return False unless it is plain."""
        assert self.search is not None
        return self.terms.hold(components, values) and self.search(len(components), SAFE_MIN, SAFE_MAX)


class Single(NamedTuple):
    """How the k best documents of a view are found for one query, shard by shard or together.

    ``places``: the shards with documents. ``method``: that of the only one. ``holds``: whether with held arrays.
    """

    places: tuple[Place, ...]
    choice: Choice
    k: int
    method: Method | None
    holds: bool
    kept: dict[Workspaces, Kept]

    def held(self, workspaces: Workspaces, flag: npt.NDArray[np.uint8]) -> Kept | None:
        """Return held arrays, from the second search on with the same workspaces and flag; None before."""
        kept = self.kept.get(workspaces)
        if kept is None or kept.flag is not flag or kept.made != workspaces.made:
            return None
        if kept.search is None:
            kept = self.kept[workspaces] = self._hold(kept, workspaces)
        return kept

    def _hold(self, kept: Kept, workspaces: Workspaces) -> Kept:
        row, terms, choice = kept.row, kept.terms, self.choice
        held = hold(HeldRow(row.known, row.top, row.starts, row.indptr, terms.components, terms.values))
        if len(self.places) > 1:
            shards = hold_shards(self.places, workspaces, self.k)
            found = partial(search_held_shards, held, shards.like, shards.all, shards.progress, choice.heap_factor)
            return kept._replace(search=found, arrays=shards)
        ((live, part, first),) = self.places
        shard = hold(HeldShard(live.shard.maxima, live.shard.shared, part.allowed, workspaces.for_exact(self.k), first))
        return kept._replace(search=partial(search_held, held, shard, choice.heap_factor, choice.bound_share))

    def keep(self, workspaces: Workspaces, flag: npt.NDArray[np.uint8]) -> None:
        """Keep what a search used for the next one."""
        if self.holds:
            self.kept[workspaces] = Kept(flag, workspaces.made, workspaces.for_row(self.k), workspaces.for_terms())
