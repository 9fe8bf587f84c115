"""Measures of `seismic evaluate`: recall against exact answers, effectiveness by judgements, latency."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ir_measures
import numpy as np
import numpy.typing as npt
from ir_measures import RR, Qrel, R, ScoredDoc, nDCG

from seismic import ParameterError
from seismic.measure.recall import shares_found

MEASURES: tuple[Any, ...] = (nDCG @ 10, RR @ 10, R @ 10, R @ 100, R @ 1000)

DEEPEST = 1000
"""Hits per query for measures without a cutoff."""

_NAME = re.compile(r"[^\s,(]+(?:\([^)]*\))?(?:@\d+)?")


@dataclass(frozen=True, slots=True)
class Latency:
    """Microseconds per query."""

    p50: float
    p95: float
    p99: float
    mean: float


def recall(found: npt.NDArray[np.int64], exact: npt.NDArray[np.int64]) -> float:
    """Return the mean share of the exact top k that was found. Both are document numbers [n, k], padded with -1.

    Queries that match no document do not count; NaN if there are no others.
    """
    shares = shares_found(found, exact)
    return float(shares.mean()) if len(shares) else float("nan")


def parse_measures(text: str) -> tuple[Any, ...]:
    """Return the measures that a text such as "nDCG@20 AP(rel=2)" names. Raises ParameterError."""
    measures = []
    for name in _NAME.findall(text):
        try:
            measure = ir_measures.parse_measure(name)
            supported = ir_measures.DefaultPipeline.supports(measure)
        except Exception as error:  # it evaluates names, and raises what that raises
            problem = str(error).splitlines()[0] if str(error) else type(error).__name__
            expected = "measures of ir-measures such as nDCG@20, AP(rel=2) or P@5"
            raise ParameterError(f"--measures {name}: {problem}; expected {expected}") from None
        if not supported:
            raise ParameterError(f"--measures {name}: nothing installed computes it; see ir-measures' documentation")
        measures.append(measure)
    if not measures:
        raise ParameterError("--measures: found none, expected measures such as nDCG@20 or AP(rel=2)")
    return tuple(dict.fromkeys(measures))


def effectiveness(
    qrels: Sequence[Qrel], run: Callable[[int], Sequence[ScoredDoc]], measures: Sequence[Any] = MEASURES
) -> dict[str, float]:
    """Return the means of measures over the queries of `qrels`.

    `run(k)` returns the hits of searches for k hits, best first. They are judged in that order: libraries would sort
    them by score and break ties by id.
    """
    results = {}
    for measure in measures:
        results[str(measure)] = float(ir_measures.calc_aggregate([measure], qrels, _ranked(run, measure))[measure])
    return results


def values_by_query(
    qrels: Sequence[Qrel], run: Callable[[int], Sequence[ScoredDoc]], measures: Sequence[Any] = MEASURES
) -> dict[str, dict[str, float]]:
    """Return the value of every judged query, by measure and query; 0 for queries without hits. `run` as before."""
    judged = dict.fromkeys(qrel.query_id for qrel in qrels)
    values = {str(measure): dict.fromkeys(judged, 0.0) for measure in measures}
    for measure in measures:
        for found in ir_measures.iter_calc([measure], qrels, _ranked(run, measure)):
            values[str(measure)][found.query_id] = float(found.value)
    return values


def _ranked(run: Callable[[int], Sequence[ScoredDoc]], measure: Any) -> list[ScoredDoc]:
    """Return the hits that a measure needs, with scores that keep their order."""
    hits = run(measure.params.get("cutoff") or DEEPEST)
    return [ScoredDoc(hit.query_id, hit.doc_id, -float(rank)) for rank, hit in enumerate(hits)]


def latencies(search: Callable[[Any], object], queries: Sequence[Any]) -> npt.NDArray[np.float64]:
    """Return the microseconds of `search` per query, float64 [n], one query after another."""
    times = np.empty(len(queries))
    for number, query in enumerate(queries):
        began = time.perf_counter_ns()
        search(query)
        times[number] = (time.perf_counter_ns() - began) / 1e3
    return times


def summary(microseconds: npt.NDArray[np.float64]) -> Latency:
    """Return percentiles and mean."""
    p50, p95, p99 = np.percentile(microseconds, (50, 95, 99)).tolist()
    return Latency(p50, p95, p99, float(microseconds.mean()))
