"""A request on its way through a search: the task, and the result apart from it."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.planner import Choice
from seismic.query import Query
from seismic.search.request import SearchRequest
from seismic.view.scope import Scope

Counters: TypeAlias = npt.NDArray[np.int64]
"""int64 [4]: lists visited, blocks estimated, blocks visited, documents scored."""

BLOCKS_VISITED = 2
"""Index of the blocks visited in counters."""


def no_work() -> Counters:
    """Return counters at zero."""
    return np.zeros(4, np.int64)


class Task(NamedTuple):
    """What to search for, where and how.

    ``asked`` is the query as parsed, ``query`` the one to search with: they differ after feedback. ``depth`` is the
    number of hits to find. Hits score at least ``min_score``. ``spent`` counts the work of earlier searches for it.
    """

    request: SearchRequest
    asked: Query
    query: Query
    scope: Scope
    choice: Choice
    depth: int
    min_score: float
    spent: Counters


class Reranked(NamedTuple):
    """Both scores of reranked hits: of the ``search``, and of the ``second`` look at them, each float64 [n]."""

    search: npt.NDArray[np.float64]
    second: npt.NDArray[np.float64]


class Result(NamedTuple):
    """The hits of a task, best first: document numbers int64 [n] and scores [n].

    ``kth`` is the score of the last hit that was needed, None if there are fewer. ``counters`` include ``spent``.
    """

    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.floating[Any]]
    kth: float | None
    counters: Counters
    warnings: tuple[str, ...] = ()
    reranked: Reranked | None = None
