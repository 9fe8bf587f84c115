"""An opened index: parse the query, choose a plan, search its view, map document numbers to ids."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.changes.records import check_delete
from seismic.documents.table import check_numbers
from seismic.encoders import Encoder, encode_texts
from seismic.errors import ParameterError
from seismic.filters.language import FilterLike
from seismic.measure.pseudo_queries import pseudo_queries
from seismic.params import Profile, SearchParams, Verify, check_verify
from seismic.planner import depth_to_accumulate
from seismic.query import Query, QueryLike, as_rows, known_components
from seismic.search.answer import Answer, Hit
from seismic.search.execute import Arrays
from seismic.search.request import SearchRequest
from seismic.search.respond import Responder
from seismic.search.warm import warm_up_extras
from seismic.stop import current, time_limit
from seismic.store.manifest import Manifest
from seismic.vectors import SparseVectors, VectorsLike, as_vectors
from seismic.view.scope import everything
from seismic.view.view import View, open_view
from seismic.vocabulary import Vocabulary

QueriesLike: TypeAlias = "VectorsLike | list[str]"

_DEFAULTS = SearchParams()


class Index:
    """A collection, memory-mapped, as it was when it was opened or last refreshed. Safe to use from many threads.

    `open` makes one. Attributes: ``name`` (the collection's folder), ``generation``, ``sequence`` (the last change in
    it), ``manifest``, ``dimension``, ``vocabulary`` (or None), ``columns`` (payload columns), ``profiles``.
    ``len(index)`` counts documents, deleted ones aside.
    """

    def __init__(self, view: View, like: "Index | None" = None) -> None:
        # To resolve a path asks the system about each of its folders.
        self.name: str = like.name if like else view.collection.resolve().name
        self._current: View | None = view
        self._refreshing = threading.Lock()
        self._responder: Responder = like._responder if like else Responder()

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
        return self.view.log_end.sequence

    @property
    def dimension(self) -> int:
        """Size of the vocabulary: components are below it."""
        return self.manifest.dimension

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Tokens of the components."""
        return self.view.vocabulary

    @property
    def encoder(self) -> Encoder:
        """What makes vectors of texts. InputError if the collection has none, EncoderError if it cannot run here."""
        return self.view.encoder

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
        return Index(self.view, self)

    def search(
        self,
        query: QueryLike,
        k: int = 10,
        *,
        recall: float | None = None,
        params: SearchParams | None = None,
        filter: FilterLike | None = None,
    ) -> list[Hit]:
        """The k best documents for a query, best first; fewer if fewer share a component with it.

        `query`: {"indices": [...], "values": [...]}, {"tokens": {token: weight}}, {"text": "..."}, or one row of
        SparseVectors. `recall` is short for `params=SearchParams(recall=...)`. `filter`: only documents that it lets
        through, as `seismic.filters.language` says. Ties go by document number. Raises QueryError, ParameterError,
        FilterError or EncoderError.
        """
        return self.answer(query, k, recall=recall, params=params, filter=filter).hits

    def answer(
        self,
        query: QueryLike,
        k: int = 10,
        *,
        recall: float | None = None,
        params: SearchParams | None = None,
        filter: FilterLike | None = None,
    ) -> Answer:
        """`search`, with the plan, its profile, counters, unknown components and warnings."""
        if k < 1:
            raise ParameterError(f"k is {k}, expected at least 1")
        params = params or _DEFAULTS
        if recall is not None:
            params = params.replace(recall=recall)
        return self.ask(SearchRequest(query=query, limit=k, params=params, filter=filter))

    def ask(self, request: SearchRequest) -> Answer:
        """The answer to a request. Raises QueryError or ParameterError."""
        return self.ask_batch([request])[0]

    def ask_batch(self, requests: Sequence[SearchRequest], threads: int = 1) -> list[Answer]:
        """Answers in the order of the requests, all of one view; those of equal `params`, `limit` and `offset` are
        searched together, on up to so many `threads`, with the GIL released."""
        return self._responder.respond(self.view, requests, threads)

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
        """(document numbers int64 [n, k], scores float32 [n, k]) of n queries, in their order; -1 and 0 pad.

        `queries`: SparseVectors, a scipy CSR matrix, or an Arrow table with `indices` and `values`, or a list of texts,
        which are cut where they are too long. The GIL is released.
        """
        if threads < 1:
            raise ParameterError(f"threads is {threads}, expected at least 1")
        view = self.view
        choice, scope = view.planner.choose(k, recall, params), self._responder.filters.scope(view, filter)
        if filter is not None:
            choice = choice.under_filter()
        width = min(k, scope.count)
        if isinstance(queries, list):
            queries = encode_texts(view.encode_query, queries, threads).vectors
        vectors = known_components(as_vectors(queries), view.manifest.dimension)
        with time_limit(params.timeout_ms if params else None):
            found = self._responder.executor.run(view, scope, vectors, width, choice, threads=threads)
        if width == k:
            return found.numbers, found.scores
        numbers, scores = np.full((len(vectors), k), -1, np.int64), np.zeros((len(vectors), k), np.float32)
        numbers[:, :width], scores[:, :width] = found.numbers, found.scores
        return numbers, scores

    def count(self, filter: FilterLike | None = None) -> int:
        """How many documents a filter lets through; None: how many there are. Raises FilterError."""
        return self._responder.filters.scope(self.view, filter).count

    def document_ids(self, numbers: Iterable[int]) -> list[Any]:
        """The users' ids (str or int) of document numbers; None for -1."""
        return self.view.documents.ids(numbers)

    def find(self, ids: Sequence[str] | Sequence[int]) -> npt.NDArray[np.int64]:
        """int64 [n]: the document numbers of ids, -1 for those that are not there. InputError for ids of another
        type than the collection's."""
        view = self.view
        return view.find(check_delete(ids, view.rules).ids)

    def payloads(self, numbers: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Payloads of document numbers, as dicts; `columns` None: all. ParameterError for an unknown column, or for a
        number that no document has, such as -1."""
        current().check()  # of a batch, this can take longer than all searches
        return self.view.documents.payloads(numbers, columns)

    def vectors(self, numbers: npt.ArrayLike) -> SparseVectors:
        """The stored vectors of document numbers [n], in their order; values as 16 bits hold them. ParameterError for a
        number that no document has."""
        current().check()
        view, wanted = self.view, np.asarray(numbers, np.int64)
        check_numbers(wanted.min(initial=0), wanted.max(initial=-1), view.documents.count)
        return view.vectors(wanted)

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """int64 [dimension]: how many documents have each component."""
        return self.view.document_frequency

    def pseudo_queries(self, count: int, seed: int = 0) -> SparseVectors:
        """Queries made of random documents, for measuring where no real ones are at hand."""
        view = self.view
        return pseudo_queries(view.shards, view.manifest.dimension, count, seed)

    def warm_up(self, *, changes: bool = False) -> None:
        """Compile or load the kernels of every plan, and of whatever a request may ask for besides, so that the first
        query is as fast as the next; `changes`: those that take in changes, too."""
        query = Query(np.zeros(min(1, self.dimension), np.uint32), np.ones(min(1, self.dimension), np.float32))
        plans = [SearchParams(plan="exact"), SearchParams(plan="exact", heap_factor=2)]  # the latter bounds blocks
        if self.manifest.layout == "lists":
            plans.append(SearchParams(plan="blocks"))
        views = (self.view, self.view.with_trial_changes()) if changes or not self.view.live else (self.view,)
        for view in views:
            warm_up_extras(view, self._responder.executor, query, view.planner.choose(1, params=plans[0]))
            for params in plans:
                for k in {min(view.live, 1), min(view.live, depth_to_accumulate(max(map(len, view.shards))))}:
                    choice = view.planner.choose(max(k, 1), params=params)
                    self._responder.executor.run(view, everything(view), as_rows([query]), k, choice)

    def close(self) -> None:
        """Let go of the files; the index cannot be searched any more."""
        self._current, self._responder = None, Responder()

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


def open_index(path: str | Path, *, verify: Verify = "none") -> Index:
    """Open a collection by memory map, with all changes so far; its files are read as searches touch them.

    Sizes and whatever keeps kernels inside their arrays are always checked; `verify` says whether the hashes of all
    bytes (`full`), of a sample drawn anew each time (`sample`) or of none are, too. As long as the index is open, no
    writer removes its files. Raises IndexNotFoundError, FormatError, CorruptIndexError or ParameterError.
    """
    check_verify(verify)
    return Index(open_view(Path(path), verify))
