"""Pseudo-relevance feedback: a query widened by what its own best documents have (Rocchio's, as in RM3).

The components that weigh most in the mean of the documents, each by its score, are added to the query: both as shares
of their weight, so that scores stay in the query's own range.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.query import Query
from seismic.search.request import Feedback
from seismic.vectors import MIN_VALUE
from seismic.view.view import View


def widened(
    view: View, query: Query, numbers: npt.NDArray[np.int64], scores: npt.NDArray[np.floating[Any]], feedback: Feedback
) -> Query:
    """The query after feedback from documents and their scores, best first; itself if there are none."""
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
