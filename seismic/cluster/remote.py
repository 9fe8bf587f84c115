"""What a search does with shards, asked of the parts that have them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from seismic.cluster.errors import WireError
from seismic.cluster.front import FrontView, RemoteScope
from seismic.cluster.wire import Message
from seismic.conversion.numbers import as_plain
from seismic.filters.filters import Filters
from seismic.filters.language import FilterLike
from seismic.filters.scalars import as_json
from seismic.planner import Choice
from seismic.query import Query, as_rows
from seismic.search.browse import Browsed, Browser, encode_cursor, start_of
from seismic.search.execute import Arrays, BatchResult, Executor, expected_depth, merge, too_shallow
from seismic.search.orders import from_json_value, ids_in_order, numeric_key
from seismic.search.request import OrderBy
from seismic.vectors import SparseVectors
from seismic.view.scope import Scope
from seismic.view.view import View

MOST_IDS = 1 << 10
"""Most hits of a part that come with their ids."""


def remote(view: View, scope: Scope) -> tuple[FrontView, RemoteScope]:
    """Return a front's view and scope as what they are."""
    assert isinstance(view, FrontView)
    assert isinstance(scope, RemoteScope)
    return view, scope


def query_arrays(queries: SparseVectors) -> dict[str, npt.NDArray[Any]]:
    """Return queries as the arrays of a message."""
    components = queries.components.astype(np.uint32)
    return {"indptr": queries.indptr.astype(np.int64), "components": components, "values": queries.values}


def arrays_of(query: Query) -> dict[str, npt.NDArray[Any]]:
    """Return a query and its examples as the arrays of a message."""
    return query_arrays(as_rows([query])) | {"examples": np.array(query.examples, np.int64)}


def choice_list(choice: Choice) -> list[Any]:
    """Return a plan and its knobs as the list of a message."""
    return [choice.plan, choice.query_cut, choice.heap_factor, choice.bound_share]


class RemoteFilters(Filters):
    """Evaluates filters in the parts. They are checked here, so errors are the same."""

    def scope(self, view: View, wanted: FilterLike | None) -> Scope:
        """Return the scope of the documents that match a filter (None: all). Raises FilterError."""
        assert isinstance(view, FrontView)
        if wanted is None:
            return view.everything
        self._predicate(view, wanted)
        filter = plain_filter(wanted)
        answers = view.ask_all("count", Message({"filter": filter}))
        return view.scope_of({at: answer.head["count"] for at, answer in answers.items()}, filter)


def plain_filter(wanted: FilterLike) -> Any:
    """Return a filter as JSON."""
    if isinstance(wanted, BaseModel):
        return wanted.model_dump(mode="json", exclude_none=True, by_alias=True)
    return _plain(as_plain(wanted))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True, by_alias=True)
    return as_json(value)


class RemoteExecutor(Executor):
    """Runs queries in the parts and merges their hits.

    A part is asked first for the hits that it is expected to have among the k best, and again for k where its last one
    still reaches the k-th score: on shuffled documents few queries ask twice, and the answer is exact on any.
    """

    def run(
        self,
        view: View,
        scope: Scope,
        queries: SparseVectors,
        k: int,
        choice: Choice,
        min_scores: npt.NDArray[np.float32] | None = None,
        threads: int = 1,  # noqa: ARG002 (nodes have their own)
    ) -> BatchResult:
        """Find the k best documents of a scope for each query; fewer if a part is missing."""
        front, within = remote(view, scope)
        counters = np.zeros((len(queries), 4), np.int64)
        parts = {at: part.count for at, part in enumerate(within.parts) if part.count}
        if k == 0 or not parts or len(queries) == 0:
            return BatchResult(*_joined([], len(queries), k), counters)
        search = _Search(front, within, queries, choice, counters)
        deep = len(parts) == 1 or choice.prunes or choice.plan != "exact"  # their hits depend on the depth
        depths = {at: min(k, count) if deep else expected_depth(k, count, scope.count) for at, count in parts.items()}
        found = search.ask(depths, None, min_scores)
        best = _joined(list(found.values()), len(queries), k)
        shallow = {at: scores for at, (_, scores) in found.items() if scores.shape[1] < min(k, parts[at])}
        again = {at: rows for at, scores in shallow.items() if len(rows := too_shallow(scores[:, -1], best[1][:, -1]))}
        if again:
            limits = {at: min(k, parts[at]) for at in again}
            for at, (numbers, scores) in search.ask(limits, again, best[1][:, -1]).items():
                found[at] = _deepened(found[at], again[at], numbers, scores)
            best = _joined(list(found.values()), len(queries), k)
        return BatchResult(*best, counters)

    def single(self, view: View, k: int, choice: Choice) -> None:
        """Return None: nodes search the shards."""


