"""Searches that differ from an earlier one of the same view by their query only: all but their hits is known JSON."""

import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seismic import Answer, Index, SearchParams
from seismic.documents.json_rows import JsonRows
from seismic.query import Query
from seismic.search.simple import is_simple
from seismic.view.view import View
from seismic_server.conversion import answers
from seismic_server.costs import Key
from seismic_server.http.parts import SLICE_BYTES
from seismic_server.observe.metrics import Searched
from seismic_server.schemas.search import SearchRequest

ROOM = 8 * SLICE_BYTES
"""Bytes for the JSON of hits. Text may need several times its length, which is checked before it is written."""


MOST_KEPT = 200
"""Kinds of searches that a view keeps."""


class Repeated(NamedTuple):
    """What the answers to searches of one view with the same fields have in common.

    The JSON ``before`` the hits, ``between`` them and the milliseconds, and ``after`` those. ``rows`` writes the hits.
    """

    offset: int
    end: int
    params: SearchParams
    collection: str
    plan: str
    key: Key
    before: bytes
    between: bytes
    after: bytes
    rows: JsonRows


class Hits(NamedTuple):
    """The JSON of the hits, and how they were found."""

    text: bytes
    search: Searched


def repeated(index: Index, search: SearchRequest, answer: Answer, key: Key | None) -> Repeated | None:
    """Return what later searches have in common with one that was answered; None if that is too little."""
    if key is None or not is_simple(search) or search.with_vector is not False or answer.unknown or answer.warnings:
        return None
    columns = None
    if search.with_payload is not False:
        columns = index.columns if search.with_payload is True else search.with_payload
    rows = index.view.documents.json_rows(columns, answers.dumps)
    around = answers.around_hits(answer, answers.state_of(index))
    return Repeated(search.offset, search.end, search.params, index.name, answer.plan, key, *around, rows)


def keep(index: Index, fields: bytes, known: Repeated | None) -> None:
    """Keep what later searches of the index's view have in common, by the fields of their requests."""
    memo = index.view.memo
    if len(memo) >= MOST_KEPT:
        memo.clear()
    if known:
        memo[fields] = known


def find(index: Index, view: View, known: Repeated, query: Query, out: npt.NDArray[np.uint8]) -> Hits | None:
    """Search a view of an index for a query, and write the hits to `out`; None if their JSON is for `write_answer`.

    Raises StoppedError.
    """
    began = time.perf_counter()
    numbers, scores, counters = index.top(view, query, known.end, known.params)
    _, _, visited, scored = counters
    seconds = time.perf_counter() - began
    if known.offset:
        numbers, scores = numbers[known.offset :], scores[known.offset :]
    length = known.rows.write(numbers, answers.dumps(scores), out)
    if isinstance(length, str) or length > SLICE_BYTES:
        return None
    search = Searched(known.collection, known.plan, seconds, visited, scored)
    return Hits(out[:length].tobytes(), search)


def answer_of(known: Repeated, hits: Any, milliseconds: float) -> bytes:
    """Return the JSON of an answer."""
    return b"%b%b%b%b%b" % (known.before, hits, known.between, repr(milliseconds).encode(), known.after)
