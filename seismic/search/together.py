"""Shards that are searched together: the best blocks of all first, with one k-th score."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from seismic.kernels.held import HeldShard, hold, together
from seismic.kernels.shards import Progress, make_progress, search_shards_batch
from seismic.kernels.topk import Known, Queries, TopK
from seismic.planner import Choice
from seismic.search.methods import method_of
from seismic.search.workspaces import Workspaces
from seismic.vectors import SparseVectors
from seismic.view.live import LiveShard
from seismic.view.scope import Part

Place: TypeAlias = tuple[LiveShard, Part, int]
"""A shard, the part of it to search, and the number of its first document."""


class Shards(NamedTuple):
    """Shards for the kernel: ``all`` refers to what ``kept`` keeps, of the type of ``like``."""

    like: Any
    all: Any
    progress: Progress
    kept: list[Any]


DEEP, MANY = 64, 16
"""A batch of MANY queries or more for over DEEP hits is searched shard by shard, which finds more in the caches."""


def are_together(places: Sequence[Place], k: int, choice: Choice, queries: int = 1) -> bool:
    """Return whether shards are searched together for a number of queries."""
    if len(places) < 2 or choice.plan != "exact" or choice.bound_share < 1 or (k > DEEP and queries >= MANY):
        return False
    return all(
        live.shard.used is None and method_of(live.shard, part, min(k, part.count), choice).name == "bounds"
        for live, part, _ in places
    )


def hold_shards(places: Sequence[Place], workspaces: Workspaces, k: int) -> Shards:
    """Return shards for the kernel, with scratch arrays for k hits."""
    scratch = workspaces.for_shards(tuple(len(live) for live, _, _ in places), k)
    kept = [
        hold(HeldShard(live.shard.maxima, live.shard.shared, part.allowed, workspace, first))
        for (live, part, first), workspace in zip(places, scratch, strict=True)
    ]
    return Shards(kept[0], together(kept), make_progress(len(kept)), kept)


def search_together(shards: Shards, queries: SparseVectors, choice: Choice, known: Known, top: TopK) -> None:
    """Find the best documents of several shards for each query."""
    rows = Queries(queries.indptr, queries.components, queries.values)
    search_shards_batch(shards.like, shards.all, shards.progress, rows, choice.heap_factor, known, top)
