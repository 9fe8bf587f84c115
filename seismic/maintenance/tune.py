"""`seismic.tune`: find and store the cheapest settings that reach a target recall.

Settings form lanes: along a lane the heap factor grows, so recall and cost fall. Bisection searches each lane on a few
queries first. The cheapest candidates are then measured on all queries and timed against exact search. A setting
reaches a recall if the lower confidence bound of its measured recall does; exact search always does.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from seismic.errors import InputError, ParameterError
from seismic.index import Index, open_index
from seismic.layouts import LAYOUTS, Layout, Plan
from seismic.measure.recall import Recall, estimate, shares_found
from seismic.params import Profile, SearchParams
from seismic.query import known_components
from seismic.search.examples import resolve_batch
from seismic.store.profiles import write_profiles
from seismic.vectors import SparseVectors, VectorsLike, as_vectors

DEPTHS = (10, 100, 1000)
TARGETS = (0.90, 0.95, 0.97, 0.99)

EXACT = SearchParams(plan="exact")

PROBE = 100
"""Queries of the first pass over a lane."""

PASS, FEWEST = 10.0, 200
"""Queries per depth: the number that exact search answers in PASS seconds, but at least FEWEST if given. A depth takes
about ten passes."""

NEAR, MOST = 1.25, 2
"""Measured in full: the lane of `exact`, and up to MOST others within NEAR times the cost of the cheapest in the first
pass."""

ROUNDS, SECONDS = 8, 0.5
"""Timing is interleaved: ROUNDS rounds, on the queries that exact search answers in SECONDS (at least PROBE)."""

BOUND_SHARES = (0.95, 0.9, 0.85, 0.8)
"""Bound shares to try with `exact`, in addition to 1."""

WORTHWHILE = 0.95
"""An approximate setting is chosen only if it takes less than this share of the time of exact search."""

T = TypeVar("T")

Lane: TypeAlias = tuple[SearchParams, ...]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Callback progress(stage, done, total); total is an estimate until the stage ends."""


def tune(
    collection: str | Path,
    queries: "VectorsLike | None" = None,
    *,
    depths: Sequence[int] = DEPTHS,
    targets: Sequence[float] = TARGETS,
    sample: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Profile]:
    """Measure and store the cheapest settings for each target recall, and exact search, at each depth k.

    `queries`: real queries, as `search_batch` accepts them; `sample` of them are drawn at random, and fewer, but at
    least FEWEST, at depths where exact search is slow. None: pseudo-queries are made of random documents. The measured
    recall is only as good as their resemblance to real queries, so pass real ones if you have them. Costs are CPU times
    of one thread on this machine.

    The profiles replace those of the current generation, whose files are checked against their hashes first; an open
    index sees them after a refresh. Returns them by k, then recall. Raises ParameterError, InputError or StorageError.
    """
    depths, targets = _checked(depths, targets, sample)
    with open_index(collection, verify="full") as index:  # damage must not decide what a recall costs
        drawn = _draw(index, queries, sample, seed)
        index.warm_up()
        profiles = [
            profile for k in depths for profile in _Depth(index, drawn, k, progress or _silent).profiles(targets)
        ]
        write_profiles(Path(collection), index.generation, profiles)
    return profiles


def _checked(depths: Sequence[int], targets: Sequence[float], sample: int) -> tuple[list[int], list[float]]:
    depths, targets = sorted(set(depths)), sorted({float(target) for target in targets})
    if not depths or depths[0] < 1:
        raise ParameterError(f"depths: found {depths}, expected numbers of hits, at least 1 each")
    if not all(0 < target < 1 for target in targets):
        raise ParameterError(f"targets: found {targets}, expected recalls between 0 and 1 (exact is always measured)")
    if sample < 1:
        raise ParameterError(f"sample is {sample}, expected at least 1")
    return depths, targets


