"""How much of the exact answers was found, and how sure a sample of queries makes of it."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95


class Recall(NamedTuple):
    """Mean share found over a sample of queries, and what the mean over all queries is above and below, each with
    95 % confidence."""

    mean: float
    lower: float
    upper: float


def shares_found(found: npt.NDArray[np.int64], exact: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Share of each exact answer among the documents found, both document numbers [n, k] with pads of -1.

    Queries that no document matches are left out.
    """
    rows = np.arange(len(exact), dtype=np.int64)[:, np.newaxis] << 33  # tell the rows' numbers apart
    wanted = exact >= 0
    hits, most = (np.isin(rows + exact, rows + found) & wanted).sum(axis=1), wanted.sum(axis=1)
    shares: npt.NDArray[np.float64] = hits[most > 0] / most[most > 0]
    return shares


def estimate(shares: npt.NDArray[np.float64]) -> Recall:
    """The recall of all queries, of which `shares_found` has seen a sample (at least one).

    One-sided normal bounds on the mean, each computed with one query more than was seen: a share of 0 for the lower,
    of 1 for the upper. Shares are skewed, and a few hundred of 1 do not prove that there is no other: so bounded, all
    of n shares being 1 says 1 - 2.6 / n, near the rule of three for proportions.
    """
    return Recall(float(shares.mean()), max(0.0, _bound(shares, 0.0)), min(1.0, _bound(shares, 1.0)))


def _bound(shares: npt.NDArray[np.float64], extreme: float) -> float:
    """A bound on the mean on the side of `extreme`."""
    widened = np.append(shares, extreme)
    error = widened.std(ddof=1) / np.sqrt(len(widened))
    return float(widened.mean() + (2 * extreme - 1) * NormalDist().inv_cdf(CONFIDENCE) * error)
