"""Search methods: the ways to find the top k of one shard, a record each, in the order of preference."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.filters.bits import count_documents, none_of
from seismic.kernels import accumulate, exact, scan, traverse
from seismic.kernels.constants import GROUP
from seismic.kernels.lists import padded
from seismic.kernels.score import SAFETY
from seismic.kernels.topk import Known, Queries, TopK
from seismic.kernels.upper_bounds import LARGEST_BOUND, add_upper_bounds, bound_threshold, make_bound_scratch, unit_of
from seismic.layouts import LAYOUTS
from seismic.planner import DEFAULT_KNOBS, Choice, accumulates, accumulation_depth, scans
from seismic.query import Query, as_rows
from seismic.search.workspaces import Workspaces
from seismic.store.shard import Shard
from seismic.vectors import SparseVectors
from seismic.view.scope import Part, Scope
from seismic.view.view import View

MethodName: TypeAlias = Literal["lists", "scan", "impacts", "bounds"]

Reachable: TypeAlias = tuple[int, float | None]
"""(Blocks whose upper bound reaches a score, the largest upper bound that does not.) No document of a block scores more
than its upper bound; blocks without a document of the scope are left out."""


class ShardSearch(NamedTuple):
    """A batch of queries over one shard.

    ``known`` says which documents may be left out. The results go to ``top``.
    """

    shard: Shard
    part: Part
    queries: SparseVectors
    choice: Choice
    known: Known
    top: TopK


class Trial(NamedTuple):
    """A search that compiles or loads a method's kernels."""

    scope: Scope
    k: int
    choice: Choice


@dataclass(frozen=True, slots=True)
class Method:
    """A way to search a shard."""

    name: MethodName
    applies: Callable[[Shard, Part, int, Choice], bool]
    """Whether the k best documents of a part of a shard are found this way."""
    search: Callable[[ShardSearch, Workspaces], None]
    """Run the kernel."""
    trials: Callable[[View], Iterator[Trial]]
    """Searches that warm it up."""
    reachable: Callable[[Shard, Part, Query, float], Reachable] | None = None
    """What the upper bounds of blocks say of a score, for explanations; None: it computes none."""


def method_of(shard: Shard, part: Part, k: int, choice: Choice) -> Method:
    """Return the method that finds the k best documents of a part of a shard."""
    return next(method for method in METHODS if method.applies(shard, part, k, choice))


def _csr(queries: SparseVectors) -> Queries:
    return Queries(queries.indptr, queries.components, queries.values)


def _search_lists(task: ShardSearch, workspaces: Workspaces) -> None:
    lists, choice = task.shard.lists, task.choice
    assert lists is not None
    n_lists = min(choice.query_cut, int(np.diff(task.queries.indptr).max(initial=0)))
    traverse.search_lists_batch(
        lists.blocks,
        lists.summaries,
        lists.forward,
        _csr(task.queries),
        choice.query_cut,
        choice.heap_factor,
        task.part.allowed,
        workspaces.for_lists(n_lists * padded(task.shard.entry.most_blocks)),
        task.top,
    )


def _search_scan(task: ShardSearch, workspaces: Workspaces) -> None:
    scan.search_scan_batch(
        task.shard.maxima,
        task.shard.shared,
        _csr(task.queries),
        task.known.min_scores,
        task.part.allowed,
        workspaces.for_exact(task.top.scores.shape[1]),
        task.top,
    )


def _search_impacts(task: ShardSearch, workspaces: Workspaces) -> None:
    assert task.shard.impacts is not None
    accumulate.search_accumulate_batch(
        task.shard.impacts,
        task.shard.shared,
        _csr(task.queries),
        task.known.min_scores,
        task.part.allowed,
        workspaces.for_accumulate(task.top.scores.shape[1]),
        task.top,
    )


