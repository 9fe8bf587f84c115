"""Searching an index: parse the query, choose a plan, search every shard, merge, map document numbers to ids."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seismic.changes import check_delete
from seismic.errors import ParameterError
from seismic.kernels import accumulate, exact, traverse
from seismic.live import LiveShard
from seismic.params import Plan, Profile, SearchParams, Verify, check_verify
from seismic.planner import Choice, accumulates, depth_to_accumulate
from seismic.pseudo import pseudo_queries
from seismic.query import QUERY_DIMENSION, Query, QueryLike, known_components, parse_query
from seismic.store.manifest import Manifest
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors, VectorsLike, as_vectors
from seismic.view import View, open_view
from seismic.vocabulary import Vocabulary
from seismic.workspaces import Workspaces

Arrays = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found: the user's id, its inner product with the query, its document number (row of the input)."""

    id: str | int
    score: float
    number: int


@dataclass(frozen=True, slots=True)
class SearchStats:
    """What a search did, over all shards: posting lists visited, blocks estimated and visited, documents scored."""

    lists: int
    blocks: int
    blocks_visited: int
    documents_scored: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first; the plan that found them; `unknown`: components or tokens of the query the index lacks.

    `profile`: the one that a recall asked for has chosen, with its target and what was measured; else None.
    """

    hits: list[Hit]
    plan: Plan
    stats: SearchStats
    unknown: tuple[int | str, ...]
    profile: Profile | None = None


class Index:
    """A collection, memory-mapped, as it was when it was opened or last refreshed. Safe to use from many threads.

    `open` makes one. Attributes: ``name`` (the collection's folder), ``generation``, ``sequence`` (the last change in
    it), ``manifest``, ``dimension``, ``vocabulary`` (or None), ``columns`` (payload columns), ``profiles``.
    ``len(index)`` counts documents, deleted ones aside.
    """

    def __init__(self, view: View) -> None:
        self.name = view.collection.resolve().name
        self._current: View | None = view
        self._refreshing = threading.Lock()
        self._workspaces: list[Workspaces] = []  # list.append and list.pop are atomic

    @property
    def view(self) -> View:
        """What searches see now. ParameterError if the index is closed."""
        if self._current is None:
            raise ParameterError(f"index '{self.name}' is closed; open it again")
        return self._current

    @property
    def manifest(self) -> Manifest:
        """The manifest of the generation."""
        return self.view.manifest

    @property
    def generation(self) -> str:
        """The generation, without the changes since."""
        return self.manifest.generation

    @property
    def sequence(self) -> int:
        """The last change in it; changes of a collection are counted from 1."""
        return self.view.place.sequence

    @property
    def dimension(self) -> int:
        """Size of the vocabulary: components are below it."""
        return self.manifest.dimension

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Tokens of the components."""
        return self.view.vocabulary

    @property
    def columns(self) -> list[str]:
        """Payload columns."""
        return self.view.documents.columns

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """What `tune` measured of the generation, when it was opened."""
        return self.view.planner.profiles

    def refresh(self) -> bool:
        """Take in the changes and the generation published since, by any process; whether there were any.

        Searches that run keep what they see. Document numbers may change. Raises StorageError, and stays as it is.
        """
        with self._refreshing:
            before = self.view
            after = before.refreshed()
            if after.manifest.generation != before.manifest.generation:
                Index(after).warm_up()
            self._current = after
            return after is not before

    def frozen(self) -> "Index":
        """The index as it is now, which no refresh changes: for several calls that must agree."""
        index = Index(self.view)
        index._workspaces = self._workspaces
        return index

    def search(
        self, query: QueryLike, k: int = 10, *, recall: float | None = None, params: SearchParams | None = None
    ) -> list[Hit]:
        """The k best documents for a query, best first; fewer if fewer share a component with it.

        `query`: {"indices": [...], "values": [...]}, {"tokens": {token: weight}}, or SparseVectors of one row. `recall`
        is short for `params=SearchParams(recall=...)`. Ties go by document number. Raises QueryError or
        ParameterError.
        """
        return self.answer(query, k, recall=recall, params=params).hits

    def answer(
        self, query: QueryLike, k: int = 10, *, recall: float | None = None, params: SearchParams | None = None
    ) -> Answer:
        """`search`, with the plan, its profile, counters and unknown components."""
        view = self.view
        choice = view.planner.choose(k, recall, params)
        parsed = parse_query(query, view.manifest.dimension, view.vocabulary)
        numbers, scores, counters = self._search(view, _one_row(parsed), min(k, view.live), choice)
        found = numbers[0][numbers[0] >= 0].tolist()
        ids = view.documents.ids(found)
        hits = [Hit(*hit) for hit in zip(ids, scores[0].tolist(), found, strict=False)]
        return Answer(hits, choice.plan, SearchStats(*counters.tolist()), parsed.unknown, choice.profile)

    def search_batch(
        self,
        queries: VectorsLike,
        k: int = 10,
        *,
        recall: float | None = None,
        params: SearchParams | None = None,
        threads: int = 1,
    ) -> Arrays:
        """(document numbers int64 [n, k], scores float32 [n, k]) of n queries, in their order; -1 and 0 pad.

        `queries`: SparseVectors, a scipy CSR matrix, or an Arrow table with `indices` and `values`. The GIL is
        released.
        """
        if threads < 1:
            raise ParameterError(f"threads is {threads}, expected at least 1")
        view = self.view
        choice, width = view.planner.choose(k, recall, params), min(k, view.live)
        vectors = known_components(as_vectors(queries), view.manifest.dimension)
        numbers, scores = np.full((len(vectors), k), -1, np.int64), np.zeros((len(vectors), k), np.float32)

        def task(span: tuple[int, int]) -> None:
            part = vectors.slice(*span)
            numbers[slice(*span), :width], scores[slice(*span), :width], _ = self._search(view, part, width, choice)

        parts = 1 if threads == 1 else 8 * threads  # short ranges keep all threads busy to the end
        for _ in in_order(task, even_ranges(len(vectors), parts), threads):
            pass
        return numbers, scores

    def document_ids(self, numbers: Iterable[int]) -> list[Any]:
        """The users' ids (str or int) of document numbers; None for -1."""
        return self.view.documents.ids(numbers)

    def find(self, ids: Sequence[str] | Sequence[int]) -> npt.NDArray[np.int64]:
        """int64 [n]: the document numbers of ids, -1 for those that are not there. InputError for ids of another
        type than the collection's."""
        view = self.view
        return view.find(check_delete(ids, view.rules).ids)

    def payloads(self, numbers: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Payloads of document numbers, as dicts; `columns` None: all. ParameterError for an unknown column."""
        return self.view.documents.payloads(numbers, columns)

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """int64 [dimension]: how many documents have each component."""
        return self.view.document_frequency

    def pseudo_queries(self, count: int, seed: int = 0) -> SparseVectors:
        """Queries made of random documents, for measuring where no real ones are at hand."""
        view = self.view
        return pseudo_queries(view.shards, view.manifest.dimension, count, seed)

    def warm_up(self, *, changes: bool = False) -> None:
        """Compile or load the kernels of every plan, so that the first query is as fast as the next; `changes`: those
        that take in changes, too."""
        query = Query(np.zeros(min(1, self.dimension), np.uint32), np.ones(min(1, self.dimension), np.float32))
        plans = [SearchParams(plan="exact"), SearchParams(plan="exact", heap_factor=2)]  # the latter bounds blocks
        if self.manifest.layout == "lists":
            plans.append(SearchParams(plan="blocks"))
        for params in plans:
            for view in (self.view, self.view.rehearsed()) if changes else (self.view,):
                for k in {1, min(view.live, depth_to_accumulate(max(map(len, view.shards))))}:
                    self._search(view, _one_row(query), k, view.planner.choose(max(k, 1), params=params))

    def close(self) -> None:
        """Let go of the files; the index cannot be searched any more."""
        self._current, self._workspaces = None, []

    def __len__(self) -> int:
        return self.view.live

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Index({self.name!r}, generation {self.generation}, {len(self)} documents, dimension {self.dimension})"

    def _search(
        self, view: View, queries: SparseVectors, k: int, choice: Choice
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Search all shards and merge: (numbers [n, k], scores [n, k], counters [4])."""
        counters = np.zeros(4, np.int64)
        if k == 0:  # every document was deleted
            return np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32), counters
        try:
            workspaces = self._workspaces.pop()
        except IndexError:
            workspaces = Workspaces()
        try:
            workspaces.fit(view.manifest.dimension, max(map(len, view.shards)))
            best: Arrays | None = None
            least_scores = np.zeros(len(queries), np.float32)  # what the k-th best document so far scores
            for shard, first in zip(view.shards, view.firsts, strict=False):
                if shard.live:
                    found = self._search_shard(shard, first, queries, k, choice, least_scores, workspaces, counters)
                    best = found if best is None else merge([best, found], k)
                    if best[1].shape[1] == k:
                        least_scores = best[1][:, -1].copy()  # 0 if there are fewer than k
        finally:
            self._workspaces.append(workspaces)
        assert best is not None  # since k documents are live
        return *best, counters

    def _search_shard(
        self,
        live: LiveShard,
        first_number: int,
        queries: SparseVectors,
        k: int,
        choice: Choice,
        least_scores: npt.NDArray[np.float32],
        workspaces: Workspaces,
        counters: npt.NDArray[np.int64],
    ) -> Arrays:
        shard, shape = live.shard, (len(queries), min(k, live.live))
        numbers, scores = np.empty(shape, np.int64), np.empty(shape, np.float32)
        csr = (queries.indptr, queries.components, queries.values)
        cut, factor = choice.query_cut, choice.heap_factor
        if shard.lists is not None and choice.plan == "blocks":
            n_lists = min(cut, int(np.diff(queries.indptr).max(initial=0)))
            workspace = workspaces.for_blocks(n_lists * traverse.padded(shard.entry.most_blocks))
            lists = (shard.lists.blocks, shard.lists.summaries, shard.lists.forward)
            traverse.search_blocks_batch(*lists, *csr, cut, factor, live.allowed, workspace, scores, numbers, counters)
            return _numbered(numbers, first_number), scores
        factor = factor if choice.plan == "exact" else 1.0  # a delta shard has no lists, and is small
        if shard.impacts is not None and factor == 1.0 and accumulates(len(shard), k):
            accumulate.search_accumulate_batch(
                shard.impacts,
                shard.maxima.scales,
                shard.shared,
                *csr,
                least_scores,
                live.allowed,
                workspaces.for_accumulate(),
                scores,
                numbers,
                counters,
            )
        else:
            space = workspaces.for_exact()
            exact.search_exact_batch(
                shard.maxima, shard.shared, *csr, factor, least_scores, live.allowed, space, scores, numbers, counters
            )
        return _numbered(numbers, first_number), scores


