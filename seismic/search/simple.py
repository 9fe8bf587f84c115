"""Simple requests: one query of all documents, whose hits are the whole answer. They are answered without tasks.

tests/search/test_simple.py compares each answer with that of `Responder.respond` for several requests.
"""

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.layouts import LAYOUTS
from seismic.params import SearchParams
from seismic.planner import Choice
from seismic.query import Query, QueryLike, as_rows
from seismic.search.answer import Answer, about_query
from seismic.search.examples import resolve_query
from seismic.search.execute import Executor, SearchStats, lists_of
from seismic.search.hits import MAKE_HIT, Hits
from seismic.search.request import SearchRequest
from seismic.search.single import Single, TopLists
from seismic.stop import time_limit
from seismic.view.view import View

MOST_DEPTHS = 100
"""Depths whose preparations a view keeps."""


class Prepared(NamedTuple):
    """What searches with the same parameters have in common.

    ``single``: how one query is searched; None for shard by shard. ``plain``: the same if plain queries of lists need
    no parsing.
    """

    params: SearchParams
    choice: Choice
    single: Single | None
    plain: Single | None


def is_simple(request: SearchRequest) -> bool:
    """Return whether a request is simple."""
    return (
        request.query is not None
        and request.limit > 0
        and request.filter is None
        and request.idf_filter is None
        and request.feedback is None
        and request.fusion is None
        and request.rerank is None
        and request.group_by is None
        and not request.facets
        and not request.explain
        and not request.score_threshold
        and request.snippet is None
    )


def simple_answer(executor: Executor, view: View, request: SearchRequest, query: QueryLike | Query) -> Answer | None:
    """Return the answer to a simple request, with `query` instead of its own; None if the query fuses several.

    Raises QueryError, ParameterError and StoppedError.
    """
    found = _found(executor, view, query, request.offset, request.limit, request.params)
    if found is None:
        return None
    hits, parsed, choice, counters = found
    stats, warnings = SearchStats(*counters), about_query(parsed)
    exact = is_exact(view, choice)
    return Answer(hits, choice.plan, stats, parsed.unknown, choice.profile, warnings=warnings, exact=exact)


def is_exact(view: View, choice: Choice) -> bool:
    """Return whether answers are the true top k of the stored values, and the layout stores all values."""
    return choice.exact and not LAYOUTS[view.manifest.layout].lossy


def simple_hits(executor: Executor, view: View, query: QueryLike, k: int, params: SearchParams) -> Hits | None:
    """Return the k best hits of a query; None if it fuses several. Raises like `simple_answer`."""
    known = view.memo.get(k)
    if known is not None and known.params is params and known.plain is not None and type(query) is dict:
        indices, values = query.get("indices"), query.get("values")
        if type(indices) is list and type(values) is list and len(query) == 2:
            plain = executor.run_lists(known.plain, indices, values)
            if plain is not None:
                return _hits(view, *plain[:2])
    found = _found(executor, view, query, 0, k, params)
    return found and found[0]


def top_arrays(executor: Executor, view: View, query: Query, depth: int, params: SearchParams) -> TopLists:
    """Return the best documents of a view for a parsed query. Raises ParameterError and StoppedError."""
    prepared = prepare(executor, view, depth, params)
    if prepared.single:
        return executor.run_single(view, prepared.single, query)
    return lists_of(executor.run(view, view.everything, as_rows([query]), min(depth, view.live), prepared.choice))


def prepare(executor: Executor, view: View, depth: int, params: SearchParams) -> Prepared:
    """Return what the searches of a view for `depth` hits have in common. Raises ParameterError."""
    known: Prepared | None = view.memo.get(depth)
    if known is None or known.params is not params:
        choice = view.planner.choose(depth, params)
        if len(view.memo) >= MOST_DEPTHS:
            view.memo.clear()
        single = executor.single(view, depth, choice)
        plain = single if single and single.holds and not view.fields else None
        known = view.memo[depth] = Prepared(params, choice, single, plain)
    return known


def _found(
    executor: Executor, view: View, query: QueryLike | Query, offset: int, limit: int, params: SearchParams
) -> tuple[Hits, Query, Choice, list[int]] | None:
    """Return the best hits after `offset` others, the query as parsed, the choice and the search's counters."""
    if params.timeout_ms is not None:
        with time_limit(params.timeout_ms):
            return _found(executor, view, query, offset, limit, params.replace(timeout_ms=None))
    parsed, end = resolve_query(view, query), offset + limit
    if parsed.runs:
        return None
    depth = end + len(parsed.examples)
    numbers, scores, counters = top_arrays(executor, view, parsed, depth, params)
    if parsed.examples:
        others = ~np.isin(numbers, parsed.examples)
        numbers, scores = numbers[others], list(itertools.compress(scores, others))
    if offset or parsed.examples:
        numbers, scores = numbers[offset:end], scores[offset:end]
    return _hits(view, numbers, scores), parsed, prepare(executor, view, depth, params).choice, counters


def _hits(view: View, numbers: npt.NDArray[np.int64], scores: list[float]) -> Hits:
    """Return the hits before the first negative document number."""
    found: list[int] = numbers.tolist()
    if found and found[-1] < 0:
        del found[found.index(-1) :]
    fields = zip(view.documents.ids(numbers), scores, found, itertools.repeat(None), strict=False)
    return Hits(map(MAKE_HIT, fields))