def _search_bounds(task: ShardSearch, workspaces: Workspaces) -> None:
    # Delta shards have no posting lists, whatever the plan: they are small, and answered exactly.
    choice = task.choice if task.choice.plan == "exact" else DEFAULT_KNOBS["exact"]
    exact.search_exact_batch(
        task.shard.maxima,
        task.shard.shared,
        _csr(task.queries),
        choice.heap_factor,
        choice.bound_share,
        task.known,
        task.part.allowed,
        workspaces.for_exact(task.top.scores.shape[1]),
        task.top,
    )


def _is_narrow(part: Part) -> bool:
    return len(part.allowed) > 0 and scans(int(np.count_nonzero(part.allowed)), len(part.allowed))


def _try_lists(view: View) -> Iterator[Trial]:
    if "lists" in LAYOUTS[view.manifest.layout].plans:
        yield Trial(view.everything, 1, DEFAULT_KNOBS["lists"])


def _try_scan(view: View) -> Iterator[Trial]:
    yield Trial(Scope(tuple(first_document_of(shard.shard) for shard in view.shards)), 1, DEFAULT_KNOBS["exact"])


def _try_impacts(view: View) -> Iterator[Trial]:
    yield Trial(view.everything, accumulation_depth(view.largest_shard), DEFAULT_KNOBS["exact"])


def _try_bounds(view: View) -> Iterator[Trial]:
    pruned = DEFAULT_KNOBS["exact"]._replace(heap_factor=2.0)  # unpruned, a small shard would accumulate
    yield Trial(view.everything, 1, pruned)
    yield Trial(view.everything, 1, pruned._replace(bound_share=0.5))  # several shards one after another


def first_document_of(shard: Shard) -> Part:
    """Return the part of a shard that holds its first document in position order."""
    bits = none_of(len(shard))
    bits[:1] = 1
    return Part(bits, count_documents(bits))


def reachable_blocks(shard: Shard, part: Part, query: Query, score: float) -> Reachable:
    """Add up the upper bounds of the blocks in a part of a shard, and say which reach a score."""
    (components, values), n_blocks = shard.local_queries(as_rows([query]))[0], len(shard.shared.starts) - 1
    terms = len(components)
    groups = -(-n_blocks // GROUP)
    scratch = make_bound_scratch(max(len(shard.maxima.scales), 1), groups)
    unit, _ = add_upper_bounds(shard.maxima, components, values, 0.0, groups, scratch)
    upper_bounds: npt.NDArray[np.uint16] = scratch.upper_bounds[:n_blocks]
    if len(part.allowed):
        upper_bounds = upper_bounds[part.allowed != 0]
    reaching = upper_bounds >= bound_threshold(score, unit, terms)
    below = upper_bounds[~reaching]
    best = float((int(below.max()) + terms) * unit * SAFETY) if len(below) and below.max() > 0 else None
    return int(np.count_nonzero(reaching)), best


def reachable_by_scan(shard: Shard, part: Part, query: Query, score: float) -> Reachable:
    """Say which blocks of a part a scan visits: all, or none if no document of the shard can reach a score."""
    components, values = shard.local_queries(as_rows([query]))[0]
    unit, terms = unit_of(shard.maxima.scales, components, values), len(components)
    if bound_threshold(score, unit, terms) <= LARGEST_BOUND:
        return int(np.count_nonzero(part.allowed)), None
    return 0, float((LARGEST_BOUND + terms) * unit * SAFETY)


METHODS = (
    # Posting lists by their block summaries: approximate.
    Method(
        "lists",
        lambda shard, _, __, choice: choice.plan == "lists" and shard.lists is not None,
        _search_lists,
        _try_lists,
    ),
    # Every block of a narrow filter.
    Method("scan", lambda _, part, __, ___: _is_narrow(part), _search_scan, _try_scan, reachable_by_scan),
    # Every posting of the query's components: term-at-a-time accumulation of impacts.
    Method(
        "impacts",
        lambda shard, _, k, choice: shard.impacts is not None and not choice.prunes and accumulates(len(shard), k),
        _search_impacts,
        _try_impacts,
    ),
    # Upper bounds of all blocks, then the blocks that can reach the top k.
    Method("bounds", lambda *_: True, _search_bounds, _try_bounds, reachable_blocks),
)
