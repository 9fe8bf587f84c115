"""From requests to answers. Those that can be searched together are, in one call of a kernel."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seismic.answer import Answer, Hit, SearchStats, cut_text, few_hits
from seismic.errors import FilterError, InputError
from seismic.examples import Question, understand
from seismic.execute import Executor
from seismic.filters.filters import Filters
from seismic.planner import Choice
from seismic.query import as_rows
from seismic.request import SearchRequest
from seismic.scope import Scope, everything
from seismic.stop import within
from seismic.view import View


@dataclass(slots=True)
class Task:
    """A request on its way: what it asks, among which documents, how, and how many hits it needs; then what was found,
    best first, and the counters int64 [4] of what that took."""

    request: SearchRequest
    question: Question
    scope: Scope
    choice: Choice
    depth: int
    numbers: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    scores: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    counters: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, np.int64))


def respond(view: View, executor: Executor, filters: Filters, requests: Sequence[SearchRequest]) -> list[Answer]:
    """Answers of one view, in the order of the requests, all within the least of their `timeout_ms`. Raises QueryError,
    ParameterError or FilterError, which name the request if there are several, or StoppedError."""
    timeouts = [request.params.timeout_ms for request in requests if request.params.timeout_ms is not None]
    with within(min(timeouts, default=None)):
        every, tasks = everything(view), []
        for at, request in enumerate(requests):
            try:
                scope = every if request.filter is None else filters.scope(view, request.filter)
                tasks.append(_task(view, scope, request))
            except InputError as error:
                raise error if len(requests) == 1 else _placed(error, f"searches[{at}]") from None
        _search(view, executor, tasks)
        return [_answer(view, task) for task in tasks]


def _placed(error: InputError, where: str) -> InputError:
    if isinstance(error, FilterError):
        return FilterError(error.problem, f"{where}.{error.path}")
    return type(error)(f"{where}: {error}")


def _task(view: View, scope: Scope, request: SearchRequest) -> Task:
    question = understand(view, request.query)
    depth = request.offset + request.limit + len(question.examples)
    choice = view.planner.choose(depth, params=request.params)
    if request.filter is not None:
        choice = choice.under_filter()
    return Task(request, question, scope, choice, depth)


def _search(view: View, executor: Executor, tasks: Sequence[Task]) -> None:
    """Find what each task needs, examples aside."""
    alike: dict[tuple[tuple[int, ...], int, Choice], list[Task]] = {}
    for task in tasks:  # parts of equal filters are the same ones
        alike.setdefault((tuple(map(id, task.scope.parts)), task.depth, task.choice), []).append(task)
    for (_, depth, choice), group in alike.items():
        scope, queries = group[0].scope, as_rows([task.question.query for task in group])
        least = np.array([task.request.score_threshold or 0.0 for task in group])
        found = executor.run(view, scope, queries, min(depth, scope.count), choice, _not_above(least))
        sizes = np.count_nonzero((found.numbers >= 0) & (found.scores >= least[:, None]), axis=1).tolist()
        for row, (task, size) in enumerate(zip(group, sizes, strict=True)):
            task.numbers, task.scores = found.numbers[row, :size], found.scores[row, :size]
            task.counters += found.counters[row]
            if task.question.examples:
                kept = ~np.isin(task.numbers, task.question.examples)
                task.numbers, task.scores = task.numbers[kept], task.scores[kept]


def _not_above(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The nearest float32 that is no larger."""
    with np.errstate(over="ignore"):
        single = scores.astype(np.float32)
    return np.where(single > scores, np.nextafter(single, np.float32(0)), single)


def _answer(view: View, task: Task) -> Answer:
    request, query = task.request, task.question.query
    page = slice(request.offset, request.offset + request.limit)
    numbers, scores = task.numbers[page].tolist(), task.scores[page].tolist()
    hits = [Hit(*hit) for hit in zip(view.documents.ids(numbers), scores, numbers, strict=True)]
    stats = SearchStats(*task.counters.tolist())
    matched = None if request.filter is None else task.scope.count
    return Answer(hits, task.choice.plan, stats, query.unknown, task.choice.profile, matched, _warnings(task))


def _warnings(task: Task) -> tuple[str, ...]:
    request, query = task.request, task.question.query
    warnings = cut_text(query.cut)
    if len(query.components) == 0:
        unknown = "the collection knows none of the query's components, so nothing matches"
        warnings += (unknown if query.unknown else "the query is empty, so nothing matches",)
    if request.filter is not None and request.params.plan == "blocks":
        warnings += ("the plan 'blocks' finds too little under a filter: the answer is exact",)
    if request.filter is not None and request.score_threshold is None and not task.question.examples:
        warnings += few_hits(len(task.numbers), request.offset + request.limit, task.scope.count)
    return warnings