class _Search:
    """A batch of queries on its way through the parts; their work is added to ``counters``."""

    def __init__(
        self, view: FrontView, scope: RemoteScope, queries: SparseVectors, choice: Choice, counters: npt.NDArray[Any]
    ) -> None:
        self._view, self._queries, self._counters = view, queries, counters
        self._head = {"choice": choice_list(choice)} | ({} if scope.filter is None else {"filter": scope.filter})

    def ask(
        self,
        depths: Mapping[int, int],
        rows: Mapping[int, npt.NDArray[np.uint32]] | None,
        least: npt.NDArray[np.float32] | None,
    ) -> dict[int, Arrays]:
        """Search parts, each to its depth and for the queries `rows`; None: all queries."""
        whole = self._arrays(None, least) if rows is None else {}
        messages = {}
        for at, depth in depths.items():
            arrays = whole if rows is None else self._arrays(rows[at], least)
            with_ids = depth * (len(arrays["indptr"]) - 1) <= MOST_IDS
            messages[at] = Message({**self._head, "k": depth, "with_ids": with_ids}, arrays)
        results = {}
        for at, answer in self._view.ask("search", messages).items():
            here = slice(None) if rows is None else rows[at]
            self._counters[here] += answer.arrays["counters"]
            results[at] = hits = _hits_of(answer, len(self._queries) if rows is None else len(rows[at]))
            if "ids" in answer.head:
                self._view.known_ids.add(hits[0], answer.head["ids"])
        return results

    def _arrays(
        self, rows: npt.NDArray[np.uint32] | None, least: npt.NDArray[np.float32] | None
    ) -> dict[str, npt.NDArray[Any]]:
        """Return some queries and the scores that their hits must reach as the arrays of a message."""
        arrays = query_arrays(self._queries if rows is None else _rows_of(self._queries, rows))
        return arrays if least is None else {**arrays, "min_scores": least if rows is None else least[rows]}


def _rows_of(queries: SparseVectors, rows: npt.NDArray[np.uint32]) -> SparseVectors:
    if len(rows) == len(queries):
        return queries
    return SparseVectors.concatenate([queries.slice(row, row + 1) for row in rows.tolist()])


def _hits_of(answer: Message, queries: int) -> Arrays:
    """Return the hits of a part. Raises WireError unless they are arrays that kernels can read."""
    numbers, scores = answer.arrays.get("numbers"), answer.arrays.get("scores")
    if numbers is None or scores is None or numbers.dtype != np.int64 or scores.dtype != np.float32:
        raise WireError("found no hits in an answer")
    if numbers.ndim != 2 or numbers.shape != scores.shape or len(numbers) != queries:
        raise WireError(f"found hits of the shape {list(numbers.shape)}, expected those of {queries} queries")
    return numbers, scores


def _joined(results: Sequence[Arrays], queries: int, k: int) -> Arrays:
    """Return the k best hits of all parts, padded if there are fewer."""
    numbers, scores = (
        merge(results, k) if results else (np.zeros((queries, 0), np.int64), np.zeros((queries, 0), np.float32))
    )
    if missing := k - numbers.shape[1]:
        padding = ((0, 0), (0, missing))
        return np.pad(numbers, padding, constant_values=-1), np.pad(scores, padding)
    return numbers, scores


def _deepened(
    before: Arrays, rows: npt.NDArray[np.uint32], numbers: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]
) -> Arrays:
    """Return the hits of a part, those of the queries `rows` replaced by deeper ones."""
    padding = ((0, 0), (0, numbers.shape[1] - before[0].shape[1]))
    all_numbers, all_scores = np.pad(before[0], padding, constant_values=-1), np.pad(before[1], padding)
    all_numbers[rows], all_scores[rows] = numbers, scores
    return all_numbers, all_scores


class RemoteBrowser(Browser):
    """Merges pages of the parts."""

    def page(
        self, view: View, scope: Scope, limit: int, by: OrderBy | None = None, cursor: str | None = None
    ) -> Browsed:
        """Return the first `limit` documents of a scope in an order, or the first ones after a cursor."""
        front, within = remote(view, scope)
        order_by, order, _ = start_of(view, by, cursor)
        limit = min(limit, front.documents_in_all)
        head = {"filter": within.filter, "by": order_by.model_dump(), "cursor": cursor, "limit": limit + 1}
        found: list[tuple[Any, Any, Any, int]] = []
        for answer in front.ask_all("page", Message(head)).values():
            for given, id, number in answer.head["places"]:
                value = from_json_value(given, order.kind)
                found.append((order.place(value, id), value, id, number))
        found.sort(key=lambda one: one[0])
        page = [number for *_, number in found[:limit]]
        if len(found) <= limit:
            return Browsed(page, None)
        _, value, id, _ = found[limit - 1]
        return Browsed(page, encode_cursor(order_by, value, id))

    def page_of_ids(self, view: View, scope: Scope, limit: int, start: Any = None) -> tuple[list[int], Any]:
        """Return the first `limit` documents of a scope from an id on, and the id after them; None if there is none."""
        front, within = remote(view, scope)
        order = ids_in_order(view)
        limit = min(limit, front.documents_in_all)
        message = Message({"filter": within.filter, "limit": limit + 1, "start": start})
        places = [
            (order.place(numeric_key(id) if order.numeric else id, id), number)
            for answer in front.ask_all("page_of_ids", message).values()
            for id, number in answer.head["places"]
        ]
        places.sort()
        following = places[limit][0][2] if len(places) > limit else None
        return [number for _, number in places[:limit]], following