def _draw(index: Index, queries: "VectorsLike | None", sample: int, seed: int) -> SparseVectors:
    """Draw up to `sample` queries that match a document; recall is undefined for others."""
    if queries is None:
        given = index.pseudo_queries(sample, seed)
    else:
        given = resolve_batch(index.view, queries) if len(index.fields) > 1 else as_vectors(queries)
    vectors = known_components(given, index.dimension)
    matched = np.flatnonzero(index.search_batch(vectors, 1)[0][:, 0] >= 0)
    if len(matched) == 0:
        raise InputError(f"queries: found none of {len(vectors)} that any document matches, expected at least one")
    rows = np.random.default_rng(seed).permutation(matched)[:sample]
    return SparseVectors.concatenate([vectors.slice(row, row + 1) for row in rows.tolist()])


def _silent(*_: object) -> None:
    """Ignore progress."""


_ABOVE_ONE = np.round(1 + np.geomspace(0.005, 1.0, 48), 4).tolist()
_AROUND_ONE = np.round(np.linspace(0.4, 1.2, 33), 3).tolist()

LANES: dict[Plan, list[Lane]] = {
    "exact": [
        (EXACT, *(SearchParams(plan="exact", heap_factor=factor) for factor in _ABOVE_ONE)),
        *(
            tuple(SearchParams(plan="exact", bound_share=share, heap_factor=factor) for factor in (1.0, *_ABOVE_ONE))
            for share in BOUND_SHARES
        ),
    ],
    "lists": [
        tuple(SearchParams(plan="lists", query_cut=cut, heap_factor=factor) for factor in _AROUND_ONE)
        for cut in (2, 3, 5, 8, 12, 20)
    ],
}
"""Settings to try, by plan. A lane starts with the settings that find most; exact answers come first of all."""


def _lanes(layout: Layout) -> list[Lane]:
    return [lane for plan in LAYOUTS[layout].plans for lane in LANES[plan]]


class _Sample:
    """Results of queries at one depth, cached by setting."""

    def __init__(self, index: Index, queries: SparseVectors, k: int) -> None:
        self.index, self.queries, self.k = index, queries, k
        self.truth, self.exact_seconds = _search(index, queries, k, EXACT)
        self._seen: dict[SearchParams, tuple[npt.NDArray[np.float64], float]] = {}

    def shares(self, params: SearchParams) -> npt.NDArray[np.float64]:
        """Return the share of the exact answer found, per query."""
        return self._result(params)[0]

    def seconds(self, params: SearchParams) -> float:
        """Return the CPU time of one pass."""
        return self._result(params)[1]

    def recall(self, params: SearchParams) -> Recall:
        """Return the recall, which is 1 for exact search."""
        return Recall(1.0, 1.0, 1.0) if params == EXACT else estimate(self.shares(params))

    def _result(self, params: SearchParams) -> tuple[npt.NDArray[np.float64], float]:
        if params not in self._seen:
            found, seconds = _search(self.index, self.queries, self.k, params)
            self._seen[params] = shares_found(found, self.truth), seconds
        return self._seen[params]


