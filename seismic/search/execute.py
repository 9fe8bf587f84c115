"""Run queries over the shards of a view and merge the results."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.builder.order import reordered
from seismic.kernels.topk import TopK
from seismic.params import described
from seismic.planner import Choice
from seismic.search.methods import ShardSearch, method_of
from seismic.search.workspaces import Workspaces
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
        try:
            workspaces = self._workspaces.pop()
        except IndexError:
            workspaces = Workspaces()
        try:
            workspaces.fit(view.shard_dimension, view.largest_shard, current().flag)
            return _search_shards(view, scope, queries, k, choice, min_scores, workspaces)
        finally:
            self._workspaces.append(workspaces)


def _search_shards(
    view: View,
    scope: Scope,
    queries: SparseVectors,
    k: int,
    choice: Choice,
    min_scores: npt.NDArray[np.float32] | None,
    workspaces: Workspaces,
) -> BatchResult:
    """Search each shard to the depth where its share of the top k ends, and again where that was not deep enough."""
    search = _ShardSearch(queries, choice, np.zeros((len(queries), 4), np.int64), workspaces)
    places = [place for place in zip(view.shards, scope.parts, view.firsts, strict=False) if place[1].count]
    # Rises to the k-th score of the shards searched so far.
    threshold = np.zeros(len(queries), np.float32) if min_scores is None else min_scores
    if len(places) == 1:
        return BatchResult(*search.run(*places[0], min(k, places[0][1].count), threshold), search.counters)
    depths = [_first_depth(shard.shard, part, k, scope.count, choice) for shard, part, _ in places]
    results: list[Arrays] = []
    best: Arrays | None = None
    for place, depth in zip(places, depths, strict=True):
        results.append(search.run(*place, depth, threshold))
        best = results[-1] if best is None else merge([best, results[-1]], k)
        if best[1].shape[1] == k:
            threshold = np.maximum(threshold, best[1][:, -1])  # 0 where there are fewer than k hits
    assert best is not None  # since the scope has k documents
    deeper = [search.deepened(*each, k, threshold) for each in zip(places, results, strict=True)]
    if any(one is not None for one in deeper):
        best = merge([new or old for new, old in zip(deeper, results, strict=True)], k)
    return BatchResult(*best, search.counters)


def _first_depth(shard: Shard, part: Part, k: int, count: int, choice: Choice) -> int:
    """Return the number of hits to ask of a shard first.

    Of k hits over all shards, a shard with a share p of the documents has about kp, and rarely more than
    kp + 3 sqrt(kp), unless similar documents are in one shard. Only the cost of block bounds depends on the depth; and
    a pruned search compares with the k-th score, so it must not see that of another depth.
    """
    limit = min(k, part.count)
    if choice.prunes or part.count == count or method_of(shard, part, limit, choice).name != "bounds":
        return limit
    return expected_depth(k, part.count, count)


def expected_depth(k: int, part: int, count: int) -> int:
    """Return a number of hits that `part` of `count` documents rarely exceed among the k best: kp + 3 sqrt(kp)."""
    expected = k * part / count
    return min(k, part, math.ceil(expected + 3 * math.sqrt(expected)))


def too_shallow(scores: npt.NDArray[np.float32], threshold: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """Return the queries, uint32 [m], whose last hit in `scores` [n, depth] reaches the k-th score: more hits may."""
    return np.flatnonzero((scores[:, -1] > 0) & (scores[:, -1] >= threshold)).astype(np.uint32)


class _ShardSearch(NamedTuple):
    """A batch of queries, searched shard by shard."""

    queries: SparseVectors
    choice: Choice
    counters: npt.NDArray[np.int64]
    workspaces: Workspaces

    def run(
        self, live: LiveShard, part: Part, first: int, k: int, threshold: npt.NDArray[np.float32], rows: Rows = _ALL
    ) -> Arrays:
        """Return the k best documents of a shard for the queries `rows`; those below the threshold may be missing."""
        stop = current()
        stop.check()
        queries = self.queries if isinstance(rows, slice) else reordered(self.queries, rows)
        shape = (len(queries), k)
        top = TopK(np.empty(shape, np.float32), np.empty(shape, np.int64), self.counters[rows])
        task = ShardSearch(live.shard, part, live.shard.local_queries(queries), self.choice, threshold, top)
        method_of(live.shard, part, k, self.choice).search(task, self.workspaces)
        stop.check()  # a stopped kernel leaves meaningless results
        if not isinstance(rows, slice):
            self.counters[rows] = top.counters
        top.numbers[top.numbers >= 0] += first
        return top.numbers, top.scores

    def deepened(
        self, place: tuple[LiveShard, Part, int], result: Arrays, k: int, threshold: npt.NDArray[np.float32]
    ) -> Arrays | None:
        """Search a shard again for the queries whose last hit reaches the k-th score: more hits may. None without such
        queries."""
        (numbers, scores), limit = result, min(k, place[1].count)
        depth = scores.shape[1]
        rows = too_shallow(scores, threshold)
        if depth == limit or len(rows) == 0:
            return None
        padding = ((0, 0), (0, limit - depth))
        numbers, scores = np.pad(numbers, padding, constant_values=-1), np.pad(scores, padding)
        numbers[rows], scores[rows] = self.run(*place, limit, threshold[rows], rows)
        return numbers, scores


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
    if len(results) == 1:
        return results[0]
    numbers, scores = (np.concatenate(arrays, axis=1) for arrays in zip(*results, strict=True))
    order = np.lexsort((numbers, -scores), axis=1)[:, :k]  # pads have score 0, hits more
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)
