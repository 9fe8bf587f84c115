"""A part: some shards of a generation, and what a front asks of them.

Each verb is a method that takes a `State` and a `Message` and returns a `Message`. Document numbers in messages are
those of the whole collection.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.changes.records import check_delete
from seismic.cluster.asked import (
    MOST_HITS,
    State,
    array_in,
    choice_of,
    count_in,
    generation_of,
    list_in,
    model_in,
    number_in,
    queries_of,
    query_of,
)
from seismic.cluster.part_why import facts_of, ranks_of
from seismic.cluster.sources import Source
from seismic.cluster.spec import PartSpec
from seismic.cluster.states import Generations
from seismic.cluster.wire import Message
from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError
from seismic.filters.filters import Filters
from seismic.params import Verify
from seismic.planner import Choice
from seismic.query import Query
from seismic.search.browse import Browser
from seismic.search.codes import Columns
from seismic.search.execute import BatchResult, Executor
from seismic.search.explain import inspect
from seismic.search.facets import count_matches, count_values, matched_documents
from seismic.search.grouping import Ranked, Search, group_hits, ranked_groups
from seismic.search.orders import to_json_value
from seismic.search.request import GroupBy, OrderBy
from seismic.search.simple import MOST_DEPTHS
from seismic.search.task import no_work
from seismic.search.warm import warm_up
from seismic.search.within import document_frequency
from seismic.vectors import SparseVectors
from seismic.view.scope import Scope
from seismic.view.view import View

I64s = npt.NDArray[np.int64]
F32s = npt.NDArray[np.float32]


class PartHost:
    """Answers what fronts ask of a part. Safe to use from many threads."""

    def __init__(self, collection: Path, spec: PartSpec, verify: Verify = "none", source: Source | None = None) -> None:
        self.spec = spec
        self.generations = Generations(collection, spec, verify, source)
        self._executor, self._filters, self._columns, self._browser = Executor(), Filters(), Columns(), Browser()

    def prepare(self, generation: str, fingerprint: str | None = None) -> None:
        """Open a generation beside those in use, read the log, and compile the kernels of its searches.

        Raises BehindError.
        """
        view = self.generations.prepare(generation, fingerprint).newest()
        if view.shards:
            warm_up(view, self._executor)

    def status(self) -> dict[str, Any]:
        """Return the open generations, with the last sequence, shards, documents and bytes of each."""
        return {name: history.status() for name, history in self.generations.items()}

    def answer(self, message: Message) -> Message:
        """Answer a request at the generation and sequence that it names. Raises SeismicError."""
        verb, head = VERBS.get(str(message.head.get("verb"))), message.head
        if verb is None:
            raise ParameterError(f"verb: found {head.get('verb')!r}, expected one of {', '.join(VERBS)}")
        history = self.generations.wanted(*generation_of(message))
        sequence = head.get("sequence")
        if type(sequence) is not int:
            raise ParameterError(f"sequence: found {sequence!r}, expected an integer")
        return verb(self, State(history.at(sequence), history), message)

    def statistics(self, state: State, _: Message) -> Message:
        """Return the numbers of documents that are live, in delta shards, and that compaction would move or remove."""
        view = state.view
        deltas = sum(map(len, view.deltas))
        shards = state.history.manifest.shards[self.spec.shards(len(state.history.manifest.shards))]
        counts = {"live": view.live, "deltas": deltas, "changed": view.changed, "shards": len(shards)}
        return Message({**counts, "fields": view.field_documents})

    def count(self, state: State, message: Message) -> Message:
        """Return the number of documents in a scope."""
        return Message({"count": self._scope(state, message).count})

    def search(self, state: State, message: Message) -> Message:
        """Return the k best documents of a scope for each query."""
        scope, queries, choice = self._scope(state, message), queries_of(state, message), choice_of(message)
        k = min(count_in(message, "k"), scope.count)
        if k * len(queries) > MOST_HITS:
            raise ParameterError(f"k: found {k} hits of {len(queries)} queries, expected at most {MOST_HITS} together")
        least = array_in(message, "min_scores", np.float32) if "min_scores" in message.arrays else None
        found = self._found(state.view, scope, queries, k, choice, least)
        numbers, counters = state.outer(found.numbers), found.counters
        arrays: dict[str, npt.NDArray[Any]] = {"numbers": numbers, "scores": found.scores, "counters": counters}
        with_ids = message.head.get("with_ids") is True
        return Message({"ids": state.view.documents.ids(found.numbers.ravel().tolist())} if with_ids else {}, arrays)

    def _found(
        self, view: View, scope: Scope, queries: SparseVectors, k: int, choice: Choice, least: F32s | None
    ) -> BatchResult:
        """Search as `Executor.run` does; one query of all documents without what batches need, as an index does."""
        if len(queries) != 1 or least is not None or scope is not view.everything:
            return self._executor.run(view, scope, queries, k, choice, least)
        known = view.memo
        if (k, choice) not in known:
            if len(known) >= MOST_DEPTHS:
                known.clear()
            known[k, choice] = self._executor.single(view, k, choice)
        if (single := known[k, choice]) is None:
            return self._executor.run(view, scope, queries, k, choice)
        query = Query(queries.components.astype(np.uint32, copy=False), queries.values)
        numbers, scores, counters = self._executor.run_single(view, single, query)
        return BatchResult(numbers[None], np.array([scores], np.float32), np.array([counters], np.int64))

    def find(self, state: State, message: Message) -> Message:
        """Return the document number of each id, -1 for those that are not live here."""
        ids = check_delete(list_in(message, "ids"), state.view.rules).ids
        return Message({}, {"numbers": state.outer(state.view.find(ids))})

    def contains(self, state: State, message: Message) -> Message:
        """Return whether documents of this part are in a scope."""
        scope = self._scope(state, message)
        return Message({}, {"inside": state.view.contains(scope, state.known(message))})

    def vectors(self, state: State, message: Message) -> Message:
        """Return the stored vectors of documents of this part."""
        found = state.view.vectors(state.known(message))
        return Message({}, {"indptr": found.indptr, "components": found.components, "values": found.values})

    def fetch(self, state: State, message: Message) -> Message:
        """Return the ids and payloads of documents of this part."""
        names, known = list_in(message, "columns"), state.view.rules.schema.names
        if unknown := [name for name in names if name not in known]:
            raise ParameterError(f"columns: found {excerpt(unknown[0])}, expected some of {', '.join(known)}")
        wanted = [name for name in known if name == "id" or name in names]
        return Message({}, {}, {"rows": state.view.rows(state.known(message)).select(wanted)})

    def ids(self, state: State, message: Message) -> Message:
        """Return the ids of documents of this part."""
        return Message({"ids": state.view.documents.ids(state.known(message).tolist())})

    def facets(self, state: State, message: Message) -> Message:
        """Return the values of columns among the documents of a scope that match a query, with their counts."""
        scope, view, counts, tables = self._scope(state, message), state.view, {}, {}
        query = query_of(state, message) if "components" in message.arrays else None
        matched = matched_documents(view, scope, query)
        for at, key in enumerate(list_in(message, "keys") if view.shards else []):
            values, _, totals = count_values(view, self._columns, str(key), matched)
            occurring = np.flatnonzero(totals)
            tables[str(at)] = pa.table({"value": values.take(pa.array(occurring))})
            counts[str(at)] = totals[occurring]
        return Message({}, counts, tables)

    def groups(self, state: State, message: Message) -> Message:
        """Return the best hits of the best groups; with `values`, of those groups instead."""
        by, counters = model_in(GroupBy, message.head.get("by")), no_work()
        scope, search = self._scope(state, message), self._search_of(state, message, counters)
        groups: dict[pa.Scalar, Ranked] = {}
        if not state.view.shards:
            return _groups(state, groups, counters)
        if "values" in message.tables:
            values = list(message.tables["values"]["value"])
            found = group_hits(state.view, self._columns, scope, by, values, search)
            groups = dict(zip(values, found, strict=True))
        else:
            groups = ranked_groups(state.view, self._columns, scope, by, search)
        return _groups(state, groups, counters)

    def page(self, state: State, message: Message) -> Message:
        """Return what cursors hold of the first documents of a page, and their numbers."""
        by, cursor = message.head.get("by"), message.head.get("cursor")
        order, scope = model_in(OrderBy, by) if by else None, self._scope(state, message)
        found = self._browser.places(state.view, scope, count_in(message, "limit"), order, cursor)
        numbers = state.outer(np.array([number for *_, number in found], np.int64)).tolist()
        places = zip(found, numbers, strict=True)
        return Message({"places": [[to_json_value(value), id, number] for (value, id, _), number in places]})

    def page_of_ids(self, state: State, message: Message) -> Message:
        """Return the ids and numbers of the first documents of a scope from an id on, numbers first."""
        scope, start = self._scope(state, message), message.head.get("start")
        if not isinstance(start, str | int | None):
            raise ParameterError(f"start: found {excerpt(start)}, expected an id")
        found, _ = self._browser.page_of_ids(state.view, scope, count_in(message, "limit"), start)
        numbers = state.outer(np.array(found, np.int64)).tolist()
        return Message({"places": list(zip(state.view.documents.ids(found), numbers, strict=True))})

    def matches(self, state: State, message: Message) -> Message:
        """Return the number of documents of a scope that share a component with a query."""
        return Message({"count": count_matches(state.view, self._scope(state, message), query_of(state, message))})

    def inspect(self, state: State, message: Message) -> Message:
        """Return how shards are searched, for explanations."""
        scope, query, score = (
            self._scope(state, message),
            query_of(state, message),
            number_in(message.head.get("score"), "score"),
        )
        found = inspect(state.view, scope, query, choice_of(message), count_in(message, "k"), score)
        works = [[work.documents, work.allowed, work.method] for work in found.works]
        lists = {"blocks": found.blocks, "list_blocks": found.list_blocks}
        base = len(state.view.base)
        return Message({"base": works[:base], "deltas": works[base:], "reaches": found.reaches, **lists})

    def frequency(self, state: State, message: Message) -> Message:
        """Return the number of documents with each component; with `components`, with those in a scope."""
        if "components" not in message.arrays:
            return Message({}, {"counts": state.view.document_frequency})
        components = array_in(message, "components", np.uint32)
        return Message({}, {"counts": document_frequency(state.view, self._scope(state, message), components)})

    def numbers(self, state: State, message: Message) -> Message:
        """Return the numbers of the documents of a scope, ascending."""
        found = state.view.numbers(self._scope(state, message))
        return Message({}, {"numbers": state.outer(found)})

    def why(self, state: State, message: Message) -> Message:
        """Return what is known here of documents, to say why they are or are not among the k best."""
        return facts_of(state, message, self._scope(state, message), self._filters)

    def ranks(self, state: State, message: Message) -> Message:
        """Return how many documents here rank before others, with the filter of a message and without it."""
        return ranks_of(state, message, self._scope(state, message))

    def _scope(self, state: State, message: Message) -> Scope:
        return self._filters.scope(state.view, message.head.get("filter"))

    def _search_of(self, state: State, message: Message, counters: I64s) -> Search:
        """Return the search of groups' hits, which adds its work to `counters`."""
        choice, queries = choice_of(message), queries_of(state, message)
        least = number_in(message.head.get("min_score"), "min_score")
        examples = state.inner(array_in(message, "examples", np.int64))
        rounded = np.nextafter(np.float32(least), np.float32(0)) if least else np.float32(0)

        def search(scope: Scope, k: int) -> Ranked:
            width = min(k + len(examples), scope.count)
            found = self._executor.run(state.view, scope, queries, width, choice, np.array([rounded]))
            counters[:] += found.counters[0]
            numbers, scores = found.numbers[0], found.scores[0]
            hits = (numbers >= 0) & (scores >= np.float64(least)) & ~np.isin(numbers, examples)
            return list(zip(numbers[hits][:k].tolist(), scores[hits][:k].tolist(), strict=True))

        return search


