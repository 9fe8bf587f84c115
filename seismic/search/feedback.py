"""Pseudo-relevance feedback: expand a query by components of its own best documents (Rocchio, as in RM3).

The heaviest components of the documents' score-weighted mean are added to the query. Query and expansion each keep a
fixed share of the query's total weight, so that scores stay in its range.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

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
    mean = np.bincount(vectors.components, vectors.values * weights, view.manifest.dimension)
    heaviest = np.argsort(-mean, kind="stable")[: feedback.components]
    heaviest = heaviest[mean[heaviest] > 0]
    mass = np.float64(query.values.sum(dtype=np.float64))
    total = np.zeros(len(mean))
    total[query.components] = (1 - feedback.weight) * query.values
    total[heaviest] += feedback.weight * mass * mean[heaviest] / mean[heaviest].sum()
    components = np.flatnonzero(total >= MIN_VALUE)
    return query._replace(components=components.astype(np.uint32), values=total[components].astype(np.float32))
