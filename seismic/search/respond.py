"""From requests to answers. Those that can be searched together are, in one call of a kernel."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.errors import FilterError, InputError
from seismic.filters.filters import Filters
from seismic.planner import Choice
from seismic.query import Query, as_rows, parse_plain
from seismic.search.answer import Answer, Facet, Group, Hit, cut_text, few_hits
from seismic.search.codes import Columns, check_key
from seismic.search.examples import Question, resolve_query
from seismic.search.execute import Executor, SearchStats
from seismic.search.explain import contributions, explain
from seismic.search.facets import count_facets
from seismic.search.feedback import widened
from seismic.search.fusion import fuse
from seismic.search.grouping import Found, best_groups
from seismic.search.request import SearchRequest
from seismic.stop import time_limit
from seismic.view.scope import Scope, everything
from seismic.view.view import View


@dataclass(slots=True)
class Task:
    """A request on its way: what it asks, among which documents, how, and how many hits it needs; then what was found,
    best first, and the counters int64 [4] of what that took.

    ``asked``: the query before feedback. ``least``: what a hit of the search scores at least. ``kth``: the score of the
    last hit needed; None if there are fewer.
    """

    request: SearchRequest
    asked: Query
    question: Question
    scope: Scope
    choice: Choice
    depth: int
    least: float
    numbers: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    scores: npt.NDArray[np.floating[Any]] = field(default_factory=lambda: np.empty(0, np.float32))
    kth: float | None = None
    counters: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, np.int64))
    warnings: tuple[str, ...] = ()


_MAKE_HIT: Callable[[Iterable[Any]], Hit] = partial(tuple.__new__, Hit)
"""As `Hit._make`, in a third of the time: there are ten thousand in a batch."""


class Page(NamedTuple):
    """Document numbers and scores that a task answers with, as one list or as one of its groups."""

    task: Task
    numbers: list[int]
    scores: list[float]


class Responder:
    """Answers requests. Holds what searches of an index share. Safe to use from many threads."""

    def __init__(self) -> None:
        self.executor, self.filters, self._columns = Executor(), Filters(), Columns()

    def respond(self, view: View, requests: Sequence[SearchRequest], threads: int = 1) -> list[Answer]:
        """Answers of one view, in the order of the requests, all within the least of their `timeout_ms`. Raises
        QueryError, ParameterError or FilterError, which name the request if there are several, or StoppedError."""
        timeouts = [request.params.timeout_ms for request in requests if request.params.timeout_ms is not None]
        with time_limit(min(timeouts, default=None)):
            every, tasks = everything(view), []
            for at, (request, query) in enumerate(zip(requests, _plain_queries(view, requests), strict=True)):
                try:
                    scope = every if request.filter is None else self.filters.scope(view, request.filter)
                    tasks.append(_task(view, scope, request, query))
                except InputError as error:
                    raise error if len(requests) == 1 else _placed(error, f"searches[{at}]") from None
            self._widen(view, [task for task in tasks if task.request.feedback])
            self._search(view, [task for task in tasks if not task.request.group_by], threads)
            hits = _hits(view, [_page(view, task) for task in tasks])
            return [self._answer(view, *answered) for answered in zip(tasks, hits, strict=True)]

    def _widen(self, view: View, tasks: Sequence[Task]) -> None:
        """Ask once, and learn from what is found."""
        first = []
        for task in tasks:
            assert task.request.feedback is not None
            depth = task.request.feedback.documents + len(task.question.examples)
            choice = _choice(view, task.request, depth)
            first.append(replace(task, depth=depth, choice=choice, least=0.0))
        self._search(view, first)  # each adds to the counters of its task, as they share them
        for task, found in zip(tasks, first, strict=True):
            assert task.request.feedback is not None
            query = widened(view, task.question.query, found.numbers, found.scores, task.request.feedback)
            task.question = task.question._replace(query=query)

    def _search(self, view: View, tasks: Sequence[Task], threads: int = 1) -> None:
        """Find what each task needs, examples aside."""
        alike: dict[tuple[tuple[int, ...], int, Choice], list[Task]] = {}
        for task in tasks:  # parts of equal filters are the same ones
            alike.setdefault((tuple(map(id, task.scope.parts)), task.depth, task.choice), []).append(task)
        for (_, depth, choice), group in alike.items():
            scope, queries = group[0].scope, as_rows([task.question.query for task in group])
            least = np.array([task.least for task in group])
            found = self.executor.run(view, scope, queries, min(depth, scope.count), choice, _not_above(least), threads)
            sizes = ((found.numbers >= 0) & (found.scores >= least[:, None])).sum(axis=1).tolist()
            for row, (task, size) in enumerate(zip(group, sizes, strict=True)):
                task.numbers, task.scores = found.numbers[row, :size], found.scores[row, :size]
                task.kth = float(task.scores[-1]) if size == depth else None
                task.counters += found.counters[row]
                if task.question.examples:
                    kept = ~np.isin(task.numbers, task.question.examples)
                    task.numbers, task.scores = task.numbers[kept], task.scores[kept]

    def _answer(self, view: View, task: Task, hits: list[Hit]) -> Answer:
        request, query = task.request, task.question.query
        groups = self._groups(view, task) if request.group_by else None  # by searches, which count
        stats = SearchStats(*task.counters.tolist())
        explanation = None
        if request.explain:
            how = task.choice, task.depth, task.kth, stats
            explanation = explain(view, task.scope, query, request, *how)
        return Answer(
            hits,
            task.choice.plan,
            stats,
            query.unknown,
            task.choice.profile,
            None if request.filter is None else task.scope.count,
            (*task.warnings, *_warnings(task)),
            groups,
            self._facets(view, task) if request.facets else None,
            explanation,
        )

    def _groups(self, view: View, task: Task) -> list[Group]:
        assert task.request.group_by is not None

        def search(scope: Scope, k: int) -> Found:
            one = replace(task, scope=scope, depth=k + len(task.question.examples))  # with the task's counters
            self._search(view, [one])
            return list(zip(one.numbers[:k].tolist(), one.scores[:k].tolist(), strict=True))

        groups = best_groups(view, self._columns, task.scope, task.request.group_by, search)
        hits = _hits(view, [Page(task, *map(list, zip(*found, strict=True))) for _, found in groups])
        return [Group(value, found) for (value, _), found in zip(groups, hits, strict=True)]

    def _facets(self, view: View, task: Task) -> dict[str, list[Facet]]:
        assert task.request.facets is not None
        counts = count_facets(view, self._columns, task.scope, task.asked, task.question.examples, task.request.facets)
        return {key: [Facet(*entry) for entry in entries] for key, entries in counts.items()}


def _plain_queries(view: View, requests: Sequence[SearchRequest]) -> list[Query | None]:
    """Those of many that can be parsed together; of one, there is nothing to gain."""
    if len(requests) == 1:
        return [None]
    return parse_plain([request.query for request in requests], view.manifest.dimension)


def _task(view: View, scope: Scope, request: SearchRequest, query: Query | None) -> Task:
    if request.group_by:
        check_key(view, request.group_by.key, "group_by.key", lists=False)
    for at, facet in enumerate(request.facets or []):
        check_key(view, facet.key, f"facets[{at}].key", lists=True)
    question = Question(query) if query else resolve_query(view, request.query)
    depth = request.depth + len(question.examples)
    choice = _choice(view, request, depth)
    least = 0.0 if request.fusion else request.score_threshold or 0.0  # a fusion's is for its own scores
    return Task(request, question.query, question, scope, choice, depth, least)


def _choice(view: View, request: SearchRequest, depth: int) -> Choice:
    choice = view.planner.choose(depth, params=request.params)
    return choice.under_filter() if request.narrow else choice


def _placed(error: InputError, where: str) -> InputError:
    if isinstance(error, FilterError):
        return FilterError(error.problem, f"{where}.{error.path}")
    return type(error)(f"{where}: {error}")


def _not_above(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The nearest float32 that is no larger."""
    if not scores.any():
        return np.zeros(len(scores), np.float32)
    with np.errstate(over="ignore"):
        single = scores.astype(np.float32)
    return np.where(single > scores, np.nextafter(single, np.float32(0)), single)