VERBS: dict[str, Callable[[PartHost, State, Message], Message]] = {
    "statistics": PartHost.statistics,
    "count": PartHost.count,
    "search": PartHost.search,
    "find": PartHost.find,
    "contains": PartHost.contains,
    "vectors": PartHost.vectors,
    "fetch": PartHost.fetch,
    "ids": PartHost.ids,
    "facets": PartHost.facets,
    "groups": PartHost.groups,
    "page": PartHost.page,
    "page_of_ids": PartHost.page_of_ids,
    "matches": PartHost.matches,
    "inspect": PartHost.inspect,
    "frequency": PartHost.frequency,
    "numbers": PartHost.numbers,
    "why": PartHost.why,
    "ranks": PartHost.ranks,
}


def _groups(state: State, groups: dict[pa.Scalar, Ranked], counters: I64s) -> Message:
    hits = [hit for ranked in groups.values() for hit in ranked]
    numbers = state.outer(np.array([number for number, _ in hits], np.int64))
    scores = np.array([score for _, score in hits], np.float32)
    arrays: dict[str, npt.NDArray[Any]] = {"numbers": numbers, "scores": scores, "counters": counters}
    tables = {"values": pa.table({"value": pa.array(list(groups))})} if groups else {}
    return Message({"sizes": [len(ranked) for ranked in groups.values()]}, arrays, tables)
