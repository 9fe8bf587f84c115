"""Fusing what several searches found for one question.

Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009) looks at ranks, a weighted sum at scores that are
brought to one scale within each run, as in OpenSearch's min-max normalisation.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.errors import InputError, ParameterError
from seismic.search.examples import numbers_of
from seismic.search.request import Fusion, Run
from seismic.search.task import Result, Task
from seismic.view.scope import Scope
from seismic.view.view import View

RRF_K, RRF_DEPTH = 60, 100
"""Constant of the fusion of fields by rank, and hits of each field that take part, unless a page needs more."""

LEAST = 0.001
"""Normalised score of a run's last hit: above that of documents outside the run."""


class Ranking(NamedTuple):
    """Documents, best first, with their scores, and the ranking's weight."""

    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.floating[Any]]
    weight: float


def fuse(view: View, task: Task, result: Result) -> Result:
    """Fuse a task's own hits with the runs of its request: the documents of its scope, except its examples, best first,
    ties by number, from the score threshold on.

    Raises ParameterError if a run has an id twice, or of another type than the collection's.
    """
    fusion, excluded = task.request.fusion, task.query.examples
    assert fusion is not None
    own = result.numbers[: fusion.depth], result.scores[: fusion.depth].astype(np.float64)
    rankings, warnings = [Ranking(*own, fusion.weight)], list[str]()
    for at, run in enumerate(fusion.runs):
        ranking, unknown = _ranking(view, task.scope, run, excluded, f"fusion.runs[{at}]")
        rankings.append(ranking)
        if unknown:
            examples = ", ".join(map(repr, unknown[:3])) + (", ..." if len(unknown) > 3 else "")
            warnings.append(f"fusion.runs[{at}]: {len(unknown)} ids are not in the collection ({examples})")
    shares = [_shares(ranking.scores, fusion) for ranking in rankings]
    numbers, scores = _added(rankings, shares, task.request.score_threshold or 0.0)
    return result._replace(numbers=numbers, scores=scores, warnings=tuple(warnings))


def fuse_runs(task: Task, results: Sequence[Result]) -> Result:
    """Fuse the hits of the fields of a task's query by their ranks, from the score threshold on."""
    weights = [weight for _, weight in task.query.runs]
    rankings = [Ranking(one.numbers, one.scores, weight) for one, weight in zip(results, weights, strict=True)]
    shares = [by_rank(len(ranking.numbers), RRF_K) for ranking in rankings]
    numbers, scores = _added(rankings, shares, task.request.score_threshold or 0.0)
    counters = sum((one.counters for one in results), task.spent)
    return Result(numbers, scores, None, counters)


def _added(
    rankings: Sequence[Ranking], shares: Sequence[npt.NDArray[np.float64]], least: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the documents of rankings with their weighted shares added up: best first, ties by number."""
    totals: dict[int, float] = {}
    for ranking, adds in zip(rankings, shares, strict=True):
        for number, share in zip(ranking.numbers.tolist(), adds.tolist(), strict=True):
            totals[number] = totals.get(number, 0.0) + ranking.weight * share
    best = sorted((hit for hit in totals.items() if hit[1] >= least), key=lambda hit: (-hit[1], hit[0]))
    return np.array([number for number, _ in best], np.int64), np.array([score for _, score in best], np.float64)


def by_rank(hits: int, k: int) -> npt.NDArray[np.float64]:
    """Return the reciprocal rank fusion score of each rank."""
    return np.reciprocal(k + np.arange(1, hits + 1, dtype=np.float64))


def _shares(scores: npt.NDArray[np.floating[Any]], fusion: Fusion) -> npt.NDArray[np.float64]:
    """Return what each hit of a ranking adds, before the ranking's weight."""
    if fusion.method == "rrf":
        return by_rank(len(scores), fusion.k)
    return normalized(scores)


def normalized(scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return descending scores of a run on the scale from LEAST to 1."""
    if len(scores) == 0 or scores[0] == scores[-1]:
        return np.ones(len(scores))
    # Halved, since the distance of two finite numbers may not be one.
    best, least = float(scores[0]) / 2, float(scores[-1]) / 2
    return np.clip((scores / 2 - least) / (best - least), LEAST, 1)


def _ranking(
    view: View, scope: Scope, run: Run, excluded: Sequence[int], where: str
) -> tuple[Ranking, list[str | int]]:
    """Return a run's documents in the scope, except `excluded`, and its ids that the collection lacks."""
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
    kept = (numbers >= 0) & ~np.isin(numbers, excluded)
    kept[kept] = view.contains(scope, numbers[kept])
    return Ranking(numbers[kept], scores[kept], run.weight), unknown
