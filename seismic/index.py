"""An open index: the entry point of searches in Python."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np

from seismic.conversion.numbers import MAX_COUNT, as_count, as_path
from seismic.conversion.plain import excerpt
from seismic.encoders import Encoder, Reranker
from seismic.encoders.counting import warm_up as warm_up_counting
from seismic.errors import CorruptIndexError, DeadlineError, ParameterError, QueryError
from seismic.export.exporting import ExportsDocuments
from seismic.fields.entry import FieldEntry
from seismic.filters.language import FilterLike
from seismic.measure.pseudo_queries import pseudo_queries
from seismic.params import Profile, SearchParams, Verify, check_verify
from seismic.query import Query, QueryLike
from seismic.search.answer import Answer
from seismic.search.contents import html_of, with_payloads
from seismic.search.examples import resolve_batch
from seismic.search.execute import Arrays
from seismic.search.hits import Hits
from seismic.search.reading import ReadsDocuments
from seismic.search.request import Rerank, SearchRequest, Snippets
from seismic.search.respond import Responder
from seismic.search.simple import top_arrays
from seismic.search.single import TopLists
from seismic.search.warm import warm_up
from seismic.search.why import WhyNot
from seismic.stop import time_limit
from seismic.store.copies import check_copies
from seismic.store.manifest import Manifest
from seismic.threads import ForkSafeLock
from seismic.vectors import SparseVectors, VectorsLike
from seismic.view.view import View, open_view
from seismic.vocabulary import Vocabulary

QueriesLike: TypeAlias = "VectorsLike | Sequence[QueryLike]"

_DEFAULTS = SearchParams()

MAX_PADDED = 1 << 28
"""Most hits of a batch whose arrays are wider than the documents that can be found: 3 GB."""

WAIT_SECONDS = 0.02
"""Interval between two looks for a change that `Index.refresh` waits for."""


class Index(ReadsDocuments, ExportsDocuments):
    """A memory-mapped collection, as it was when it was opened or last refreshed. Safe to use from many threads.

    `seismic.open` makes one. ``len(index)`` counts the documents that are not deleted. Searches come in three forms:
    `search` for one query, `search_many` for full requests, `search_batch` for arrays.
    """

    has_shards = True
    """Whether this process searches the shards itself."""

    def __init__(self, view: View, like: "Index | None" = None) -> None:
        # Cached, as resolving a path costs a system call per folder.
        self.name: str = like.name if like else view.collection.resolve().name
        self._current: View | None = view
        self._refreshing: ForkSafeLock = like._refreshing if like else ForkSafeLock()
        self._responder: Responder = like._responder if like else Responder()

    def __copy__(self) -> "Index":
        """Return an index that shares the open files; either can be closed or refreshed independently."""
        return self.frozen()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Index":
        """Return a copy as `copy.copy` does: the files are read-only."""
        return self.frozen()

    def __reduce__(self) -> tuple[Callable[[Path, Verify], "Index"], tuple[Path, Verify]]:
        """Pickle the path: unpickling opens the collection as it is then."""
        return _open_again, (self.view.collection.absolute(), self.view.verify)

    @property
    def view(self) -> View:
        """The view that searches use. Raises ParameterError if the index is closed."""
        if self._current is None:
            raise ParameterError(f"index '{self.name}' is closed; open it again")
        return self._current

    @property
    def manifest(self) -> Manifest:
        """The manifest of the generation."""
        return self.view.manifest

    @property
    def generation(self) -> str:
        """The generation, such as 000001."""
        return self.manifest.generation

    @property
    def sequence(self) -> int:
        """The sequence number of the last change in the view; they count from 1."""
        return self.view.log_end.sequence

    @property
    def dimension(self) -> int:
        """Size of the vocabulary; components are below it."""
        return self.view.dimension

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The tokens of the components, or None."""
        return self.view.vocabulary

    @property
    def fields(self) -> tuple[FieldEntry, ...]:
        """The named vectors; none if the collection has a single one without a name."""
        return self.view.fields

    @property
    def encoder(self) -> Encoder:
        """The encoder of texts. Raises InputError if the collection has none, EncoderError if it cannot run here."""
        return self.view.encoder

    @property
    def columns(self) -> list[str]:
        """Names of the payload columns."""
        return self.view.documents.columns

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """What `seismic tune` measured of the generation."""
        return self.view.planner.profiles

    def refresh(self, *, min_sequence: int | None = None, timeout: float = 30.0) -> bool:
        """Switch to the newest generation and changes, published by any process. Return whether there were any.

        Running searches keep their view. Document numbers may change. `min_sequence`: wait up to `timeout` seconds for
        this change to be included. Raises DeadlineError if it is not by then, and StorageError, which keeps the old
        view.
        """
        if min_sequence is None:
            return self._refresh()
        wanted, deadline = as_count("min_sequence", min_sequence, 0), time.monotonic() + timeout
        changed = self._refresh()
        while self.sequence < wanted:
            if time.monotonic() >= deadline:
                found = f"index '{self.name}' includes changes up to {self.sequence}"
                raise DeadlineError(f"min_sequence: {found}, expected {wanted} within {timeout:g} seconds")
            time.sleep(WAIT_SECONDS)
            changed |= self._refresh()
        return changed

    def _refresh(self) -> bool:
        with self._refreshing:
            before = self.view
            after = before.refreshed()
            if after.manifest.generation != before.manifest.generation:
                Index(after).warm_up()
            self._current = after
            return after is not before

    def frozen(self) -> "Index":
        """Return the index as it is now, untouched by later refreshes: for several calls that must agree."""
        return Index(self.view, self)

    def search(
        self,
        query: QueryLike,
        k: int = 10,
        *,
        recall: float | None = None,
        params: SearchParams | None = None,
        filter: FilterLike | None = None,
        rerank: Rerank | None = None,
        reranker: Reranker | None = None,
        with_payload: bool | Sequence[str] = False,
        snippet: Snippets | Mapping[str, Any] | bool = False,
    ) -> Hits:
        """Return the k best documents, best first; fewer if fewer share a component with the query.

        `query`: a text, {"indices": [...], "values": [...]}, {"tokens": {token: weight}}, {component: weight}, or one
        row of SparseVectors, a scipy matrix, a torch tensor or a data frame. `recall` is short for
        `params=SearchParams(recall=...)`. `filter` restricts the search, in the language of `seismic.filters.language`.
        Ties are ordered by document number. `rerank` orders the best hits by other scores: its own, or those of the
        cross-encoder `reranker`. `with_payload`: give hits their payload, or the named columns of it. `snippet`: give
        them the passage of their text with the strongest matches. Raises QueryError, ParameterError, FilterError or
        EncoderError.
        """
        plain = filter is None and rerank is None and reranker is None and with_payload is False and snippet is False
        if plain and type(k) is int and 1 <= k < MAX_COUNT:
            params = _DEFAULTS if params is None and recall is None else _with_recall(params, recall)
            return self._responder.search(self.view, query, k, params)
        given: Any = {"recall": recall, "params": params, "filter": filter, "rerank": rerank, "reranker": reranker}
        return self.answer(query, k, **given, with_payload=with_payload, snippet=snippet).hits

    def answer(
        self,
        query: QueryLike,
        k: int = 10,
        *,
        recall: float | None = None,
        params: SearchParams | None = None,
        filter: FilterLike | None = None,
        rerank: Rerank | None = None,
        reranker: Reranker | None = None,
        with_payload: bool | Sequence[str] = False,
        snippet: Snippets | Mapping[str, Any] | bool = False,
    ) -> Answer:
        """Search, and return the plan, its profile, counters, unknown components and warnings with the hits."""
        k = as_count("k", k, 0)
        if query is None:
            raise QueryError("found None, expected a query; a SearchRequest without one lists documents")
        if rerank is None and reranker is not None:
            rerank = Rerank(depth=max(k, Rerank().depth))
        params = _with_recall(params, recall)
        given: Any = {"params": params, "filter": filter, "rerank": rerank, "snippet": snippet}
        return self.ask(SearchRequest(query=query, limit=k, **given), reranker, with_payload)

    def ask(
        self, request: SearchRequest, reranker: Reranker | None = None, with_payload: bool | Sequence[str] = False
    ) -> Answer:
        """Answer one request, as `search_many` does, and give its hits their payload or the named columns of it."""
        if with_payload is False:
            return self.search_many([request], reranker=reranker)[0]
        index = self.frozen()  # payloads are those of the view that was searched
        return with_payloads(index.view, index.search_many([request], reranker=reranker)[0], with_payload)

    def ask_with(self, request: SearchRequest, query: QueryLike | Query) -> Answer:
        """Answer a request with `query` instead of its own. For many queries, this is faster than copying it."""
        return self._responder.respond_with(self.view, request, query)

    def top(self, view: View, query: Query, depth: int, params: SearchParams) -> TopLists:
        """Return the `depth` best documents of a view for a parsed query, without hits: for callers that write answers
        themselves. `params` without a timeout. Raises ParameterError and StoppedError."""
        return top_arrays(self._responder.executor, view, query, depth, params)

    def search_many(
        self, requests: Sequence[SearchRequest], threads: int = 1, reranker: Reranker | None = None
    ) -> list[Answer]:
        """Answer requests over one view, in their order. `reranker` serves those with `rerank` but no scores for it.

        Requests with equal `params`, `limit`, `offset` and `filter` are searched as one batch on up to `threads`
        threads, with the GIL released. Raises QueryError, ParameterError, FilterError or EncoderError.
        """
        try:
            requests = list(requests)
        except TypeError:
            raise ParameterError(f"found {excerpt(requests)}, expected a list of SearchRequest") from None
        for request in requests:
            if not isinstance(request, SearchRequest):
                raise ParameterError(f"found {excerpt(request)}, expected a SearchRequest")
        return self._responder.respond(self.view, requests, as_count("threads", threads), reranker)

    def search_batch(
        self,
        queries: QueriesLike,
        k: int = 10,
        *,
        recall: float | None = None,
        params: SearchParams | None = None,
        filter: FilterLike | None = None,
        threads: int = 1,
    ) -> Arrays:
        """Return document numbers int64 [n, k] and scores float32 [n, k] of n queries, padded with -1 and 0.

        `queries`: SparseVectors, a scipy matrix, a torch tensor, a table with `indices` and `values`, or a list of
        queries as `search` takes them. Texts are cut where they are too long. The GIL is released.
        """
        k, threads = as_count("k", k, 0), as_count("threads", threads)
        view = self.view
        params = _with_recall(params, recall)
        choice, scope = view.planner.choose(max(1, k), params), self._responder.filters.scope(view, filter)
        if filter is not None:
            choice = choice.under_filter()
        width = min(k, scope.count)
        vectors = resolve_batch(view, queries, threads)
        if width < k and len(vectors) * k > MAX_PADDED:
            raise ParameterError(
                f"k is {k}, expected at most {scope.count}, the documents that can be found: arrays for "
                f"{len(vectors)} x {k} hits take too much memory"
            )
        with time_limit(params.timeout_ms):
            found = self._responder.executor.run(view, scope, vectors, width, choice, threads=threads)
        if width == k:
            return found.numbers, found.scores
        numbers, scores = np.full((len(vectors), k), -1, np.int64), np.zeros((len(vectors), k), np.float32)
        numbers[:, :width], scores[:, :width] = found.numbers, found.scores
        return numbers, scores

    def why_not(
        self,
        query: QueryLike,
        ids: Sequence[str] | Sequence[int],
        filter: FilterLike | None = None,
        k: int = 10,
        *,
        score_threshold: float | None = None,
    ) -> list[WhyNot]:
        """Say of each id why its document is or is not among the k best for a query, with its exact score and rank.

        Scores all documents, whatever plan a search would use. At most 1,000 ids. Raises QueryError, FilterError,
        ParameterError, InputError for ids of the wrong type, or EncoderError.
        """
        request = SearchRequest(query=query, limit=k, filter=filter, score_threshold=score_threshold)  # checks values
        least = request.score_threshold or 0.0
        return self._responder.why_not(self.view, query, ids, filter, as_count("k", k), least)

    def pseudo_queries(self, count: int, seed: int = 0) -> SparseVectors:
        """Make queries from random documents, for measurements without real queries."""
        view = self.view
        count, seed = as_count("count", count), as_count("seed", seed, 0)
        return pseudo_queries(view.shards, view.dimension, count, seed)

    def warm_up(self, *, changes: bool = False) -> None:
        """Compile or load every kernel that a request may need, so that the first query is as fast as the next.

        `changes` includes the kernels that check and apply changes, and those of `seismic.verify`.
        """
        views = (self.view, self.view.with_trial_changes()) if changes or not self.view.live else (self.view,)
        for view in views:
            warm_up(view, self._responder.executor)
        if changes and any(entry.bm25 for entry in self.view.encoder_entries):
            warm_up_counting()
        for shard in self.view.base if changes else ():
            with suppress(CorruptIndexError):  # damage is named by what looks for it
                check_copies(shard.shard, self.manifest.storage, self.name, positions=1)

    def close(self) -> None:
        """Release the files. The index cannot be searched afterwards."""
        self._current, self._responder = None, Responder()

    def __len__(self) -> int:
        return self.view.live

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return html_of(self.name, self.view)

    def __repr__(self) -> str:
        return f"Index({self.name!r}, generation {self.generation}, {len(self)} documents, dimension {self.dimension})"


def _with_recall(params: SearchParams | None, recall: float | None) -> SearchParams:
    params = _DEFAULTS if params is None else params
    if not isinstance(params, SearchParams):
        raise ParameterError(f"params is {excerpt(params)}, expected SearchParams")
    return params if recall is None else params.replace(recall=recall)


def open_index(path: str | Path, *, verify: Verify = "none") -> Index:
    """Open a collection by memory map, with all changes so far. Searches read its files as they need them.

    Sizes, and everything that keeps kernels inside their arrays, are always checked. `verify` adds the hashes of all
    bytes (`full`), of a random sample (`sample`) or of none. No writer removes the files of an open index. Raises
    IndexNotFoundError, FormatError, CorruptIndexError or ParameterError.
    """
    check_verify(verify)
    return Index(open_view(as_path(path).absolute(), verify))  # a relative path would not survive a change of directory


def _open_again(path: Path, verify: Verify) -> Index:
    return open_index(path, verify=verify)
