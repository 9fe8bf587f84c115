"""Fuse the runs of an evaluation, as the engine fuses the hits of one query."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from ir_measures import ScoredDoc

from seismic import ParameterError
from seismic.search.fusion import RRF_DEPTH, RRF_K, by_rank, normalized

Method = Literal["rrf", "weighted", "sum"]
Hits = Sequence[ScoredDoc]

DEPTH = RRF_DEPTH
"""Hits of each run that take part by default, as in searches."""


class Fuse(NamedTuple):
    """How to fuse runs. ``weights``: one per run; None: 1 for all. ``name``: as it was asked for."""

    method: Method
    weights: tuple[float, ...] | None
    name: str

    def check(self, names: Sequence[str]) -> None:
        """Raise ParameterError if the weights are not one for each run of these names."""
        if self.weights is not None and len(self.weights) != len(names):
            found = f"found {len(self.weights)} weights" if len(self.weights) > 1 else "found 1 weight"
            raise ParameterError(f"--fuse {self.name}: {found}, expected {len(names)}: for {', '.join(names)}")


def parse_fuse(text: str) -> Fuse:
    """Parse "rrf", "weighted" or "sum", with weights as in "sum:0.3,1". Raises ParameterError."""
    method, colon, weights = text.partition(":")
    for known in get_args(Method):
        if method == known:
            return Fuse(known, tuple(_weight(one, text) for one in weights.split(",")) if colon else None, text)
    raise ParameterError(
        f"--fuse {text}: expected {', '.join(get_args(Method))}, or one of them with weights as sum:0.3,1"
    )


def fuse(wanted: Fuse, runs: Sequence[Hits], numbers: Mapping[str, int]) -> list[ScoredDoc]:
    """Fuse the runs of one query: best first, ties by document number, those without one last."""
    weights = wanted.weights or (1.0,) * len(runs)
    totals: dict[tuple[str, str], float] = {}
    for hits, weight in zip(runs, weights, strict=True):
        for hit, share in zip(hits, _shares(hits, wanted.method), strict=True):
            key = hit.query_id, hit.doc_id
            totals[key] = totals.get(key, 0.0) + weight * share
    best = sorted(totals.items(), key=lambda hit: (-hit[1], numbers.get(hit[0][1], len(numbers))))
    return [ScoredDoc(query, document, score) for (query, document), score in best]


def _shares(hits: Hits, method: Method) -> list[float]:
    """Return what each hit of a run adds, before the run's weight."""
    if method == "rrf":
        return list(by_rank(len(hits), RRF_K).tolist())
    scores = np.array([hit.score for hit in hits], np.float64)
    return list((normalized(scores) if method == "weighted" else scores).tolist())


def _weight(text: str, option: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise ParameterError(f"--fuse {option}: found the weight {text!r}, expected a number above 0")
    return weight
