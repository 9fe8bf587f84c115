"""How an answer came about: what each score is made of, why the planner took its plan, and what was passed over.

Nothing here runs unless it is asked for: bounds are added up once more, apart from the search, which keeps none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seismic.kernels.bounds import add_bounds, least_bound, make_bounds
from seismic.kernels.maxima import GROUP
from seismic.params import described
from seismic.planner import Choice
from seismic.query import Query
from seismic.search.execute import Method, SearchStats, method_of
from seismic.search.request import SearchRequest
from seismic.store.shard import Shard
from seismic.view.scope import Scope
from seismic.view.view import View


@described
@dataclass(frozen=True, slots=True)
class Contribution:
    """What a component adds to a document's inner product with the query."""

    component: int
    """Its number."""
    token: str | None
    """Its token; None where the index has no vocabulary."""
    weight: float
    """In the query."""
    value: float
    """In the document, as it is stored."""
    product: float
    """Of the two: what it adds."""


@described
@dataclass(frozen=True, slots=True)
class Term:
    """A component of the query as it was searched, after feedback and examples."""

    component: int
    """Its number."""
    token: str | None
    """Its token; None where the index has no vocabulary."""
    weight: float
    """In the query."""
    blocks: int | None
    """Those of its posting lists, in the plan `blocks`; None if its lists were cut, or are not looked at."""


@described
@dataclass(frozen=True, slots=True)
class ShardWork:
    """How a shard was searched."""

    documents: int
    """Those it has."""
    allowed: int
    """Of these, those in the scope: not deleted, and let through by the filter."""
    method: Method
    """`lists`: the plan `blocks`. `bounds`: bounds of blocks first. `impacts`: every posting. `scan`: every document of
    the scope."""


@described
@dataclass(frozen=True, slots=True)
class Explanation:
    """How an answer came about."""

    why: str
    """Why the plan was taken."""
    stats: SearchStats
    """The work, of all searches that the answer needed."""
    terms: tuple[Term, ...]
    """The query, heaviest first."""
    lists_cut: int
    """Of the terms, how many the plan `blocks` did not look at."""
    threshold: float | None
    """The score of the last hit needed, which a block has to be able to reach; None if fewer were found."""
    reachable: int | None
    """Blocks whose bound reaches the threshold, over the shards that are searched by bounds; None if there are none, or
    no threshold."""
    best_skipped: float | None
    """The largest bound below the threshold, over the same shards; None as above."""
    selectivity: float
    """The share of all documents that the filter lets through."""
    shards: tuple[ShardWork, ...]
    """How each was searched."""


def contributions(view: View, query: Query, numbers: Sequence[int]) -> list[tuple[Contribution, ...]]:
    """For each document, what the components of the query add to its score, the largest first."""
    vectors, weights = view.vectors(numbers), np.zeros(view.manifest.dimension)
    weights[query.components] = query.values
    explained = []
    for row in range(len(vectors)):
        components, values = vectors[row]
        shared = np.flatnonzero(weights[components])
        products = weights[components[shared]] * values[shared]
        order = shared[np.argsort(-products, kind="stable")]
        explained.append(
            tuple(
                Contribution(component, _token(view, component), weight, value, weight * value)
                for component, weight, value in zip(
                    components[order].tolist(), weights[components[order]].tolist(), values[order].tolist(), strict=True
                )
            )
        )
    return explained


def explain(
    view: View,
    scope: Scope,
    query: Query,
    request: SearchRequest,
    choice: Choice,
    depth: int,
    kth: float | None,
    stats: SearchStats,
) -> Explanation:
    """How the `depth` best documents were found, the last of which scores `kth`."""
    k = min(depth, scope.count)
    works = [
        ShardWork(len(shard), part.count, method_of(shard.shard, part, k, choice))
        for shard, part in zip(view.shards, scope.parts, strict=True)
    ]
    reachable, best_skipped = None, None
    if kth is not None:
        bounded = [
            bounds_around(shard.shard, query, choice.heap_factor * kth)
            for shard, work in zip(view.shards, works, strict=True)
            if work.method == "bounds" and work.allowed and choice.plan == "exact"
        ]
        if bounded:
            reachable = sum(count for count, _ in bounded)
            best_skipped = max((bound for _, bound in bounded if bound is not None), default=None)
    terms = _terms(view, query, choice)
    return Explanation(
        why=view.planner.reason(depth, request.params, choice, narrow=request.narrow),
        stats=stats,
        terms=terms,
        lists_cut=max(0, len(terms) - choice.query_cut) if choice.plan == "blocks" else 0,
        threshold=kth,
        reachable=reachable,
        best_skipped=best_skipped,
        selectivity=scope.count / view.live if view.live else 0.0,
        shards=tuple(works),
    )


def _terms(view: View, query: Query, choice: Choice) -> tuple[Term, ...]:
    order = np.argsort(-query.values, kind="stable")  # as the plan `blocks` chooses its lists
    looked_at = choice.query_cut if choice.plan == "blocks" else 0
    terms = []
    for rank, (component, weight) in enumerate(
        zip(query.components[order].tolist(), query.values[order].tolist(), strict=True)
    ):
        blocks = sum(_blocks_of(shard.shard, component) for shard in view.shards) if rank < looked_at else None
        terms.append(Term(component, _token(view, component), weight, blocks))
    return tuple(terms)


def _blocks_of(shard: Shard, component: int) -> int:
    if shard.lists is None:
        return 0
    lists = shard.lists.blocks.lists
    return int(lists[component + 1]) - int(lists[component])


def bounds_around(shard: Shard, query: Query, score: float) -> tuple[int, float | None]:
    """(blocks whose bound reaches a score, the largest bound that does not)."""
    n_blocks, terms = len(shard.shared.starts) - 1, len(query.components)
    groups = -(-n_blocks // GROUP)
    scratch = make_bounds(max(len(shard.maxima.scales), 1), groups)
    unit = add_bounds(shard.maxima, query.components, query.values, groups, scratch)
    bounds: npt.NDArray[np.uint16] = scratch.bounds[:n_blocks]
    reaching = bounds >= least_bound(score, unit, terms)
    below = bounds[~reaching]
    best = float((int(below.max()) + terms) * unit) if len(below) and below.max() > 0 else None
    return int(np.count_nonzero(reaching)), best


def _token(view: View, component: int) -> str | None:
    return view.vocabulary.token(component) if view.vocabulary else None
