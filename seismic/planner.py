"""Which plan answers a query, with which knobs.

A profile says what keeps a recall at the depth k at which it was measured. It also holds elsewhere, on the side where
its plan finds the larger share of the top k. Measured with fixed knobs on 319,203 documents, k = 1, 10, 100, 1,000: the
share that `exact` with a heap factor finds grows with k, so a profile holds for any larger k (heap factor 1.05: 0.944,
0.953, 0.966, 0.981), and so does, from 10 hits on, the one with a bound share (0.9: 0.993, 0.973, 0.976, 0.977); the
share that `blocks` finds shrinks, so a profile holds for any smaller k (query cut 8, heap factor 0.7: 0.976, 0.975,
0.949, 0.850)."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from seismic.errors import ParameterError
from seismic.params import Layout, Plan, Profile, SearchParams
from seismic.store.manifest import Kept

QUERY_CUT, HEAP_FACTOR = 15, 0.6
"""Of `blocks`, if not given."""

STEADY = 10
"""From so many hits on, what a bound share finds does not shrink with k."""


DOCUMENTS_PER_HIT = 2000
"""Exact search adds up all impacts, where a shard has them, if it has at most so many documents for each hit wanted. On
319,203 documents that takes 456 us for 10 hits, 460 for 100 and 585 for 1,000, where bounding blocks takes 91, 360 and
2,139; on 65,536 of them 107, 111 and 177 for 51, 198 and 1,334; on 5,183 long ones 48, 57 and 89 for 158, 442 and
1,133."""


def accumulates(documents: int, k: int) -> bool:
    """Whether adding up is cheaper than bounding blocks, for a shard of so many documents."""
    return documents <= DOCUMENTS_PER_HIT * k


SCANNED, BLOCKS_PER_SCANNED = 96, 512
"""Where so few blocks have a document that may be returned, and one more for so many blocks of the shard, exact search
scores all of them. Of 39,901 blocks it takes 31 us to score 37 and 88 to score 303, but 45 and 60 to bound all; of
5,000 blocks 14 to score 28 and 33 to score 156, but 18 and 29."""


def scans(allowed: int, blocks: int) -> bool:
    """Whether scoring all is cheaper than bounding, if so many of a shard's blocks have what may be returned."""
    return allowed <= SCANNED + blocks // BLOCKS_PER_SCANNED


