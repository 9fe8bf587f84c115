"""Answer requests. Tasks that can share a search run as one batch of a kernel."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.encoders.reranker import Reranker
from seismic.errors import FilterError, InputError, QueryError
from seismic.filters.filters import Filters
from seismic.filters.language import FilterLike
from seismic.layouts import LAYOUTS
from seismic.params import SearchParams
from seismic.planner import Choice
from seismic.query import NO_QUERY, Query, QueryLike, as_rows, parse_plain
from seismic.search.answer import Answer, Facet, Group, both_scores, warnings_of
from seismic.search.browse import Browser
from seismic.search.codes import Columns, check_key
from seismic.search.examples import resolve_query
from seismic.search.execute import BatchResult, Executor, SearchStats
from seismic.search.explain import Explanation, contributions, explain
from seismic.search.facets import Counts, count_facets
from seismic.search.feedback import expand_query
from seismic.search.fusion import RRF_DEPTH, fuse, fuse_runs
from seismic.search.grouping import Ranked, best_groups
from seismic.search.hits import MAKE_HIT, Hits
from seismic.search.orders import order_of
from seismic.search.request import FacetBy, SearchRequest
from seismic.search.rerank import check_rerank, rerank
from seismic.search.simple import is_simple, simple_answer, simple_hits
from seismic.search.snippets import check_snippets, with_snippets
from seismic.search.task import Counters, Result, Task, no_work
from seismic.search.why import Case, Facts, WhyNot, check_ids, why_not
from seismic.search.within import document_frequency, resolve_within
from seismic.stop import time_limit
from seismic.view.scope import Scope
from seismic.view.view import View


class Responder:
    """Answers requests, and holds what the searches of an index share. Safe to use from many threads."""

    def __init__(self) -> None:
        self.executor, self.filters, self._columns = Executor(), Filters(), Columns()
        self.browser = Browser()

    def respond(
        self, view: View, requests: Sequence[SearchRequest], threads: int = 1, reranker: Reranker | None = None
    ) -> list[Answer]:
        """Answer requests over one view, in their order, within the shortest of their `timeout_ms`.

        `reranker` is for requests with `rerank` and without scores of their own.
        Raises QueryError, ParameterError or FilterError, which name the request if there are several, and StoppedError.
        """
        if len(requests) == 1 and is_simple(requests[0]):
            (request,) = requests
            if answer := simple_answer(self.executor, view, request, request.query):
                return [answer]
        timeouts = [request.params.timeout_ms for request in requests if request.params.timeout_ms is not None]
        with time_limit(min(timeouts, default=None)):
            tasks = self._with_feedback(view, self._tasks(view, requests, reranker))
            results = self._results(view, tasks, threads, reranker)
            pages = [_page(task, result) for task, result in zip(tasks, results, strict=True)]
            hits = _hits(view, tasks, pages)
            return [self._answer(view, *answered) for answered in zip(tasks, results, hits, strict=True)]

    def respond_with(self, view: View, request: SearchRequest, query: QueryLike | Query) -> Answer:
        """Answer one request with `query` instead of its own. Raises like `respond`."""
        if is_simple(request) and (answer := simple_answer(self.executor, view, request, query)):
            return answer
        return self.respond(view, [request.model_copy(update={"query": query})])[0]

    def search(self, view: View, query: QueryLike, k: int, params: SearchParams) -> Hits:
        """Return the hits that `respond` finds for a query without other options, at a fraction of its overhead."""
        hits = simple_hits(self.executor, view, query, k, params)
        return (
            self.respond(view, [SearchRequest(query=query, limit=k, params=params)])[0].hits if hits is None else hits
        )

    def why_not(
        self,
        view: View,
        query: QueryLike,
        ids: Sequence[Any],
        filter: FilterLike | None,
        k: int,
        score_threshold: float,
    ) -> list[WhyNot]:
        """Say of each id why it is or is not among the k best documents."""
        scope, parsed = self.filters.scope(view, filter), resolve_query(view, query)
        if parsed.runs:
            raise QueryError("fusion: found 'rrf', whose scores are ranks; ask why with 'sum'")
        listed = check_ids(view, ids)
        return why_not(
            self._facts(view, Case(view, parsed, scope, k, score_threshold, self.filters, filter), listed), listed
        )

    def _facts(self, view: View, case: Case, ids: Sequence[Any]) -> Facts:  # noqa: ARG002 (parts need them)
        """Return what the reasons of documents are made of."""
        return case

    def _tasks(self, view: View, requests: Sequence[SearchRequest], reranker: Reranker | None) -> list[Task]:
        every, tasks = view.everything, []
        for at, (request, query) in enumerate(zip(requests, _plain_queries(view, requests), strict=True)):
            try:
                scope = every if request.filter is None else self.filters.scope(view, request.filter)
                if request.idf_filter is not None:
                    within = self._idf_scope(view, request.idf_filter)
                    query = resolve_within(view, within, request.query, self._count_documents)
                if request.rerank is not None:
                    check_rerank(view, request, reranker)
                if request.snippet is not None:
                    check_snippets(view, request.snippet)
                tasks.append(_task(view, scope, request, query))
            except InputError as error:
                raise error if len(requests) == 1 else _located(error, f"searches[{at}]") from None
        return tasks

    def _idf_scope(self, view: View, wanted: FilterLike) -> Scope:
        try:
            return self.filters.scope(view, wanted)
        except FilterError as error:
            raise FilterError(error.problem, f"idf_{error.path}") from None

    def _with_feedback(self, view: View, tasks: list[Task]) -> list[Task]:
        """Expand the queries of the tasks that ask for feedback by what a first search finds."""
        asking = [at for at, task in enumerate(tasks) if task.request.feedback and task.depth]
        first = [_feedback_task(view, tasks[at]) for at in asking]
        for at, result in zip(asking, self._search(view, first), strict=True):
            task = tasks[at]
            assert task.request.feedback is not None
            query = expand_query(view, task.query, result.numbers, result.scores, task.request.feedback)
            tasks[at] = task._replace(query=query, spent=result.counters)
        return tasks

    def _results(
        self, view: View, tasks: Sequence[Task], threads: int, reranker: Reranker | None
    ) -> list[Result | None]:
        """Search each task, except those that ask for groups, and fuse and rerank where that is asked for."""
        results = iter(self._search(view, [task for task in tasks if _is_plain(task)], threads))
        found = [next(results) if _is_plain(task) else self._other(view, task, threads) for task in tasks]
        for at, (task, result) in enumerate(zip(tasks, found, strict=True)):
            if result and task.request.fusion:
                found[at] = result = fuse(view, task, result)
            if result and task.request.rerank:
                found[at] = rerank(view, task, result, reranker)
        return found

    def _other(self, view: View, task: Task, threads: int) -> Result | None:
        """Return the result of a task that is not one search; None for groups."""
        return self._fused(view, task, threads) if task.query.runs else self._browsed(view, task)

    def _fused(self, view: View, task: Task, threads: int) -> Result:
        """Search the fields of a query apart, and fuse their hits by rank."""
        depth = max(RRF_DEPTH, task.depth) if task.depth else 0
        choice = _choice(view, task.request, depth)
        parts = [task._replace(query=part, choice=choice, depth=depth, min_score=0.0) for part, _ in task.query.runs]
        return fuse_runs(task, self._search(view, parts, threads))

    def _browsed(self, view: View, task: Task) -> Result | None:
        """Return the documents of a task without a query, each with score 0; None for groups."""
        if task.request.group_by:
            return None
        numbers: list[int] = []
        if task.depth:
            numbers, _ = self.browser.page(view, task.scope, task.depth, task.request.order_by)
        return Result(np.array(numbers, np.int64), np.zeros(len(numbers), np.float32), None, no_work())

    def _search(self, view: View, tasks: Sequence[Task], threads: int = 1) -> list[Result]:
        """Find the hits of each task. Tasks of the same scope, depth and choice are searched together."""
        if len(tasks) == 1:
            (task,) = tasks
            result = self._find(view, task.scope, task.query, task.depth, task.choice, task.min_score)
            return [result._replace(counters=task.spent + result.counters)]
        alike: dict[tuple[tuple[int, ...], int, Choice], list[int]] = {}
        for at, task in enumerate(tasks):  # equal filters share the parts of their scope
            alike.setdefault((tuple(map(id, task.scope.parts)), task.depth, task.choice), []).append(at)
        results: dict[int, Result] = {}
        for (_, depth, choice), places in alike.items():
            group = [tasks[at] for at in places]
            scope, min_scores = group[0].scope, np.array([task.min_score for task in group])
            queries, k = as_rows([task.query for task in group]), min(depth, scope.count)
            found = self.executor.run(view, scope, queries, k, choice, _rounded_down(min_scores), threads)
            sizes = ((found.numbers >= 0) & (found.scores >= min_scores[:, None])).sum(axis=1).tolist()
            for row, (at, size) in enumerate(zip(places, sizes, strict=True)):
                result = _result(found, row, size, depth, tasks[at].query)
                results[at] = result._replace(counters=tasks[at].spent + result.counters)
        return [results[at] for at in range(len(tasks))]

    def _find(
        self, view: View, scope: Scope, query: Query, depth: int, choice: Choice, min_score: float = 0.0
    ) -> Result:
        """Find the hits of one query."""
        k, least = min(depth, scope.count), None
        if min_score:
            least = _rounded_down(np.array([min_score]))
        found = self.executor.run(view, scope, as_rows([query]), k, choice, least)
        size = k
        if k and (min_score or found.numbers[0, -1] < 0):  # the latter is padding
            size = int(np.count_nonzero((found.numbers[0] >= 0) & (found.scores[0] >= np.float64(min_score))))
        return _result(found, 0, size, depth, query)

    def _answer(self, view: View, task: Task, result: Result | None, hits: Hits) -> Answer:
        groups = None
        if result is None:
            groups, counters = self._groups(view, task)
            result = Result(np.empty(0, np.int64), np.empty(0, np.float32), None, counters)
        request, stats = task.request, SearchStats(*result.counters.tolist())
        return Answer(
            hits,
            task.choice.plan,
            stats,
            task.query.unknown,
            task.choice.profile,
            None if request.filter is None else task.scope.count,
            (*result.warnings, *warnings_of(task, result)),
            groups,
            self._facets(view, task) if request.facets else None,
            self._explain(view, task, result, stats) if request.explain else None,
            request.query is None or (task.choice.exact and not LAYOUTS[view.manifest.layout].lossy),
            reranked=None if result.reranked is None else both_scores(request, result.reranked),
        )

    def _count_documents(self, view: View, scope: Scope, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        return document_frequency(view, scope, components)

    def _explain(self, view: View, task: Task, result: Result, stats: SearchStats) -> Explanation:
        return explain(view, task, result, stats)

    def _groups(self, view: View, task: Task) -> tuple[list[Group], Counters]:
        """Return the groups of a task, and the work of all searches for them."""
        groups, counters = self._best_groups(view, task)
        pages = [([number for number, _ in ranked], [score for _, score in ranked]) for _, ranked in groups]
        hits = _hits(view, [task] * len(groups), pages)
        return [Group(value, found) for (value, _), found in zip(groups, hits, strict=True)], counters

    def _best_groups(self, view: View, task: Task) -> tuple[list[tuple[Any, Ranked]], Counters]:
        assert task.request.group_by is not None
        counters = task.spent.copy()

        def search(scope: Scope, k: int) -> Ranked:
            one = task._replace(scope=scope, depth=k + len(task.query.examples), spent=no_work())
            (result,) = self._search(view, [one])
            counters[:] += result.counters
            return list(zip(result.numbers[:k].tolist(), result.scores[:k].tolist(), strict=True))

        return best_groups(view, self._columns, task.scope, task.request.group_by, search), counters

    def _facets(self, view: View, task: Task) -> dict[str, list[Facet]]:
        assert task.request.facets is not None
        query = None if task.request.query is None else task.asked
        counts = self._count_values(view, task.scope, query, task.request.facets)
        return {key: [Facet(*entry) for entry in entries] for key, entries in counts.items()}

    def _count_values(
        self, view: View, scope: Scope, query: Query | None, facets: Sequence[FacetBy]
    ) -> dict[str, Counts]:
        return count_facets(view, self._columns, scope, query, facets)


def _plain_queries(view: View, requests: Sequence[SearchRequest]) -> list[Query | None]:
    """Parse the plain queries of many requests together; for a single one there is nothing to gain."""
    if len(requests) == 1 or view.fields:
        return [None] * len(requests)
    return parse_plain([request.query for request in requests], view.dimension)


def _task(view: View, scope: Scope, request: SearchRequest, query: Query | None) -> Task:
    if request.group_by:
        check_key(view, request.group_by.key, "group_by.key", lists=False)
    for at, facet in enumerate(request.facets or []):
        check_key(view, facet.key, f"facets[{at}].key", lists=True)
    if request.order_by is not None:
        order_of(view, request.order_by)
    query = query or (NO_QUERY if request.query is None else resolve_query(view, request.query))
    if query.runs:
        _check_alone(request)
    depth = request.depth + len(query.examples) if request.depth else 0
    min_score = 0.0 if request.fusion else request.score_threshold or 0.0  # fused scores have a threshold of their own
    return Task(request, query, query, scope, _choice(view, request, depth), depth, min_score, no_work())


def _check_alone(request: SearchRequest) -> None:
    """Raise QueryError for what needs the scores of one search."""
    for name in ("feedback", "fusion", "group_by"):
        if getattr(request, name) is not None:
            raise QueryError(f"{name}: found next to the fusion 'rrf' of fields, expected their fusion 'sum'")


def _is_plain(task: Task) -> bool:
    """Return whether a task is one search."""
    return task.request.query is not None and not task.request.group_by and not task.query.runs


def _feedback_task(view: View, task: Task) -> Task:
    assert task.request.feedback is not None
    depth = task.request.feedback.documents + len(task.query.examples)
    return task._replace(depth=depth, choice=_choice(view, task.request, depth), min_score=0.0)


def _choice(view: View, request: SearchRequest, depth: int) -> Choice:
    choice = view.planner.choose(max(1, depth), request.params)
    return choice.under_filter() if request.narrow else choice


def _result(found: BatchResult, row: int, size: int, depth: int, query: Query) -> Result:
    numbers, scores = found.numbers[row, :size], found.scores[row, :size]
    kth = float(scores[-1]) if size == depth > 0 else None
    if query.examples:
        hits = ~np.isin(numbers, query.examples)
        numbers, scores = numbers[hits], scores[hits]
    return Result(numbers, scores, kth, found.counters[row])


def _located(error: InputError, where: str) -> InputError:
    if isinstance(error, FilterError):
        return FilterError(error.problem, f"{where}.{error.path}")
    return type(error)(f"{where}: {error}")


def _rounded_down(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the largest float32 values that are not above."""
    if not scores.any():
        return np.zeros(len(scores), np.float32)
    with np.errstate(over="ignore"):
        single = scores.astype(np.float32)
    return np.where(single > scores, np.nextafter(single, np.float32(0)), single)


def _page(task: Task, result: Result | None) -> tuple[list[int], list[float]]:
    """Return the document numbers and scores of the page that was asked for; none for groups."""
    if result is None:
        return [], []
    page = slice(task.request.offset, task.request.end)
    return result.numbers[page].tolist(), result.scores[page].tolist()


def _hits(view: View, tasks: Sequence[Task], pages: Sequence[tuple[list[int], list[float]]]) -> list[Hits]:
    """Return the hits of each page. The ids of all pages are looked up together."""
    ids, hits = iter(view.documents.ids([number for numbers, _ in pages for number in numbers])), []
    for task, (numbers, scores) in zip(tasks, pages, strict=True):
        explained: Iterable[Any] = itertools.repeat(None)
        if task.request.explain:
            explained = contributions(view, task.query, numbers)
        fields = zip(itertools.islice(ids, len(numbers)), scores, numbers, explained, strict=False)
        found = Hits(map(MAKE_HIT, fields))
        if task.request.snippet is not None:
            found = with_snippets(view, task.query, found, task.request.snippet)
        hits.append(found)
    return hits
