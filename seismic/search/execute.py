"""Run queries over the shards of a view and merge the results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.kernels.topk import TopK
from seismic.params import described
from seismic.planner import Choice
from seismic.search.methods import ShardSearch, method_of
from seismic.search.workspaces import Workspaces
from seismic.stop import current, stoppable_by
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors
from seismic.view.scope import Scope
from seismic.view.view import View

Arrays: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""Document numbers and scores [n, k], best first; -1 and 0 pad."""

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
            workspaces.fit(view.shard_dimension, max(map(len, view.shards)), current().flag)
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
    stop, n = current(), len(queries)
    counters = np.zeros((n, 4), np.int64)
    # Rises to the k-th score of the shards searched so far.
    threshold = np.zeros(n, np.float32) if min_scores is None else min_scores
    best: Arrays | None = None
    for live, part, first in zip(view.shards, scope.parts, view.firsts, strict=False):
        if not part.count:
            continue
        stop.check()
        shape = (n, min(k, part.count))
        numbers, scores = np.empty(shape, np.int64), np.empty(shape, np.float32)
        local = live.shard.local_queries(queries)
        task = ShardSearch(live.shard, part, local, choice, threshold, TopK(scores, numbers, counters))
        method_of(live.shard, part, k, choice).search(task, workspaces)
        stop.check()  # a stopped kernel leaves meaningless results
        numbers[numbers >= 0] += first
        best = (numbers, scores) if best is None else merge([best, (numbers, scores)], k)
        if best[1].shape[1] == k:
            threshold = np.maximum(threshold, best[1][:, -1])  # 0 where there are fewer than k hits
    assert best is not None  # since the scope has k documents
    return BatchResult(*best, counters)


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
