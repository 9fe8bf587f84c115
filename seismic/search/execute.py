"""Running parsed queries: every shard of a view by its plan, the best of all merged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.kernels import accumulate, exact, scan, traverse
from seismic.kernels.lists import padded
from seismic.params import described
from seismic.planner import Choice, accumulates, scans
from seismic.search.workspaces import Workspaces
from seismic.stop import current, stoppable_by
from seismic.store.shard import Shard
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors
from seismic.view.scope import Part, Scope
from seismic.view.view import View

Method: TypeAlias = Literal["lists", "impacts", "bounds", "scan"]
"""What a shard is searched by: posting lists in blocks (the plan `blocks`), every posting's impact, bounds of shared
blocks, or all that a narrow filter lets through (these three `exact`)."""

Arrays: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


PARTS = 4
"""Parts that each thread of a search of many queries gets: short ones keep all threads busy to the end. Of 64 queries 8
take 10.2 ms on two threads, 4 8.9 and 2 8.5; of 5,000 all the same."""


class Found(NamedTuple):
    """Document numbers int64 [n, k] and scores float32 [n, k] of n queries, -1 and 0 pad; counters int64 [n, 4]:
    lists visited, blocks estimated and visited, documents scored."""

    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    counters: npt.NDArray[np.int64]


@described
@dataclass(frozen=True, slots=True)
class SearchStats:
    """What a search did, over all shards."""

    lists: int
    """Posting lists visited."""
    blocks: int
    """Blocks estimated; 0 where all are visited anyway."""
    blocks_visited: int
    """Blocks of which documents were scored; the others estimated were skipped."""
    documents_scored: int
    """Documents scored."""

    @property
    def blocks_skipped(self) -> int:
        """Blocks estimated, but not visited."""
        return max(0, self.blocks - self.blocks_visited)


class Executor:
    """Runs queries with scratch arrays that no other search uses. Safe to use from many threads."""

    def __init__(self) -> None:
        self._workspaces: list[Workspaces] = []  # list.append and list.pop are atomic

    def run(
        self,
        view: View,
        scope: Scope,
        queries: SparseVectors,
        k: int,
        choice: Choice,
        least_scores: npt.NDArray[np.float32] | None = None,
        threads: int = 1,
    ) -> Found:
        """The k best documents of the scope, which is of the same view, for each query; k of them must be there.

        Those that score less than `least_scores` [n] may be left out. Several queries share up to so many `threads`.
        """
        if threads > 1 and len(queries) > 1:
            search = partial(self.run, view, scope, k=k, choice=choice)
            return _in_parts(search, queries, least_scores, threads)
        counters = np.zeros((len(queries), 4), np.int64)
        if k == 0:  # nothing is in the scope
            return Found(np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32), counters)
        try:
            workspaces = self._workspaces.pop()
        except IndexError:
            workspaces = Workspaces()
        try:
            stop = current()
            workspaces.fit(view.manifest.dimension, max(map(len, view.shards)), stop.flag)
            best: Arrays | None = None
            # And those that score less than the k-th best document so far.
            least = np.zeros(len(queries), np.float32) if least_scores is None else least_scores
            for live, part, first in zip(view.shards, scope.parts, view.firsts, strict=False):
                if part.count:
                    stop.check()
                    found = _search_shard(live.shard, part, queries, k, choice, least, workspaces, counters)
                    stop.check()  # what was found by then means nothing
                    found = _numbered(found[0], first), found[1]
                    best = found if best is None else merge([best, found], k)
                    if best[1].shape[1] == k:
                        least = np.maximum(least, best[1][:, -1])  # 0 if there are fewer than k
        finally:
            self._workspaces.append(workspaces)
        assert best is not None  # since k documents are there
        return Found(*best, counters)


def _in_parts(
    search: Callable[..., Found], queries: SparseVectors, least_scores: npt.NDArray[np.float32] | None, threads: int
) -> Found:
    stop = current()

    def task(span: tuple[int, int]) -> Found:
        least = None if least_scores is None else least_scores[slice(*span)]
        with stoppable_by(stop):
            return search(queries=queries.slice(*span), least_scores=least)

    ranges = even_ranges(len(queries), PARTS * threads)
    return Found(*map(np.concatenate, zip(*in_order(task, ranges, threads), strict=True)))


def method_of(shard: Shard, part: Part, k: int, choice: Choice) -> Method:
    """How the k best documents of a part of a shard are found."""
    if shard.lists is not None and choice.plan == "blocks":
        return "lists"
    if len(part.allowed) and scans(int(np.count_nonzero(part.allowed)), len(part.allowed)):
        return "scan"
    prunes = choice.plan == "exact" and (choice.heap_factor, choice.bound_share) != (1.0, 1.0)
    return "impacts" if shard.impacts is not None and not prunes and accumulates(len(shard), k) else "bounds"


def _search_shard(
    shard: Shard,
    part: Part,
    queries: SparseVectors,
    k: int,
    choice: Choice,
    least_scores: npt.NDArray[np.float32],
    workspaces: Workspaces,
    counters: npt.NDArray[np.int64],
) -> Arrays:
    shape = (len(queries), min(k, part.count))
    numbers, scores = np.empty(shape, np.int64), np.empty(shape, np.float32)
    csr = (queries.indptr, queries.components, queries.values)
    cut, factor, allowed = choice.query_cut, choice.heap_factor, part.allowed
    method = method_of(shard, part, k, choice)
    if method == "lists" and shard.lists is not None:
        n_lists = min(cut, int(np.diff(queries.indptr).max(initial=0)))
        workspace = workspaces.for_blocks(n_lists * padded(shard.entry.most_blocks))
        lists = (shard.lists.blocks, shard.lists.summaries, shard.lists.forward)
        traverse.search_blocks_batch(*lists, *csr, cut, factor, allowed, workspace, scores, numbers, counters)
        return numbers, scores
    factor = factor if choice.plan == "exact" else 1.0  # a delta shard has no lists, and is small
    share = choice.bound_share
    if method == "scan":
        scan.search_scan_batch(
            shard.maxima, shard.shared, *csr, least_scores, allowed, workspaces.for_exact(), scores, numbers, counters
        )
    elif method == "impacts" and shard.impacts is not None:
        accumulate.search_accumulate_batch(
            shard.impacts,
            shard.shared,
            *csr,
            least_scores,
            allowed,
            workspaces.for_accumulate(shape[1]),
            scores,
            numbers,
            counters,
        )
    else:
        space = workspaces.for_exact()
        exact.search_exact_batch(
            shard.maxima, shard.shared, *csr, factor, share, least_scores, allowed, space, scores, numbers, counters
        )
    return numbers, scores


def _numbered(numbers: npt.NDArray[np.int64], first: int) -> npt.NDArray[np.int64]:
    """Numbers of the collection, of numbers of a shard; pads stay."""
    numbers[numbers >= 0] += first
    return numbers


def merge(parts: Sequence[Arrays], k: int) -> Arrays:
    """The k best of several shards' (numbers, scores) [n, k_shard], by score, then number; -1 and 0 pad."""
    if len(parts) == 1:
        return parts[0]
    numbers, scores = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    order = np.lexsort((numbers, -scores), axis=1)[:, :k]  # pads score 0 and hits more
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)
