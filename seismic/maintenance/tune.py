"""`seismic.tune`: find and store the cheapest settings that keep a promised recall.

Settings lie in lanes: along a lane the heap factor grows, so recall and cost fall. A lane is searched by bisection, on
a few queries first; what looks cheapest there is measured on all of them, and timed beside exact answers. A setting
keeps a recall if the lower confidence bound of what was measured reaches it; exact answers always do.
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
from seismic.measure.recall import Recall, estimate, shares_found
from seismic.params import Layout, Profile, SearchParams
from seismic.query import known_components
from seismic.store.profiles import write_profiles
from seismic.vectors import SparseVectors, VectorsLike, as_vectors

DEPTHS = (10, 100, 1000)
TARGETS = (0.90, 0.95, 0.97, 0.99)

EXACT = SearchParams(plan="exact")

PROBE = 100
"""Queries of the first look at a lane."""

PASS, FEWEST = 10.0, 200
"""Queries of a depth: as many as exact answers take PASS seconds for, but FEWEST at least, if there are. A search for
1,000 of 2,210,455 documents takes 13 ms, and a depth some ten passes."""

NEAR, MOST = 1.25, 2
"""Measured in full are the lane of `exact`, and up to MOST others that a first look finds within NEAR times the cost of
the cheapest."""

ROUNDS, SECONDS = 8, 0.5
"""Settings are timed in turns, ROUNDS times, on as many queries as exact answers take SECONDS for (PROBE at least)."""

BOUND_SHARES = (0.95, 0.9, 0.85, 0.8)
"""Of `exact`, beside 1."""

WORTHWHILE = 0.95
"""An approximate answer is preferred to an exact one if it takes less than this share of its time."""

T = TypeVar("T")

Lane: TypeAlias = tuple[SearchParams, ...]

Progress: TypeAlias = Callable[[str, int, int], None]
"""progress(stage, done, total); total is an estimate until the stage ends."""


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
    """Measure what keeps each of the `targets` (recall), and exact answers, at each of the `depths` (k); store it.

    `queries`: real ones, as `search_batch` takes them, `sample` of which are drawn at random; fewer, FEWEST at least,
    are searched at depths where exact answers take long. None: queries are made
    of random documents; they resemble real ones, but the promise is as good as the resemblance, so give real ones if
    you have them. Costs are CPU times of one thread, on this machine.

    The profiles replace those of the collection's current generation; an index opened before does not see them. Returns
    them by k, then recall. Raises ParameterError, InputError or StorageError.
    """
    depths, targets = _checked(depths, targets, sample)
    with open_index(collection) as index:
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
    """Up to `sample` queries that some document matches; recall says nothing of the others."""
    given = index.pseudo_queries(sample, seed) if queries is None else as_vectors(queries)
    vectors = known_components(given, index.dimension)
    matched = np.flatnonzero(index.search_batch(vectors, 1)[0][:, 0] >= 0)
    if len(matched) == 0:
        raise InputError(f"queries: found none of {len(vectors)} that any document matches, expected at least one")
    rows = np.random.default_rng(seed).permutation(matched)[:sample]
    return SparseVectors.concatenate([vectors.slice(row, row + 1) for row in rows.tolist()])


def _silent(*_: object) -> None:
    """No progress wanted."""


def _lanes(layout: Layout) -> list[Lane]:
    """All settings to try; a lane starts with what finds most."""
    above = np.round(1 + np.geomspace(0.005, 1.0, 48), 4).tolist()
    lanes = [(EXACT, *(SearchParams(plan="exact", heap_factor=factor) for factor in above))]
    lanes += [
        tuple(SearchParams(plan="exact", bound_share=share, heap_factor=factor) for factor in (1.0, *above))
        for share in BOUND_SHARES
    ]
    if layout == "lists":
        factors = np.round(np.linspace(0.4, 1.2, 33), 3).tolist()
        lanes += [
            tuple(SearchParams(plan="blocks", query_cut=cut, heap_factor=factor) for factor in factors)
            for cut in (2, 3, 5, 8, 12, 20)
        ]
    return lanes


class _Sample:
    """Searches of some queries at one depth; each setting is searched once."""

    def __init__(self, index: Index, queries: SparseVectors, k: int) -> None:
        self.index, self.queries, self.k = index, queries, k
        self.truth, self.exact_seconds = _search(index, queries, k, EXACT)
        self._seen: dict[SearchParams, tuple[npt.NDArray[np.float64], float]] = {}

    def shares(self, params: SearchParams) -> npt.NDArray[np.float64]:
        """Share of the exact answer found, by query."""
        return self._result(params)[0]

    def seconds(self, params: SearchParams) -> float:
        """CPU time of one pass."""
        return self._result(params)[1]

    def recall(self, params: SearchParams) -> Recall:
        """Of exact answers 1, by construction."""
        return Recall(1.0, 1.0, 1.0) if params == EXACT else estimate(self.shares(params))

    def _result(self, params: SearchParams) -> tuple[npt.NDArray[np.float64], float]:
        if params not in self._seen:
            found, seconds = _search(self.index, self.queries, self.k, params)
            self._seen[params] = shares_found(found, self.truth), seconds
        return self._seen[params]


class _Depth:
    """Tuning for one k."""

    def __init__(self, index: Index, queries: SparseVectors, k: int, progress: Progress) -> None:
        self.index, self.k, self.lanes = index, k, _lanes(index.manifest.layout)
        self.progress = progress
        self.few = self.all = _Sample(index, queries.slice(0, min(PROBE, len(queries))), k)
        count = min(len(queries), max(FEWEST, round(PASS * len(self.few.queries) / self.few.exact_seconds)))
        if count > PROBE:
            self.all = _Sample(index, queries.slice(0, count), k)
        self.queries = self.all.queries

    def profiles(self, targets: Sequence[float]) -> list[Profile]:
        """The cheapest settings for each target, and exact answers."""
        stage, steps = f"k = {self.k}", len(targets) + ROUNDS
        keeping = {1.0: [EXACT]}
        for done, target in enumerate(targets):
            self.progress(stage, done, steps)
            keeping[target] = self._keeping(target)
        settings = list(dict.fromkeys(params for some in keeping.values() for params in some))
        costs = self._costs(settings, lambda done: self.progress(stage, len(targets) + done, steps))
        return [self._profile(target, keeping[target], costs) for target in (*targets, 1.0)]

    def _keeping(self, target: float) -> list[SearchParams]:
        """Settings that keep a recall, of the lanes that look cheapest; exact answers among them."""
        looks: list[tuple[float, int, Lane]] = []
        for lane in self.lanes:
            cheapest = min((seconds for seconds, _, _ in looks), default=math.inf)
            at, seconds = self._look(lane, target, NEAR * cheapest)
            if at >= 0:
                looks.append((seconds, at, lane))
        ours, *others = looks  # the lane of `exact` always keeps it
        others.sort(key=lambda look: look[0])
        limit = NEAR * min(seconds for seconds, _, _ in looks)
        keeping = [EXACT]
        for _, guess, lane in (ours, *(look for look in others[:MOST] if look[0] <= limit)):
            at = last_that(lambda params: self.all.recall(params).lower >= target, lane, guess)
            keeping += lane[max(at, 0) : at + 1]
        return keeping

    def _look(self, lane: Lane, target: float, limit: float) -> tuple[int, float]:
        """Where a lane's cheapest setting lies that keeps a recall on the few queries, and its seconds there; -1 if it
        takes more than `limit`. What is slower than that is passed over, whatever it finds."""

        def further(params: SearchParams) -> bool:
            return self.few.seconds(params) > limit or self.few.recall(params).mean >= target

        at = last_that(further, lane, len(lane) // 2)
        seconds = self.few.seconds(lane[max(at, 0)])
        return (at if seconds <= limit else -1), seconds

    def _costs(self, settings: Sequence[SearchParams], done: Callable[[int], None]) -> dict[SearchParams, float]:
        """Microseconds of CPU per query: medians over rounds, in each of which all settings search the same queries."""
        each = self.all.exact_seconds / len(self.queries)
        count = min(len(self.queries), max(PROBE, round(SECONDS / each)))
        rounds = min(ROUNDS, count)
        times: dict[SearchParams, list[float]] = {params: [] for params in settings}
        for number in range(rounds):
            done(number)
            part = self.queries.slice(count * number // rounds, count * (number + 1) // rounds)
            _search(self.index, part, self.k, EXACT)  # so that none finds the caches cold
            for params in settings[:: 1 if number % 2 else -1]:
                times[params].append(_search(self.index, part, self.k, params)[1] * 1e6 / len(part))
        done(ROUNDS)
        return {params: float(np.median(some)) for params, some in times.items()}

    def _profile(self, target: float, keeping: Sequence[SearchParams], costs: dict[SearchParams, float]) -> Profile:
        best = min(keeping, key=lambda params: costs[params])
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
    """Document numbers, and seconds of CPU."""
    began = time.thread_time()
    numbers, _ = index.search_batch(queries, k, params=params)
    return numbers, time.thread_time() - began


def last_that(holds: Callable[[T], bool], items: Sequence[T], guess: int) -> int:
    """Where the last item lies for which `holds` is true, if it is true up to some item and false from there; else -1.

    Looks around `guess` first, further and further, then bisects.
    """
    low, high, step, at = -1, len(items), 1, guess
    while high - low > 1:
        if holds(items[at]):
            low = at
        else:
            high = at
        if low == -1:
            at = max(0, high - step)
        elif high == len(items):
            at = min(high - 1, low + step)
        else:
            at = (low + high) // 2
        step *= 2
    return low
