"""Answer requests through the parts of a cluster, as `Index` answers them from its own shards."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.cluster.errors import PartUnavailableError
from seismic.cluster.front import MISSING, FrontView, shards_of
from seismic.cluster.join import join_groups, join_inspections, join_values
from seismic.cluster.remote import RemoteBrowser, RemoteExecutor, RemoteFilters, arrays_of, choice_list, remote
from seismic.cluster.why import RemoteCase
from seismic.cluster.wire import Message
from seismic.documents.values import to_python
from seismic.encoders import Reranker
from seismic.params import SearchParams
from seismic.query import Query, QueryLike
from seismic.search.answer import Answer
from seismic.search.execute import SearchStats
from seismic.search.explain import Explanation, explained
from seismic.search.facets import Counts, most_frequent
from seismic.search.grouping import Ranked
from seismic.search.hits import Hits
from seismic.search.request import FacetBy, SearchRequest
from seismic.search.respond import Responder
from seismic.search.simple import simple_hits
from seismic.search.task import Counters, Result, Task
from seismic.search.why import Case, Facts
from seismic.view.scope import Scope
from seismic.view.view import View


class ClusterResponder(Responder):
    """Answers requests by asking parts. Safe to use from many threads."""

    def __init__(self) -> None:
        super().__init__()
        self.executor, self.filters, self.browser = RemoteExecutor(), RemoteFilters(), RemoteBrowser()

    def respond(
        self, view: View, requests: Sequence[SearchRequest], threads: int = 1, reranker: Reranker | None = None
    ) -> list[Answer]:
        """Answer requests over one view. If the cluster allows it, answers may lack parts, and say so."""
        assert isinstance(view, FrontView)
        missing: set[int] = set()
        token = MISSING.set(missing)
        try:
            answers = super().respond(view, requests, threads, reranker)
        finally:
            MISSING.reset(token)
        if not missing:
            return answers
        if len(missing) == len(view.fan.specs):
            raise PartUnavailableError("no part of the collection answers; start its nodes")
        shards = shards_of(view.manifest, view.fan.specs, missing)
        names = ", ".join(str(view.fan.specs[at]) for at in sorted(missing))
        warning = f"the answer is partial: part {names} of the collection does not answer ({shards} shards)"
        return [
            answer._replace(warnings=(*answer.warnings, warning), exact=False, shards_missing=shards)
            for answer in answers
        ]

    def respond_with(self, view: View, request: SearchRequest, query: QueryLike | Query) -> Answer:
        """Answer one request with `query` instead of its own, as `respond` does."""
        return self.respond(view, [request.model_copy(update={"query": query})])[0]

    def search(self, view: View, query: QueryLike, k: int, params: SearchParams) -> Hits:
        """Return the hits for a query, of all parts: hits alone cannot say that some are missing."""
        hits = simple_hits(self.executor, view, query, k, params)
        if hits is not None:
            return hits
        return super().respond(view, [SearchRequest(query=query, limit=k, params=params)])[0].hits

    def _facts(self, view: View, case: Case, ids: Sequence[Any]) -> Facts:
        front, scope = remote(view, case.scope)
        return RemoteCase(front, scope, case, ids)

    def _best_groups(self, view: View, task: Task) -> tuple[list[tuple[Any, Ranked]], Counters]:
        front, scope = remote(view, task.scope)
        by = task.request.group_by
        assert by is not None
        head = {"filter": scope.filter, "choice": choice_list(task.choice), "by": by.model_dump()}
        message = Message({**head, "min_score": task.min_score}, arrays_of(task.query))
        first = front.ask_all("groups", message)
        joined = join_groups(first, by)
        counters = task.spent + sum(answer.arrays["counters"] for answer in first.values())
        if by.size > 1 and (wanted := joined.missing()):
            values = {
                at: {"values": pa.table({"value": pa.array(listed, listed[0].type)})} for at, listed in wanted.items()
            }
            more = front.ask("groups", {at: message._replace(tables=table) for at, table in values.items()})
            for at, answer in more.items():
                joined.add(wanted[at], answer)
                counters = counters + answer.arrays["counters"]
        return [(to_python(value), ranked) for value, ranked in joined.best()], counters

    def _count_values(
        self, view: View, scope: Scope, query: Query | None, facets: Sequence[FacetBy]
    ) -> dict[str, Counts]:
        front, within = remote(view, scope)
        head = {"filter": within.filter, "keys": [facet.key for facet in facets]}
        answers = front.ask_all("facets", Message(head, {} if query is None else arrays_of(query)))
        return {
            facet.key: most_frequent(*join_values(list(answers.values()), str(at)), facet)
            for at, facet in enumerate(facets)
        }

    def _count_documents(self, view: View, scope: Scope, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        front, within = remote(view, scope)
        message = Message({"filter": within.filter}, {"components": components})
        answers = front.ask_all("frequency", message)
        counts: npt.NDArray[np.int64] = np.sum([answer.arrays["counts"] for answer in answers.values()], axis=0)
        return counts

    def _explain(self, view: View, task: Task, result: Result, stats: SearchStats) -> Explanation:
        front, scope = remote(view, task.scope)
        score = task.min_score if result.kth is None else result.kth
        head = {"filter": scope.filter, "choice": choice_list(task.choice)}
        message = Message({**head, "k": min(task.depth, scope.count), "score": score}, arrays_of(task.query))
        answers = front.ask_all("inspect", message)
        return explained(view, task, result, stats, join_inspections(answers, front.fan.specs))