def depth_to_accumulate(documents: int) -> int:
    """The smallest k for which it is."""
    return max(1, -(-documents // DOCUMENTS_PER_HIT))


class Choice(NamedTuple):
    """How queries are answered. ``query_cut`` is for `blocks`, ``bound_share`` for `exact`; ``profile``: what a recall
    asked for has chosen."""

    plan: Plan
    query_cut: int
    heap_factor: float
    bound_share: float = 1.0
    profile: Profile | None = None

    def under_filter(self) -> "Choice":
        """The same for searches under a filter: exact, unless a heap factor was asked for.

        A recall was measured without one. On 319,203 documents, under filters that let 37 % to 0.1 % of them through,
        `blocks` finds 0.986 to 0.600 of the top 10 with knobs that find 0.995 of all, and takes longer than `exact`:
        what it looks for is further and further down in lists that were pruned for the best documents of all.
        """
        if self.plan == "exact" and self.profile is None:
            return self
        return Choice("exact", self.query_cut, 1.0)


@dataclass(frozen=True, slots=True)
class Planner:
    """Chooses for one index, of that layout, with these profiles; `kept`: what its layout keeps of exact answers."""

    layout: Layout
    profiles: tuple[Profile, ...] = ()
    kept: tuple[Kept, ...] = ()

    def choose(self, k: int, recall: float | None = None, params: SearchParams | None = None) -> Choice:
        """The plan and its knobs for searches of k hits. `recall` is short for `SearchParams(recall=...)`.

        For a recall it is the cheapest profile that keeps it, of the nearest depth; without one, and without a recall,
        the answer is exact.
        What the layout lost when it was built counts: of the true top k at most that share and the one that the search
        misses can be missing. ParameterError if the index is not made for the plan or the recall, or if `recall` and
        `params` exclude each other.
        """
        if k < 1:
            raise ParameterError(f"k is {k}, expected at least 1")
        params = params or _EXACT
        if recall is not None:
            params = params.replace(recall=recall)
        if params.recall is None:
            return self._with_knobs(params, None)
        needed = self._needed(k, params.recall)
        keeping = [profile for profile in self.profiles if _keeps(profile, needed, k)]
        if not keeping:
            return self._with_knobs(_EXACT, None)
        measured = [profile for profile in keeping if profile.k == k]
        best = min(measured or keeping, key=lambda profile: _preference(profile, k))
        return self._with_knobs(best.params, best)

    def _needed(self, k: int, recall: float) -> float:
        """The recall that a profile has to promise."""
        return round(recall + self._loss(k, recall), 9)  # 0.92 + 0.05 is above 0.97 otherwise

    def _loss(self, k: int, recall: float) -> float:
        """What may be missing of the true top k even in exact answers, as at the measured depths around k."""
        if not self.kept:
            return 0.0
        below, above = ([entry for entry in self.kept if side * entry.k <= side * k] for side in (1, -1))
        lower = min(entry.lower for entry in (*below[-1:], *above[:1]))
        if recall > lower:
            raise ParameterError(
                f"recall {recall} is more than this index keeps of the top {k}: the layout '{self.layout}' stores less "
                f"than it was given, and exact answers of it have a recall of at least {lower:.3f} (95 % confidence); "
                "ask for no more, leave recall out for the best it can do, or build with the layout 'shared'"
            )
        return 1.0 - lower

    def reason(self, k: int, params: SearchParams, choice: Choice, *, narrow: bool) -> str:
        """Why `choose` chose so; `narrow`: for a search under a filter."""
        if narrow and (params.recall is not None or params.plan == "blocks"):
            return "only exact answers are any good where a filter, or group_by, narrows the search"
        if params.recall is None:
            if choice.plan == "exact" and (choice.heap_factor, choice.bound_share) != (1.0, 1.0):
                knobs = f"heap_factor {choice.heap_factor:g} and bound_share {choice.bound_share:g}"
                return f"{knobs} were asked for, so the answer need not be exact"
            asked = f"plan '{params.plan}' was asked for"
            return "no recall was asked for, so the answer is exact" if params.plan == "auto" else asked
        wanted, profile = f"recall {params.recall:g} for {k} hits", choice.profile
        if profile is None:
            measured = (
                "none of the profiles keeps" if self.profiles else "nothing was measured (`seismic tune`) to keep"
            )
            return f"{measured} {wanted}, so the answer is exact"
        needed = self._needed(k, params.recall)
        keeping = sum(_keeps(one, needed, k) for one in self.profiles)
        return (
            f"{keeping} of {len(self.profiles)} profiles keep {wanted}; the cheapest of the nearest depth, "
            f"k = {profile.k}, was measured at recall {profile.recall:.4f} (above {profile.lower:.4f} with 95 % "
            f"confidence) in {profile.microseconds:.0f} us, an exact answer in {profile.exact_microseconds:.0f}"
        )

    def _with_knobs(self, params: SearchParams, profile: Profile | None) -> Choice:
        if params.plan != "blocks":
            return Choice("exact", QUERY_CUT, params.heap_factor or 1.0, params.bound_share or 1.0, profile)
        if self.layout != "lists":
            raise ParameterError(
                "plan 'blocks' visits posting lists, and this index has none; use 'exact', or build it with the layout "
                "'lists'"
            )
        return Choice("blocks", params.query_cut or QUERY_CUT, params.heap_factor or HEAP_FACTOR, profile=profile)


_EXACT = SearchParams()


def _preference(profile: Profile, k: int) -> tuple[bool, float, float]:
    """The smallest is the best. Costs relative to exact answers differ from depth to depth, so the nearest comes first:
    its knobs are the loosest that hold."""
    return profile.exact, abs(math.log(profile.k / k)), profile.microseconds / profile.exact_microseconds


def _keeps(profile: Profile, recall: float, k: int) -> bool:
    if profile.lower < recall:
        return False
    if profile.exact or k == profile.k:
        return True
    if profile.params.bound_share is not None and profile.k < STEADY:
        return False
    return (k < profile.k) == (profile.params.plan == "blocks")