class _Depth:
    """Tuning at one depth k."""

    def __init__(self, index: Index, queries: SparseVectors, k: int, progress: Progress) -> None:
        self.index, self.k, self.lanes = index, k, _lanes(index.manifest.layout)
        self.progress = progress
        self.few = self.all = _Sample(index, queries.slice(0, min(PROBE, len(queries))), k)
        count = min(len(queries), max(FEWEST, round(PASS * len(self.few.queries) / self.few.exact_seconds)))
        if count > PROBE:
            self.all = _Sample(index, queries.slice(0, count), k)
        self.queries = self.all.queries

    def profiles(self, targets: Sequence[float]) -> list[Profile]:
        """Return the cheapest setting for each target, and exact search."""
        stage, steps = f"k = {self.k}", len(targets) + ROUNDS
        candidates = {1.0: [EXACT]}
        for done, target in enumerate(targets):
            self.progress(stage, done, steps)
            candidates[target] = self._candidates(target)
        settings = list(dict.fromkeys(params for some in candidates.values() for params in some))
        costs = self._costs(settings, lambda done: self.progress(stage, len(targets) + done, steps))
        return [self._profile(target, candidates[target], costs) for target in (*targets, 1.0)]

    def _candidates(self, target: float) -> list[SearchParams]:
        """Return settings of the cheapest lanes that reach a recall, and exact search."""
        probes: list[tuple[float, int, Lane]] = []
        for lane in self.lanes:
            cheapest = min((seconds for seconds, _, _ in probes), default=math.inf)
            index, seconds = self._probe(lane, target, NEAR * cheapest)
            if index >= 0:
                probes.append((seconds, index, lane))
        exact, *others = probes  # the lane of `exact` always reaches the target
        others.sort(key=lambda probe: probe[0])
        limit = NEAR * min(seconds for seconds, _, _ in probes)
        candidates = [EXACT]
        for _, guess, lane in (exact, *(probe for probe in others[:MOST] if probe[0] <= limit)):
            index = last_true(lambda params: self.all.recall(params).lower >= target, lane, guess)
            candidates += lane[max(index, 0) : index + 1]
        return candidates

    def _probe(self, lane: Lane, target: float, limit: float) -> tuple[int, float]:
        """Return the index of the lane's cheapest setting that reaches a recall on few queries, and its seconds.

        The index is -1 if that takes more than `limit` seconds. Settings slower than `limit` are skipped.
        """

        def further(params: SearchParams) -> bool:
            return self.few.seconds(params) > limit or self.few.recall(params).mean >= target

        index = last_true(further, lane, len(lane) // 2)
        seconds = self.few.seconds(lane[max(index, 0)])
        return (index if seconds <= limit else -1), seconds

    def _costs(self, settings: Sequence[SearchParams], done: Callable[[int], None]) -> dict[SearchParams, float]:
        """Return the CPU microseconds per query: medians over rounds, in which all settings search the same queries."""
        each = self.all.exact_seconds / len(self.queries)
        count = min(len(self.queries), max(PROBE, round(SECONDS / each)))
        rounds = min(ROUNDS, count)
        times: dict[SearchParams, list[float]] = {params: [] for params in settings}
        for number in range(rounds):
            done(number)
            part = self.queries.slice(count * number // rounds, count * (number + 1) // rounds)
            _search(self.index, part, self.k, EXACT)  # warm the caches
            for params in settings[:: 1 if number % 2 else -1]:
                times[params].append(_search(self.index, part, self.k, params)[1] * 1e6 / len(part))
        done(ROUNDS)
        return {params: float(np.median(some)) for params, some in times.items()}

    def _profile(self, target: float, candidates: Sequence[SearchParams], costs: dict[SearchParams, float]) -> Profile:
        best = min(candidates, key=lambda params: costs[params])
        if costs[best] > WORTHWHILE * costs[EXACT]:
            best = EXACT
        recall = self.all.recall(best)
        return Profile(
            k=self.k,
            target=target,
            params=best,
            recall=recall.mean,
            lower=recall.lower,
            upper=recall.upper,
            microseconds=round(costs[best], 1),
            exact_microseconds=round(costs[EXACT], 1),
            queries=len(self.queries),
        )


def _search(index: Index, queries: SparseVectors, k: int, params: SearchParams) -> tuple[npt.NDArray[np.int64], float]:
    """Return the document numbers and the CPU seconds."""
    began = time.thread_time()
    numbers, _ = index.search_batch(queries, k, params=params)
    return numbers, time.thread_time() - began


def last_true(holds: Callable[[T], bool], items: Sequence[T], guess: int) -> int:
    """Return the index of the last item for which `holds` is true, or -1. `holds` must be monotone: true, then false.

    Gallops away from `guess`, then bisects.
    """
    low, high, step, index = -1, len(items), 1, guess
    while high - low > 1:
        if holds(items[index]):
            low = index
        else:
            high = index
        if low == -1:
            index = max(0, high - step)
        elif high == len(items):
            index = min(high - 1, low + step)
        else:
            index = (low + high) // 2
        step *= 2
    return low