def _page(view: View, task: Task) -> Page:
    """What a task answers with, fused if that is asked for; nothing if it is asked for groups."""
    request = task.request
    if request.group_by:
        return Page(task, [], [])
    if request.fusion:
        fused = fuse(view, task.scope, task.numbers, task.scores, request.fusion, task.question.examples)
        kept = fused.scores >= (request.score_threshold or 0.0)
        task.numbers, task.scores, task.warnings = fused.numbers[kept], fused.scores[kept], fused.warnings
    page = slice(request.offset, request.end)
    return Page(task, task.numbers[page].tolist(), task.scores[page].tolist())


def _hits(view: View, pages: Sequence[Page]) -> list[list[Hit]]:
    """The hits of each page; ids of all are looked up together."""
    ids, hits = iter(view.documents.ids([number for page in pages for number in page.numbers])), []
    for task, numbers, scores in pages:
        explained: Iterable[Any] = itertools.repeat(None)
        if task.request.explain:
            explained = contributions(view, task.question.query, numbers)
        fields = zip(itertools.islice(ids, len(numbers)), scores, numbers, explained, strict=False)
        hits.append(list(map(_MAKE_HIT, fields)))
    return hits


def _warnings(task: Task) -> tuple[str, ...]:
    request, query = task.request, task.question.query
    warnings = cut_text(query.cut)
    if len(query.components) == 0:
        unknown = "the collection knows none of the query's components, so nothing matches"
        warnings += (unknown if query.unknown else "the query is empty, so nothing matches",)
    if request.narrow and request.params.plan == "blocks":
        why = "a filter" if request.filter is not None else "group_by"
        warnings += (f"the plan 'blocks' finds too little under {why}: the answer is exact",)
    if request.fusion and request.fusion.depth <= len(task.numbers) < request.end:
        warnings += (f"fusion.depth is {request.fusion.depth}: no more hits of the collection take part",)
    few = request.filter is not None and request.score_threshold is None
    if few and not request.fusion and not request.group_by:
        warnings += few_hits(len(task.numbers), request.end, task.scope.count, bool(task.question.examples))
    return warnings
