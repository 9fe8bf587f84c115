"""Why not, answered by a part: what is known of documents here, and how many documents here rank before others."""

import numpy as np

from seismic.changes.records import check_delete
from seismic.cluster.asked import State, array_in, count_in, list_in, query_of
from seismic.cluster.wire import Message
from seismic.filters.filters import Filters
from seismic.search.why import Case
from seismic.view.scope import Scope

NOTHING = {"documents": [], "deleted": [], "matches": 0, "unfiltered": 0}


def facts_of(state: State, message: Message, scope: Scope, filters: Filters) -> Message:
    """Return the documents with the ids of a message, which ids are of deleted ones, and the best scores of matches.

    A document is [place of its id, number, score, whether it is in the scope, a match in it, and one without the
    filter, paths of the conditions that it fails].
    """
    view, ids, k = state.view, list_in(message, "ids"), count_in(message, "k")
    checked = check_delete(ids, view.rules).ids
    if not view.shards:
        return Message(NOTHING, {"best": np.zeros(0, np.float32)})
    case = Case(view, query_of(state, message), scope, k, 0.0, filters, message.head.get("filter"))
    found = view.find(checked)
    outer = state.outer(found).tolist()
    documents = [
        [
            at,
            outer[at],
            float(case.scores[number]),
            bool(case.in_scope[number]),
            bool(case.matches[number]),
            bool(case.candidates[number]),
            case.excluded_by(number) if not case.in_scope[number] else [],
        ]
        for at, number in enumerate(found.tolist())
        if number >= 0
    ]
    deleted = [at for at, number in enumerate(found.tolist()) if number < 0 and case.was_deleted(ids[at])]
    counts = {"matches": len(case.ranking), "unfiltered": len(case.unfiltered)}
    return Message({"documents": documents, "deleted": deleted, **counts}, {"best": case.ranking.best(k)})


def ranks_of(state: State, message: Message, scope: Scope) -> Message:
    """Return, for each number and score of a message, how many matches here rank before it: in a scope, and in all."""
    numbers, scores = array_in(message, "numbers", np.int64), array_in(message, "scores", np.float32)
    filtered, unfiltered = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.int64)
    if state.view.shards:
        case = Case(state.view, query_of(state, message), scope, 1, 0.0)
        outer = state.outer(np.arange(len(case.scores)))
        for at, (number, score) in enumerate(zip(numbers.tolist(), scores, strict=True)):
            before = (case.scores > score) | ((case.scores == score) & (outer < number))
            filtered[at] = np.count_nonzero(before & case.matches)
            unfiltered[at] = np.count_nonzero(before & case.candidates)
    return Message({}, {"filtered": filtered, "unfiltered": unfiltered})
