"""Answers: what a search returns."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import pyarrow as pa

from seismic.layouts import Plan
from seismic.params import Profile, described
from seismic.query import Query
from seismic.search.execute import SearchStats
from seismic.search.explain import Explanation
from seismic.search.hits import Hits, frame_of, html_table, table_of
from seismic.search.request import SearchRequest
from seismic.search.task import Reranked, Result, Task


class Scores(NamedTuple):
    """Both scores of a reranked hit: of the search, and of the request or cross-encoder."""

    search: float
    rerank: float


@dataclass(frozen=True, slots=True)
class Group:
    """Hits with the same value in a column, best first."""

    value: Any
    hits: Hits


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

    hits: Hits
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

    def to_arrow(self) -> pa.Table:
        """Return a table with a row per hit: rank from 1, id, score, and the payload and the snippet if requested.

        In a grouped answer `rank` is that of the group, whose value is `group`. Reranked hits have both scores.
        """
        groups = self.groups
        if groups is not None:
            ranked = [(rank, one.value, hit) for rank, one in enumerate(groups, 1) for hit in one.hits]
            table = table_of([hit for _, _, hit in ranked], [rank for rank, _, _ in ranked])
            return pa.table({"rank": table.pop("rank"), "group": [value for _, value, _ in ranked], **table})
        table = table_of(self.hits, range(1, len(self.hits) + 1))
        if self.reranked is not None:
            table["search_score"] = [scores.search for scores in self.reranked]
            table["rerank_score"] = [scores.rerank for scores in self.reranked]
        return pa.table(table)

    def to_pandas(self) -> Any:
        """Return the table of `to_arrow` as a pandas data frame. Raises InputError without pandas."""
        return frame_of(self.to_arrow())

    def with_hits(self, change: Callable[[Hits], Hits]) -> "Answer":
        """Return the answer with other hits: what `change` returns for those of the answer, and of each group."""
        groups = self.groups and [Group(group.value, change(group.hits)) for group in self.groups]
        return self._replace(hits=change(self.hits), groups=groups)

    def _repr_html_(self) -> str:
        exact = "exact" if self.exact else "approximate"
        notes = "".join(f"<p>{escape(warning)}</p>" for warning in self.warnings)
        return f"{html_table(self.to_arrow())}<p>plan {self.plan}, {exact}</p>{notes}"


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
