"""Run queries over the shards of a view and merge the results."""

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.builder.order import reordered
from seismic.kernels.merge import merge_hits
from seismic.kernels.topk import Known, TopK
from seismic.params import described
from seismic.planner import Choice
from seismic.query import Query
from seismic.search.methods import ShardSearch, method_of
from seismic.search.single import Single, TopLists
from seismic.search.together import Place, Shards, are_together, hold_shards, search_together
from seismic.search.workspaces import Row, Workspaces
from seismic.stop import current, stoppable_by
from seismic.store.shard import Shard
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors
from seismic.view.live import LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View

Arrays: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""Document numbers and scores [n, k], best first; -1 and 0 pad."""

Rows: TypeAlias = "slice | npt.NDArray[np.uint32]"
_ALL = slice(None)

_INT_AND_FLOAT = {int, float}

PARTS_PER_THREAD = 4
"""Parts of a batch for each thread: short parts keep all threads busy to the end."""


class BatchResult(NamedTuple):
    """The results of n queries: document numbers int64 [n, k] and scores float32 [n, k], padded with -1 and 0.

    ``counters`` int64 [n, 4]: lists visited, blocks estimated, blocks visited, documents scored.
    """

    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    counters: npt.NDArray[np.int64]


@described
@dataclass(frozen=True, slots=True)
class SearchStats:
    """The work of a search over all shards."""

    lists: int
    """Posting lists visited."""
    blocks: int
    """Blocks estimated; 0 where every block is visited."""
    blocks_visited: int
    """Blocks whose documents were scored; the other estimated blocks were skipped."""
    documents_scored: int
    """Documents scored."""

    @property
    def blocks_skipped(self) -> int:
        """Blocks estimated but not visited."""
        return max(0, self.blocks - self.blocks_visited)


class Executor:
    """Runs queries, each search with scratch arrays of its own. Safe to use from many threads."""

    def __init__(self) -> None:
        self._workspaces: list[Workspaces] = []  # list.append and list.pop are atomic

    def run(
        self,
        view: View,
        scope: Scope,
        queries: SparseVectors,
        k: int,
        choice: Choice,
        min_scores: npt.NDArray[np.float32] | None = None,
        threads: int = 1,
    ) -> BatchResult:
        """Find the k best documents of a scope for each query; the scope must have k documents.

        Documents that score less than `min_scores` float32 [n] may be left out. Up to `threads` threads share the
        queries.
        """
        if threads > 1 and len(queries) > 1:
            search = partial(self.run, view, scope, k=k, choice=choice)
            return _in_parts(search, queries, min_scores, threads)
        if k == 0:
            return _empty(len(queries))
        workspaces = self._take()
        try:
            workspaces.fit(view.shard_dimension, view.largest_shard, current().flag)
            return _search_shards(view, scope, queries, k, choice, min_scores, workspaces)
        finally:
            self._workspaces.append(workspaces)

    def single(self, view: View, k: int, choice: Choice) -> Single | None:
        """Return how to find the k best documents of a view for one query without what batches and merging need; None
        if its shards are searched one after another."""
        k, scope = min(k, view.live), view.everything
        places = tuple(place for place in zip(view.shards, scope.parts, view.firsts, strict=False) if place[1].count)
        if k == 0 or not (_is_first(places) or are_together(places, k, choice)):
            return None
        if len(places) > 1:
            return Single(places, choice, k, None, True, {})
        ((live, part, _),) = places
        method = method_of(live.shard, part, k, choice)
        holds = method.name == "bounds" and choice.plan == "exact" and live.shard.used is None
        return Single(places, choice, k, method, holds, {})

    def run_single(self, view: View, single: Single, query: Query) -> TopLists:
        """Find the best documents of a view for one query, as `run` does."""
        workspaces, stop = self._take(), current()
        try:
            stop.check()
            kept = single.held(workspaces, stop.flag)
            if kept and kept.find(query.components, query.values):
                row = kept.row
            else:
                workspaces.fit(view.shard_dimension, view.largest_shard, stop.flag)
                row = workspaces.for_row(single.k)
                _search_single(single, query, row, workspaces)
                single.keep(workspaces, stop.flag)
            stop.check()  # a stopped kernel leaves meaningless results
            return row.numbers.copy(), row.scores.tolist(), row.counters.tolist()
        finally:
            self._workspaces.append(workspaces)

    def run_lists(self, single: Single, components: list[Any], values: list[Any]) -> TopLists | None:
        """Find the best documents as `run_single` does for a query of lists; None unless `plain_query` takes it and
        arrays are held."""
        if {*map(type, components), *map(type, values)} != _INT_AND_FLOAT:
            return None
        try:
            given = array("I", components), array("f", values)
        except (TypeError, OverflowError):
            return None
        workspaces, stop = self._take(), current()
        try:
            stop.check()
            kept = single.held(workspaces, stop.flag)
            if not (kept and kept.find(*given)):
                return None
            stop.check()  # a stopped kernel leaves meaningless results
            row = kept.row
            return row.numbers.copy(), row.scores.tolist(), row.counters.tolist()
        finally:
            self._workspaces.append(workspaces)

    def _take(self) -> Workspaces:
        try:
            return self._workspaces.pop()
        except IndexError:
            return Workspaces()


def _is_first(places: Sequence[Place]) -> bool:
    """Return whether the only shard with documents is the first one, so that its numbers are those of the view."""
    return len(places) == 1 and places[0][2] == 0


def lists_of(found: BatchResult) -> TopLists:
    """Return the hits of the first query of a batch."""
    return found.numbers[0], found.scores[0].tolist(), found.counters[0].tolist()


def _search_single(single: Single, query: Query, row: Row, workspaces: Workspaces) -> None:
    queries = row.holding(query)
    if single.method is None:
        shards = hold_shards(single.places, workspaces, single.k)
        search_together(shards, queries, single.choice, row.known, row.top)
        return
    ((live, part, _),) = single.places
    local = live.shard.local_queries(queries)
    single.method.search(ShardSearch(live.shard, part, local, single.choice, row.known, row.top), workspaces)


def _search_shards(
    view: View,
    scope: Scope,
    queries: SparseVectors,
    k: int,
    choice: Choice,
    min_scores: npt.NDArray[np.float32] | None,
    workspaces: Workspaces,
) -> BatchResult:
    """Search shard after shard for the documents among the best of all shards so far, as deep as their share of the
    top k ends, and search those again where that was not deep enough."""
    search = _ShardSearch(queries, choice, np.zeros((len(queries), 4), np.int64), workspaces)
    places = [place for place in zip(view.shards, scope.parts, view.firsts, strict=False) if place[1].count]
    least = np.zeros(len(queries), np.float32) if min_scores is None else min_scores
    if len(places) == 1:
        limit = min(k, places[0][1].count)
        return BatchResult(*search.run(*places[0], limit, _alone(least, limit)), search.counters)
    if are_together(places, k, choice, len(queries)):
        return search.run_together(hold_shards(places, workspaces, k), Known(least, _no_hits(len(queries))[1], k))
    results: list[Arrays] = []
    reached: list[npt.NDArray[np.float32]] = []  # by shard: the score down to which it was searched, 0 if all of it was
    best, so_far, whole = _no_hits(len(queries)), 0, np.zeros_like(least)
    for place in places:
        so_far += place[1].count
        rank = _first_rank(place[0].shard, place[1], so_far, k, scope.count, choice)
        results.append(search.run(*place, min(rank, place[1].count), Known(least, best[1], rank)))
        best = merge([best, results[-1]], rank)
        last = best[1][:, -1] if best[1].shape[1] == rank else whole
        least, deep = (np.maximum(least, last), whole) if rank == k else (least, last)
        reached.append(deep)
    if all(deep is whole for deep in reached):
        return BatchResult(*best, search.counters)
    best = merge(results, k)
    threshold = np.maximum(least, best[1][:, -1]) if best[1].shape[1] == k else least
    deeper = [search.deepened(*each, k, threshold) for each in zip(places, results, reached, strict=True)]
    if any(one is not None for one in deeper):
        best = merge([new or old for new, old in zip(deeper, results, strict=True)], k)
    return BatchResult(*best, search.counters)


def _first_rank(shard: Shard, part: Part, so_far: int, k: int, count: int, choice: Choice) -> int:
    """Return the rank among the hits so far up to which to search a shard first; `so_far`: documents up to it.

    Of k hits over all shards, those searched so far have rarely more than `expected_depth`, unless similar documents
    are in one shard. Only the cost of block bounds depends on the depth; and a pruned search compares with the k-th
    score, so it must not see that of another depth.
    """
    if choice.prunes or so_far == count or method_of(shard, part, min(k, part.count), choice).name != "bounds":
        return k
    return expected_depth(k, so_far, count)


def expected_depth(k: int, part: int, count: int) -> int:
    """Return a number of hits that `part` of `count` documents rarely exceed among the k best: kp + 3 sqrt(kp)."""
    expected = k * part / count
    return min(k, part, math.ceil(expected + 3 * math.sqrt(expected)))


def too_shallow(last: npt.NDArray[np.float32], threshold: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """Return the queries, uint32 [m], whose last hit was searched for down to a score `last` [n] that is not below the
    k-th one: more hits may reach that."""
    return np.flatnonzero((last > 0) & (last >= threshold)).astype(np.uint32)


class _ShardSearch(NamedTuple):
    """A batch of queries, searched shard by shard."""

    queries: SparseVectors
    choice: Choice
    counters: npt.NDArray[np.int64]
    workspaces: Workspaces

    def run(self, live: LiveShard, part: Part, first: int, k: int, known: Known, rows: Rows = _ALL) -> Arrays:
        """Return the k best documents of a shard for the queries `rows`, except those that `known` rules out."""
        stop = current()
        stop.check()
        queries = self.queries if isinstance(rows, slice) else reordered(self.queries, rows)
        shape = (len(queries), k)
        top = TopK(np.empty(shape, np.float32), np.empty(shape, np.int64), self.counters[rows])
        task = ShardSearch(live.shard, part, live.shard.local_queries(queries), self.choice, known, top)
        method_of(live.shard, part, k, self.choice).search(task, self.workspaces)
        stop.check()  # a stopped kernel leaves meaningless results
        if not isinstance(rows, slice):
            self.counters[rows] = top.counters
        top.numbers[top.numbers >= 0] += first
        return top.numbers, top.scores

    def run_together(self, shards: Shards, known: Known) -> BatchResult:
        """Return the best documents of shards that are searched together."""
        shape, stop = (len(self.queries), known.rank), current()
        stop.check()
        top = TopK(np.empty(shape, np.float32), np.empty(shape, np.int64), self.counters)
        search_together(shards, self.queries, self.choice, known, top)
        stop.check()
        return BatchResult(top.numbers, top.scores, self.counters)

    def deepened(
        self,
        place: tuple[LiveShard, Part, int],
        result: Arrays,
        reached: npt.NDArray[np.float32],
        k: int,
        threshold: npt.NDArray[np.float32],
    ) -> Arrays | None:
        """Search a shard again for the queries it was not searched deep enough for. None without such queries."""
        (numbers, scores), limit = result, min(k, place[1].count)
        rows = too_shallow(reached, threshold)
        if len(rows) == 0:
            return None
        padding = ((0, 0), (0, limit - scores.shape[1]))
        numbers, scores = np.pad(numbers, padding, constant_values=-1), np.pad(scores, padding)
        numbers[rows], scores[rows] = self.run(*place, limit, _alone(threshold[rows], limit), rows)
        return numbers, scores


def _alone(min_scores: npt.NDArray[np.float32], k: int) -> Known:
    """Return what is known of a shard that is searched apart from others."""
    return Known(min_scores, np.empty((len(min_scores), 0), np.float32), k)


def _no_hits(queries: int) -> Arrays:
    return np.empty((queries, 0), np.int64), np.empty((queries, 0), np.float32)


def _empty(queries: int) -> BatchResult:
    shape = (queries, 0)
    return BatchResult(np.empty(shape, np.int64), np.empty(shape, np.float32), np.zeros((queries, 4), np.int64))


def _in_parts(
    search: Callable[..., BatchResult],
    queries: SparseVectors,
    min_scores: npt.NDArray[np.float32] | None,
    threads: int,
) -> BatchResult:
    stop = current()

    def task(span: tuple[int, int]) -> BatchResult:
        part = None if min_scores is None else min_scores[slice(*span)]
        with stoppable_by(stop):
            return search(queries=queries.slice(*span), min_scores=part)

    ranges = even_ranges(len(queries), PARTS_PER_THREAD * threads)
    return BatchResult(*map(np.concatenate, zip(*in_order(task, ranges, threads), strict=True)))


def merge(results: Sequence[Arrays], k: int) -> Arrays:
    """Merge the results [n, k_shard] of several shards into the k best, by score, then by number."""
    best, *others = results
    for other in others:
        shape = (len(best[0]), min(k, best[0].shape[1] + other[0].shape[1]))
        merged = np.empty(shape, np.int64), np.empty(shape, np.float32)
        merge_hits(*best, *other, *merged)
        best = merged
    return best