def _numbered(numbers: npt.NDArray[np.int64], first: int) -> npt.NDArray[np.int64]:
    """Numbers of the collection, of numbers of a shard; pads stay."""
    numbers[numbers >= 0] += first
    return numbers


def open_index(path: str | Path, *, verify: Verify = "none") -> Index:
    """Open a collection by memory map, with all changes so far; its files are read as searches touch them.

    Sizes and whatever keeps kernels inside their arrays are always checked; `verify` says whether the hashes of all
    bytes (`full`), of a sample drawn anew each time (`sample`) or of none are, too. As long as the index is open, no
    writer removes its files. Raises IndexNotFoundError, FormatError, CorruptIndexError or ParameterError.
    """
    check_verify(verify)
    return Index(open_view(Path(path), verify))


def merge(parts: Sequence[Arrays], k: int) -> Arrays:
    """The k best of several shards' (numbers, scores) [n, k_shard], by score, then number; -1 and 0 pad."""
    if len(parts) == 1:
        return parts[0]
    numbers, scores = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    order = np.lexsort((numbers, -scores), axis=1)[:, :k]  # pads score 0 and hits more
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _one_row(query: Query) -> SparseVectors:
    return SparseVectors.trusted(np.array([0, len(query.values)]), query.components, query.values, QUERY_DIMENSION)
