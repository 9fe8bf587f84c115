"""The planner: choose the plan and its knobs for a search.

A profile promises a recall at the depth k it was measured at. It also holds on the side of k where its plan finds a
larger share of the top k: `exact` with a heap factor finds a larger share as k grows, and so does a bound share from
10 hits on; `lists` finds a larger share as k shrinks. docs/benchmarks/decisions-query.md has the measurements.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from seismic.errors import ParameterError
from seismic.layouts import LAYOUTS, Layout, Plan
from seismic.params import Profile, SearchParams
from seismic.store.manifest import Kept

STEADY_DEPTH = 10
"""From this many hits on, the share that a bound share finds does not shrink with k."""

DOCUMENTS_PER_HIT = 2000
"""Term-at-a-time accumulation is cheaper than block bounds up to this number of documents per hit."""

SCANNED_BLOCKS, BLOCKS_PER_SCANNED = 96, 512
"""Scoring every allowed block is cheaper than bounding a shard up to SCANNED_BLOCKS allowed blocks, plus one for every
BLOCKS_PER_SCANNED blocks of the shard."""


def accumulates(documents: int, k: int) -> bool:
    """Return whether accumulation is cheaper than block bounds in a shard of that size."""
    return documents <= DOCUMENTS_PER_HIT * k


def scans(allowed: int, blocks: int) -> bool:
    """Return whether scoring all `allowed` blocks is cheaper than bounding all `blocks` of a shard."""
    return allowed <= SCANNED_BLOCKS + blocks // BLOCKS_PER_SCANNED


def accumulation_depth(documents: int) -> int:
    """Return the smallest k for which a shard of that size accumulates."""
    return max(1, -(-documents // DOCUMENTS_PER_HIT))


class Choice(NamedTuple):
    """A plan and its knobs. `query_cut` belongs to `lists`, `bound_share` to `exact`.

    `profile` is the one that a requested recall selected.
    """

    plan: Plan
    query_cut: int
    heap_factor: float
    bound_share: float = 1.0
    profile: Profile | None = None

    @property
    def prunes(self) -> bool:
        """Whether knobs make the plan `exact` approximate."""
        return self.plan == "exact" and (self.heap_factor, self.bound_share) != (1.0, 1.0)

    @property
    def exact(self) -> bool:
        """Whether answers are the true top k of the stored values."""
        return self.plan == "exact" and self.heap_factor <= 1 and self.bound_share == 1

    def under_filter(self) -> "Choice":
        """Return the choice for a search of few documents: exact, unless the request sets knobs of `exact`.

        Profiles were measured without a filter. Under one, `lists` loses recall and takes longer than `exact`: lists
        were pruned for the best documents of all, and it has to read further and further down.
        """
        if self.plan == "exact" and self.profile is None:
            return self
        return _EXACT._replace(query_cut=self.query_cut)


DEFAULT_KNOBS: dict[Plan, Choice] = {
    "exact": Choice("exact", query_cut=15, heap_factor=1.0),
    "lists": Choice("lists", query_cut=15, heap_factor=0.6),
}
"""What a plan uses where the request sets nothing."""

_EXACT = DEFAULT_KNOBS["exact"]
_DEFAULTS = SearchParams()


@dataclass(frozen=True, slots=True)
class Planner:
    """The planner of one index. `kept`: how much of the exact answers its layout keeps, by depth."""

    layout: Layout
    profiles: tuple[Profile, ...] = ()
    kept: tuple[Kept, ...] = ()

    def choose(self, k: int, params: SearchParams | None = None) -> Choice:
        """Choose the plan and knobs for searches of k hits.

        A recall selects the cheapest profile of the nearest depth that keeps it; with no such profile, and without a
        recall, the answer is exact. Recall that the layout lost when it was built counts as well: of the true top k, at
        most what the layout lost plus what the search misses is missing.

        Raises ParameterError if the index cannot serve the plan or the recall.
        """
        if k < 1:
            raise ParameterError(f"k is {k}, expected at least 1")
        params = params or _DEFAULTS
        if params.recall is None:
            return self._with_knobs(params)
        needed = self._needed(k, params.recall)
        keeping = [profile for profile in self.profiles if _keeps(profile, needed, k)]
        if not keeping:
            return _EXACT
        measured = [profile for profile in keeping if profile.k == k]
        best = min(measured or keeping, key=lambda profile: _preference(profile, k))
        return self._with_knobs(best.params)._replace(profile=best)

    def reason(self, k: int, params: SearchParams, choice: Choice, *, narrow: bool) -> str:
        """Say why `choose` chose so. `narrow`: a filter or group_by restricts the search."""
        if narrow and (params.recall is not None or params.plan == "lists"):
            return "a filter or group_by restricts the search, where only exact answers are reliable"
        if params.recall is None:
            return _reason_without_recall(params, choice)
        wanted, profile = f"recall {params.recall:g} for {k} hits", choice.profile
        if profile is None:
            if not self.profiles:
                return f"nothing was measured (`seismic tune`) to keep {wanted}, so the answer is exact"
            return f"none of the profiles keeps {wanted}, so the answer is exact"
        needed = self._needed(k, params.recall)
        keeping = sum(_keeps(one, needed, k) for one in self.profiles)
        return (
            f"{keeping} of {len(self.profiles)} profiles keep {wanted}; the cheapest of the nearest depth, "
            f"k = {profile.k}, was measured at recall {profile.recall:.4f} (above {profile.lower:.4f} with 95 % "
            f"confidence) in {profile.microseconds:.0f} us, an exact answer in {profile.exact_microseconds:.0f}"
        )

    def _needed(self, k: int, recall: float) -> float:
        """Return the recall that a profile has to promise."""
        return round(recall + self._loss(k, recall), 9)  # 0.92 + 0.05 is above 0.97 otherwise

    def _loss(self, k: int, recall: float) -> float:
        """Return the share of the true top k that even exact answers may lack, by the measured depths around k."""
        if not self.kept:
            if LAYOUTS[self.layout].lossy:
                raise ParameterError(
                    f"recall {recall}: the layout '{self.layout}' is lossy, and only a build of documents measures how "
                    "much it keeps; leave recall out to get the best it can do, or use another layout"
                )
            return 0.0
        below, above = ([entry for entry in self.kept if side * entry.k <= side * k] for side in (1, -1))
        lower = min(entry.lower for entry in (*below[-1:], *above[:1]))
        if recall > lower:
            raise ParameterError(
                f"recall {recall} is more than this index keeps of the top {k}: the layout '{self.layout}' is lossy, "
                f"and its exact answers have a recall of at least {lower:.3f} (95 % confidence); ask for no more, "
                "leave recall out to get the best it can do, or build with the layout 'shared'"
            )
        return 1.0 - lower

    def _with_knobs(self, params: SearchParams) -> Choice:
        plan: Plan = "exact" if params.plan == "auto" else params.plan
        if plan not in LAYOUTS[self.layout].plans:
            able = ", ".join(f"'{layout}'" for layout, storage in LAYOUTS.items() if plan in storage.plans)
            raise ParameterError(
                f"plan '{plan}' needs posting lists, which the layout '{self.layout}' does not store; use 'exact', or "
                f"build the index with the layout {able}"
            )
        default = DEFAULT_KNOBS[plan]
        return Choice(
            plan,
            params.query_cut or default.query_cut if plan == "lists" else default.query_cut,
            params.heap_factor or default.heap_factor,
            params.bound_share or default.bound_share if plan == "exact" else default.bound_share,
        )


def _reason_without_recall(params: SearchParams, choice: Choice) -> str:
    if choice.prunes:
        knobs = f"heap_factor {choice.heap_factor:g} and bound_share {choice.bound_share:g}"
        return f"{knobs} were asked for, so the answer may not be exact"
    if params.plan == "auto":
        return "no recall was asked for, so the answer is exact"
    return f"plan '{params.plan}' was asked for"


def _preference(profile: Profile, k: int) -> tuple[bool, float, float]:
    """Return a sort key, best first: costs relative to exact answers differ by depth, so the nearest depth comes first,
    as its knobs are the loosest that hold."""
    return profile.exact, abs(math.log(profile.k / k)), profile.microseconds / profile.exact_microseconds


def _keeps(profile: Profile, recall: float, k: int) -> bool:
    if profile.lower < recall:
        return False
    if profile.exact or k == profile.k:
        return True
    if profile.params.bound_share is not None and profile.k < STEADY_DEPTH:
        return False
    finds_more_at_smaller_k = profile.params.plan == "lists"
    return (k < profile.k) == finds_more_at_smaller_k
