"""Explain answers: the parts of each score, the planner's reason, and what was pruned.

Runs on request only. It adds up the upper bounds again, as a search does not keep them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.components import UsedComponents
from seismic.fields.joined import JoinedVocabulary
from seismic.params import described
from seismic.planner import Choice
from seismic.query import Query
from seismic.search.execute import SearchStats
from seismic.search.methods import Method, MethodName, Reachable, method_of
from seismic.search.task import BLOCKS_VISITED, Result, Task
from seismic.stop import current
from seismic.store.shard import Shard
from seismic.view.live import LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View

ROWS_PER_CHECK = 64
"""Hits explained between two looks at the deadline."""


@described
@dataclass(frozen=True, slots=True)
class Contribution:
    """A component's part of a document's score."""

    component: int
    """Number of the component."""
    token: str | None
    """Its token; None if the index has no vocabulary."""
    weight: float
    """In the query."""
    value: float
    """In the document, as stored."""
    product: float
    """Weight x value: what it adds to the score."""
    field: str | None = None
    """The field whose component and token these are; None unless there are several."""


@described
@dataclass(frozen=True, slots=True)
class Term:
    """A component of the query that was searched, after feedback and examples."""

    component: int
    """Number of the component."""
    token: str | None
    """Its token; None if the index has no vocabulary."""
    weight: float
    """In the query."""
    blocks: int | None
    """Blocks in its posting lists (plan `lists`); None if its lists were not searched."""
    field: str | None = None
    """The field whose component and token these are; None unless there are several."""


@described
@dataclass(frozen=True, slots=True)
class ShardWork:
    """How one shard was searched."""

    documents: int
    """Documents in the shard."""
    allowed: int
    """Documents in the scope: not deleted, and matched by the filter."""
    method: MethodName
    """`lists`: posting lists by their block summaries. `bounds`: upper bounds of blocks, then the blocks that can
    matter. `impacts`: every posting. `scan`: every document of the scope."""


@described
@dataclass(frozen=True, slots=True)
class Certificate:
    """Evidence that a search missed nothing: no document outside the visited blocks scores more than `bound`, so if
    `kth` >= `bound`, none of them belongs into the top k."""

    kth: float
    """Score of the last hit needed. With fewer hits: the score threshold, or 0 without one."""
    bound: float
    """Largest upper bound of a block that the search may have skipped, over all shards; 0 if no skipped block shares a
    component with the query."""
    blocks_visited: int
    """Blocks whose documents were scored."""
    blocks_skipped: int
    """The other blocks of the collection: excluded by their upper bound or by the filter."""


@described
@dataclass(frozen=True, slots=True)
class Explanation:
    """How an answer was found."""

    why: str
    """Why the planner chose the plan."""
    stats: SearchStats
    """The work of all searches for the answer."""
    terms: tuple[Term, ...]
    """The query, heaviest first."""
    lists_cut: int
    """Number of terms whose posting lists were not searched (plan `lists`)."""
    threshold: float | None
    """Score of the last hit needed: the upper bound of a block must reach it. None if there are fewer hits."""
    reachable: int | None
    """Blocks whose upper bound reaches the threshold, over the shards searched by bounds or scans; None without such
    shards or a threshold."""
    best_skipped: float | None
    """Largest upper bound below the threshold, over the same shards; None as above."""
    certificate: Certificate | None
    """Evidence that the answer is exact. None if the bounds of the skipped blocks are unknown: with the plan `lists`, a
    bound share below 1, or groups and fields fused by rank, which take several searches."""
    selectivity: float
    """Share of all documents that the filter matches."""
    shards: tuple[ShardWork, ...]
    """How each shard was searched."""


def contributions(view: View, query: Query, numbers: Sequence[int]) -> list[tuple[Contribution, ...]]:
    """Return, for each document, what the components of the query add to its score, largest first."""
    vectors, asked = view.vectors(numbers), UsedComponents(query.components)
    explained = []
    for row in range(len(vectors)):
        if row % ROWS_PER_CHECK == 0:
            current().check()
        components, values = vectors[row]
        rows, shared = asked.rows(components)
        components, values, weights = components[shared], values[shared], query.values[rows[shared]].astype(np.float64)
        products = weights * values
        order = np.argsort(-products, kind="stable")
        explained.append(
            tuple(
                Contribution(name.component, name.token, weight, value, weight * value, name.field)
                for component, weight, value in zip(
                    components[order].tolist(), weights[order].tolist(), values[order].tolist(), strict=True
                )
                for name in (_named(view, component),)
            )
        )
    return explained


class Inspection(NamedTuple):
    """What shards say of a search: how each was searched, what its upper bounds reach, for each shard whose method uses
    them, the number of blocks of all shards, and that of each searched posting list, heaviest term first."""

    works: tuple[ShardWork, ...]
    reaches: list[Reachable]
    blocks: int
    list_blocks: list[int]


def inspect(view: View, scope: Scope, query: Query, choice: Choice, k: int, score: float) -> Inspection:
    """Inspect the shards of a view after a search of the k best documents that had to reach a score."""
    places = list(zip(view.shards, scope.parts, strict=True))
    methods = [method_of(shard.shard, part, k, choice) for shard, part in places]
    works = tuple(
        ShardWork(len(shard), part.count, method.name) for (shard, part), method in zip(places, methods, strict=True)
    )
    blocks = sum(len(shard.shard.shared.starts) - 1 for shard in view.shards)
    return Inspection(works, _reaches(places, methods, query, choice, score), blocks, _list_blocks(view, query, choice))


def explain(view: View, task: Task, result: Result, stats: SearchStats) -> Explanation:
    """Explain how the hits of a task were found."""
    k, kth = min(task.depth, task.scope.count), task.min_score if result.kth is None else result.kth
    return explained(view, task, result, stats, inspect(view, task.scope, task.query, task.choice, k, kth))


def explained(view: View, task: Task, result: Result, stats: SearchStats, found: Inspection) -> Explanation:
    """Return the explanation of a task, given what its shards say."""
    choice, scope, depth, reaches = task.choice, task.scope, task.depth, found.reaches
    terms = _terms(view, task.query, found.list_blocks)
    return Explanation(
        why=view.planner.reason(max(1, depth), task.request.params, choice, narrow=task.request.narrow),
        stats=stats,
        terms=terms,
        lists_cut=max(0, len(terms) - choice.query_cut) if choice.plan == "lists" else 0,
        threshold=result.kth,
        reachable=sum(blocks for blocks, _ in reaches) if reaches and result.kth is not None else None,
        best_skipped=_best_skipped(reaches) if result.kth is not None else None,
        certificate=_certificate(task, result, found),
        selectivity=scope.count / view.live if view.live else 0.0,
        shards=found.works,
    )


def _reaches(
    places: Sequence[tuple[LiveShard, Part]], methods: Sequence[Method], query: Query, choice: Choice, score: float
) -> list[Reachable]:
    """Return what upper bounds say of the score that hits had to reach, for each shard whose method uses them."""
    if choice.plan != "exact":
        return []
    current().check()
    return [
        method.reachable(shard.shard, part, query, choice.heap_factor * score)
        for (shard, part), method in zip(places, methods, strict=True)
        if method.reachable and part.count
    ]


def _best_skipped(reaches: Sequence[Reachable]) -> float | None:
    return max((upper_bound for _, upper_bound in reaches if upper_bound is not None), default=None)


def _certificate(task: Task, result: Result, found: Inspection) -> Certificate | None:
    choice = task.choice
    several = task.request.group_by or task.query.runs
    if choice.plan != "exact" or choice.bound_share < 1 or several or task.depth == 0:
        return None
    blocks = found.blocks
    visited = min(blocks, int((result.counters - task.spent)[BLOCKS_VISITED]))
    kth = task.min_score if result.kth is None else result.kth
    return Certificate(kth, _best_skipped(found.reaches) or 0.0, visited, blocks - visited)


def _by_weight(query: Query) -> npt.NDArray[np.int64]:
    return np.argsort(-query.values, kind="stable")  # as the plan `lists` chooses its lists


def _list_blocks(view: View, query: Query, choice: Choice) -> list[int]:
    """Return the number of blocks of each searched posting list, over all shards."""
    searched = choice.query_cut if choice.plan == "lists" else 0
    components = query.components[_by_weight(query)][:searched].tolist()
    return [sum(_blocks_of(shard.shard, component) for shard in view.shards) for component in components]


def _terms(view: View, query: Query, list_blocks: Sequence[int]) -> tuple[Term, ...]:
    order = _by_weight(query)
    pairs = zip(query.components[order].tolist(), query.values[order].tolist(), strict=True)
    return tuple(
        Term(name.component, name.token, weight, blocks, name.field)
        for (component, weight), blocks in zip(pairs, chain(list_blocks, repeat(None)), strict=False)
        for name in (_named(view, component),)
    )


def _blocks_of(shard: Shard, component: int) -> int:
    if shard.lists is None:
        return 0
    lists, row = shard.lists.blocks.lists, shard.local_component(component)
    return 0 if row is None else int(lists[row + 1]) - int(lists[row])


class _Named(NamedTuple):
    """A component as callers know it: if there are several fields, that of its field."""

    component: int
    token: str | None
    field: str | None = None


def _named(view: View, component: int) -> _Named:
    vocabulary = view.vocabulary
    if isinstance(vocabulary, JoinedVocabulary):
        field, token = vocabulary.named(component)
        numbered = vocabulary.fields[vocabulary.field_of[component]].numbered
        return _Named(int(vocabulary.own[component]), None if numbered else token, field)
    return _Named(component, vocabulary.token(component) if vocabulary else None)
