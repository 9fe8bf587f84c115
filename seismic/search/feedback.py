"""Pseudo-relevance feedback: expand a query by components of its own best documents (Rocchio, as in RM3).

The heaviest components of the documents' score-weighted mean are added to the query. Query and expansion each keep a
fixed share of the query's total weight, so that scores stay in its range.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.components import add_up
from seismic.query import Query
from seismic.search.request import Feedback
from seismic.vectors import MIN_VALUE
from seismic.view.view import View


def expand_query(
    view: View, query: Query, numbers: npt.NDArray[np.int64], scores: npt.NDArray[np.floating[Any]], feedback: Feedback
) -> Query:
    """Return the query expanded by documents, best first, with their scores; unchanged without documents."""
    numbers, weights = numbers[: feedback.documents], scores[: feedback.documents].astype(np.float64)
    if len(numbers) == 0:
        return query
    vectors = view.vectors(numbers)
    weights = np.repeat(weights / weights.sum(), np.diff(vectors.indptr))
    components, mean = add_up(vectors.components, vectors.values * weights)
    heaviest = np.argsort(-mean, kind="stable")[: feedback.components]
    mass = np.float64(query.values.sum(dtype=np.float64))
    added = feedback.weight * mass * mean[heaviest] / mean[heaviest].sum()
    components, total = add_up(
        np.concatenate([query.components, components[heaviest]]),
        np.concatenate([(1 - feedback.weight) * query.values, added]),
    )
    enough = total >= MIN_VALUE
    return query._replace(components=components[enough], values=total[enough].astype(np.float32))
