"""Answers: what a search returns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from seismic.layouts import Plan
from seismic.params import Profile, described
from seismic.query import Query
from seismic.search.execute import SearchStats
from seismic.search.explain import Contribution, Explanation
from seismic.search.request import SearchRequest
from seismic.search.task import Reranked, Result, Task


class Hit(NamedTuple):
    """A hit: the document's id, its score and its document number (row of the input).

    The score is the inner product with the query, or that of a fusion or of reranking. `explanation`, on request: what
    each component adds to the inner product, largest first.
    """

    id: str | int
    score: float
    number: int
    explanation: tuple[Contribution, ...] | None = None

    @property
    def fields(self) -> dict[str, float]:
        """What each field adds to the inner product, from the explanation; empty unless there are several fields."""
        return field_parts(self.explanation or ())


def field_parts(explanation: Iterable[Contribution]) -> dict[str, float]:
    """Return what each field adds to an inner product."""
    parts: dict[str, float] = {}
    for one in explanation:
        if one.field is not None:
            parts[one.field] = parts.get(one.field, 0.0) + one.product
    return parts


class Scores(NamedTuple):
    """Both scores of a reranked hit: of the search, and of the request or cross-encoder."""

    search: float
    rerank: float


MAKE_HIT: Callable[[Iterable[Any]], Hit] = partial(tuple.__new__, Hit)
"""`Hit._make` without its Python frame: a batch makes thousands of hits."""


@dataclass(frozen=True, slots=True)
class Group:
    """Hits with the same value in a column, best first."""

    value: Any
    hits: list[Hit]


@described
@dataclass(frozen=True, slots=True)
class Facet:
    """A value of a column and the number of matches that have it."""

    value: Any
    """The value, as in payloads."""
    count: int
    """Number of documents."""


class Answer(NamedTuple):
    """An answer: hits, best first, and the plan that found them.

    `unknown`: components or tokens of the query that the index lacks. `profile`: the one that a requested recall
    selected. `matched`: number of documents that match the filter, None without one. `warnings`: anything the caller
    might not expect. `groups` (in place of hits), `facets` by column and `explanation` are None unless requested.
    `exact`: whether the hits are the true top k of the stored values, and the layout stores all values; see
    docs/explain.md. `shards_missing`: shards of a cluster that did not answer; 0 unless partial answers are allowed.
    `reranked`: both scores of each hit, if the request has `rerank`.
    """

    hits: list[Hit]
    plan: Plan
    stats: SearchStats
    unknown: tuple[int | str, ...]
    profile: Profile | None = None
    matched: int | None = None
    warnings: tuple[str, ...] = ()
    groups: list[Group] | None = None
    facets: dict[str, list[Facet]] | None = None
    explanation: Explanation | None = None
    exact: bool = False
    shards_missing: int = 0
    reranked: list[Scores] | None = None


def both_scores(request: SearchRequest, reranked: Reranked) -> list[Scores]:
    """Return both scores of the hits of the requested page."""
    page = slice(request.offset, request.end)
    return list(map(Scores, reranked.search[page].tolist(), reranked.second[page].tolist()))


def warnings_of(task: Task, result: Result) -> tuple[str, ...]:
    """Return what the caller of a search might not expect of its hits."""
    request, query = task.request, task.query
    if request.query is None:
        return ()
    warnings = about_query(query)
    if request.narrow and request.params.plan == "lists":
        why = "a filter" if request.filter is not None else "group_by"
        warnings += (f"the plan 'lists' loses recall under {why}, so the answer is exact",)
    if request.fusion and request.fusion.depth <= len(result.numbers) < request.end:
        warnings += (f"fusion.depth is {request.fusion.depth}: no more hits of the collection take part",)
    few = request.filter is not None and request.score_threshold is None and request.depth
    if few and not (request.fusion or request.rerank or request.group_by):
        warnings += few_hits(len(result.numbers), request.end, task.scope.count, bool(query.examples))
    return warnings


def cut_text(pieces: int) -> tuple[str, ...]:
    """Warn that the last word pieces of a text were cut off; empty if none were."""
    return (f"the text is too long: its last {pieces:,} word pieces were cut off",) if pieces else ()


def about_query(query: Query) -> tuple[str, ...]:
    """Warn of what a query lacks: the end of its text, or all components."""
    warnings = cut_text(query.cut)
    if len(query.components) == 0:
        unknown = "the collection knows none of the query's components, so nothing matches"
        warnings += (unknown if query.unknown else "the query is empty, so nothing matches",)
    return warnings


def few_hits(found: int, k: int, matched: int, examples: bool) -> tuple[str, ...]:
    """Warn that a filtered search found fewer than k hits, and say why."""
    if found >= k:
        return ()
    if found == matched:
        return (f"only {matched} documents match the filter",)
    which = "share a component with the query" + (" and are none of its examples" if examples else "")
    return (f"{matched} documents match the filter, and only {found} of them {which}",)
