"""Measure recall on a sample of queries, with confidence bounds."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95


class Recall(NamedTuple):
    """Mean recall of a sample of queries, with one-sided 95 % confidence bounds on the mean of all queries."""

    mean: float
    lower: float
    upper: float


def shares_found(found: npt.NDArray[np.int64], exact: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return each query's recall: the share of its exact answer that was found. Queries without matches are skipped.

    Both arguments are document numbers [n, k], padded with -1.
    """
    rows = np.arange(len(exact), dtype=np.int64)[:, np.newaxis] << 33  # makes the rows' numbers distinct
    wanted = exact >= 0
    hits, sizes = (np.isin(rows + exact, rows + found) & wanted).sum(axis=1), wanted.sum(axis=1)
    shares: npt.NDArray[np.float64] = hits[sizes > 0] / sizes[sizes > 0]
    return shares


def estimate(shares: npt.NDArray[np.float64]) -> Recall:
    """Estimate the recall of all queries from the shares of a sample (at least one).

    The bounds are one-sided normal bounds on the mean of the sample plus one extreme share: 0 for the lower, 1 for the
    upper. Without it, n shares of 1 would give a lower bound of 1; with it, 1 - 2.6 / n, close to the rule of three.
    """
    lower, upper = _confidence_bound(shares, 0.0), _confidence_bound(shares, 1.0)
    return Recall(float(shares.mean()), max(0.0, lower), min(1.0, upper))


def _confidence_bound(shares: npt.NDArray[np.float64], extreme: float) -> float:
    """Return the bound on the mean on the side of `extreme`."""
    widened = np.append(shares, extreme)
    error = widened.std(ddof=1) / np.sqrt(len(widened))
    return float(widened.mean() + (2 * extreme - 1) * NormalDist().inv_cdf(CONFIDENCE) * error)
