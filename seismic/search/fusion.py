"""Fusing what several searches found for one question.

Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009) looks at ranks, a weighted sum at scores that are
brought to one scale within each run, as in OpenSearch's min-max normalisation.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.errors import InputError, ParameterError
from seismic.kernels.maxima import BLOCK
from seismic.search.examples import numbers_of
from seismic.search.request import Fusion, Run
from seismic.view.scope import Scope
from seismic.view.view import View

LEAST = 0.001
"""What the last hit of a run scores after normalisation: more than one that is not in it."""


class Ranking(NamedTuple):
    """Documents, best first, with their scores, and what they count."""

    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    weight: float


class Fused(NamedTuple):
    """Document numbers int64 and scores float64, best first, ties by number; and what the caller might not expect."""

    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    warnings: tuple[str, ...]


def fuse(
    view: View,
    scope: Scope,
    numbers: npt.NDArray[np.int64],
    scores: npt.NDArray[np.floating[Any]],
    fusion: Fusion,
    besides: Sequence[int] = (),
) -> Fused:
    """The engine's own hits and the runs that came along, as one ranking of documents of the scope, but for `besides`.
    ParameterError if a run has an id twice, or of another type than the view's."""
    rankings = [Ranking(numbers[: fusion.depth], scores[: fusion.depth].astype(np.float64), fusion.weight)]
    warnings: tuple[str, ...] = ()
    for at, run in enumerate(fusion.runs):
        ranking, unknown = _ranking(view, scope, run, besides, f"fusion.runs[{at}]")
        rankings.append(ranking)
        if unknown:
            shown = ", ".join(map(repr, unknown[:3])) + (", ..." if len(unknown) > 3 else "")
            warnings += (f"fusion.runs[{at}]: {len(unknown)} ids are not in the collection ({shown})",)
    totals: dict[int, float] = {}
    for ranking in rankings:
        for number, share in zip(ranking.numbers.tolist(), _shares(ranking.scores, fusion).tolist(), strict=True):
            totals[number] = totals.get(number, 0.0) + ranking.weight * share
    best = sorted(totals.items(), key=lambda hit: (-hit[1], hit[0]))
    return Fused(np.array([n for n, _ in best], np.int64), np.array([s for _, s in best], np.float64), warnings)


def _shares(scores: npt.NDArray[np.float64], fusion: Fusion) -> npt.NDArray[np.float64]:
    """What each hit of a ranking adds, but for the ranking's weight."""
    if fusion.method == "rrf":
        ranks = np.arange(1, len(scores) + 1, dtype=np.float64)
        return np.reciprocal(fusion.k + ranks)
    if len(scores) == 0 or scores[0] == scores[-1]:
        return np.ones(len(scores))
    # Halved, since the distance of two finite numbers may not be one.
    best, least = float(scores[0]) / 2, float(scores[-1]) / 2
    return np.clip((scores / 2 - least) / (best - least), LEAST, 1)


def _ranking(view: View, scope: Scope, run: Run, besides: Sequence[int], where: str) -> tuple[Ranking, list[str | int]]:
    """A run's documents that are in the scope, but for `besides`; and its ids that are not in the collection."""
    ids = [hit.id for hit in run.hits]
    if len(set(ids)) < len(ids):
        twice = next(one for at, one in enumerate(ids) if one in ids[:at])
        raise ParameterError(f"{where}: found id {twice!r} twice, expected each once")
    try:
        numbers = np.array(numbers_of(view, ids), np.int64)
    except InputError as error:
        raise ParameterError(f"{where}: {error}") from None
    unknown = [one for one, number in zip(ids, numbers.tolist(), strict=True) if number < 0]
    scores = np.array([hit.score for hit in run.hits], np.float64)
    order = np.argsort(-scores, kind="stable")
    numbers, scores = numbers[order], scores[order]
    kept = (numbers >= 0) & ~np.isin(numbers, besides)
    kept[kept] = _within(view, scope, numbers[kept])
    return Ranking(numbers[kept], scores[kept], run.weight), unknown


def _within(view: View, scope: Scope, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether documents are in the scope."""
    inside = np.ones(len(numbers), bool)
    for shard, part, first in zip(view.shards, scope.parts, view.firsts, strict=False):
        here = np.flatnonzero((numbers >= first) & (numbers < first + len(shard)))
        if len(part.allowed) and len(here):
            positions = shard.positions(numbers[here] - first).astype(np.int64)
            inside[here] = (part.allowed[positions // BLOCK] >> (positions % BLOCK).astype(np.uint8)) & 1 == 1
    return inside
