from typing import Any

import pytest

from seismic import ParameterError, Profile, SearchParams
from seismic.planner import Choice, Planner, scans
from seismic.store.manifest import Kept


def profile(k: int, target: float, cost: float, **params: Any) -> Profile:
    kept = {"recall": target, "lower": target, "upper": 1.0}
    costs = {"microseconds": cost, "exact_microseconds": 10.0 * k}
    return Profile(k=k, target=target, params=SearchParams(**params), queries=100, **kept, **costs)


EXACT = Choice("exact", 15, 1.0)
LOOSE_10 = profile(10, 0.9, 50.0, plan="exact", heap_factor=1.2)
TIGHT_10 = profile(10, 0.97, 70.0, plan="exact", heap_factor=1.1)
BLOCKS_100 = profile(100, 0.9, 300.0, plan="lists", query_cut=5, heap_factor=0.8)
EXACT_100 = profile(100, 1.0, 1000.0, plan="exact")
PLANNER = Planner("lists", (LOOSE_10, TIGHT_10, BLOCKS_100, EXACT_100))


@pytest.mark.parametrize(
    ("recall", "k", "chosen"),
    [
        (0.9, 10, LOOSE_10),  # measured at this depth
        (0.91, 10, TIGHT_10),
        (0.97, 10, TIGHT_10),
        (0.98, 10, EXACT_100),  # exact answers are exact at any k
        (0.91, 9, EXACT_100),  # `exact` with a heap factor has a lower recall at smaller k
        (0.9, 9, BLOCKS_100),
        (0.9, 50, BLOCKS_100),  # the nearest that holds
        (0.9, 20, LOOSE_10),
        (0.91, 50, TIGHT_10),
        (0.91, 5000, TIGHT_10),
        (0.9, 1, BLOCKS_100),  # `lists` has a higher recall at smaller k
        (0.9, 100, BLOCKS_100),
        (0.9, 101, LOOSE_10),  # and a lower one at larger k
        (1.0, 7, EXACT_100),
    ],
)
def test_the_cheapest_profile_that_keeps_the_recall(recall: float, k: int, chosen: Profile) -> None:
    choice = PLANNER.choose(k, SearchParams(recall=recall))
    assert choice.profile == chosen
    assert choice[:3] == Planner("lists").choose(k, chosen.params)[:3]


@pytest.mark.parametrize("profiles", [(), (LOOSE_10,)])
def test_what_was_not_measured_is_exact(profiles: tuple[Profile, ...]) -> None:
    assert Planner("shared", profiles).choose(10, SearchParams(recall=0.95)) == EXACT
    assert Planner("shared", profiles).choose(5, SearchParams(recall=0.5)) == EXACT


def test_what_is_promised_is_what_was_proven() -> None:
    doubtful = LOOSE_10.replace(lower=0.89)
    assert Planner("shared", (doubtful,)).choose(10, SearchParams(recall=0.9)) == EXACT


@pytest.mark.parametrize("params", [None, SearchParams(), SearchParams(plan="exact")])
def test_without_a_recall_answers_are_exact(params: SearchParams | None) -> None:
    assert PLANNER.choose(10, params) == EXACT


def test_knobs_that_are_given_hold() -> None:
    planner = Planner("lists")
    assert planner.choose(10, SearchParams(plan="lists")) == Choice("lists", 15, 0.6)
    knobs = SearchParams(plan="lists", query_cut=3, heap_factor=0.9)
    assert planner.choose(10, knobs) == Choice("lists", 3, 0.9)
    assert planner.choose(10, SearchParams(heap_factor=1.1)).heap_factor == 1.1


def test_what_cannot_be() -> None:
    with pytest.raises(ParameterError, match="k is 0, expected at least 1"):
        PLANNER.choose(0)
    with pytest.raises(ParameterError, match="found plan exact as well"):
        PLANNER.choose(10, SearchParams(recall=0.9, plan="exact"))
    with pytest.raises(ParameterError, match="'recall'"):
        PLANNER.choose(10, SearchParams(recall=1.5))
    with pytest.raises(
        ParameterError,
        match=r"the layout 'shared' does not store; use 'exact', or build the index with .* 'lists'",
    ):
        Planner("shared").choose(10, SearchParams(plan="lists"))


def kept(k: int, lower: float) -> Kept:
    return Kept(k=k, recall=lower + 0.005, lower=lower, upper=lower + 0.01, queries=500)


SMALL = Planner("small", (LOOSE_10, TIGHT_10, EXACT_100), (kept(10, 0.95), kept(100, 0.96)))


@pytest.mark.parametrize(
    ("recall", "k", "chosen"),
    [
        (0.85, 10, LOOSE_10),  # at most 0.05 was lost by the layout, and 0.10 by the search
        (0.9, 10, TIGHT_10),
        (0.93, 10, EXACT_100),
        (0.95, 10, EXACT_100),
        (0.92, 50, TIGHT_10),  # between two depths the lower one counts
        (0.93, 150, TIGHT_10),  # 0.03 and 0.04
        (0.96, 2000, EXACT_100),
    ],
)
def test_what_the_layout_lost_counts(recall: float, k: int, chosen: Profile) -> None:
    assert SMALL.choose(k, SearchParams(recall=recall)).profile == chosen


@pytest.mark.parametrize(("recall", "k"), [(0.951, 1), (0.951, 10), (0.951, 99), (0.961, 100), (0.961, 5000)])
def test_what_the_layout_cannot_keep_is_refused(recall: float, k: int) -> None:
    with pytest.raises(
        ParameterError, match=f"recall {recall} is more than this index keeps of the top {k}: the layout"
    ):
        SMALL.choose(k, SearchParams(recall=recall))
    assert SMALL.choose(k) == EXACT


def test_a_bound_share_holds_for_more_hits_if_there_are_ten() -> None:
    one, ten = (profile(k, 0.9, 5.0, plan="exact", bound_share=0.9) for k in (1, 10))
    planner = Planner("shared", (one, ten, EXACT_100))
    chosen = [planner.choose(k, SearchParams(recall=0.9)).profile for k in (1, 2, 9, 10, 11)]
    assert chosen == [one, EXACT_100, EXACT_100, ten, ten]
    assert planner.choose(10, SearchParams(recall=0.9)).bound_share == 0.9


def test_under_a_filter_answers_are_exact_unless_a_heap_factor_is_asked_for() -> None:
    assert PLANNER.choose(10, SearchParams(recall=0.9)).under_filter() == EXACT
    assert PLANNER.choose(10, SearchParams(plan="lists", query_cut=3)).under_filter() == Choice("exact", 3, 1.0)
    asked = PLANNER.choose(10, SearchParams(plan="exact", heap_factor=1.5))
    assert asked.under_filter() == asked


def test_few_blocks_are_scanned() -> None:
    assert [scans(blocks, 39_901) for blocks in (1, 96 + 39_901 // 512, 174)] == [True, True, False]
    assert scans(10, 10)
